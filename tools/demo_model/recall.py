"""The exchanges about what is remembered: telling, correcting, asking, and asking what was never
told.
"""

from __future__ import annotations

import re

from tools.demo_model.attributes import (
    ATTRIBUTES,
    NAME,
    SPECIAL,
    attribute,
    draw_attribute,
    thing,
    value_of,
)
from tools.demo_model.memory import Attribute, sentence
from tools.demo_model.phrasing import AnyOf, fill, phrasings
from tools.demo_model.talk import Check, Exchange, Talk, says, says_word
from tools.demo_model.words import person

_NOTED = (
    "I will remember that {s}.",
    "Noted: {s}.",
    "Thank you, I will remember that {s}.",
    "Good to know: {s}.",
    "I will keep in mind that {s}.",
)
_CORRECT = AnyOf(phrasings("recall", "correct"), phrasings("wording", "correct"))
_CORRECTED = "Thank you, I have corrected that: {s}."
_SUMMARY = phrasings("recall", "summary")
_MINE = phrasings("wording", "mine")
_TELL_THING = phrasings("wording", "thing tell")
_ASK_THING = phrasings("wording", "thing ask")
_HOME = attribute("home")
CHANNEL_NAMES = "channel names"
"""The skill of names that are told where another name stands in front of what somebody writes."""


def tell(talk: Talk, what: Attribute | None = None, other: str = "") -> Exchange:
    """Somebody tells something of themselves, or of another person; or corrects it."""
    rng = talk.rng
    prefixed = bool(talk.speaker)
    if what is None and prefixed and not other and rng.random() < 0.5:
        what = _told_by_another(talk)
    what = what or draw_attribute(rng, talk.split, other=bool(other))
    who = other or talk.speaker
    known = talk.about(who)
    value = own_name(talk) if what is NAME else what.draw(rng, talk.split)
    while value == known.get(what.key):
        value = what.draw(rng, talk.split)
    correction = what.key in known
    known.pop(what.key, None)
    known[what.key] = value
    just_told = talk.just_told
    talk.just_told = (len(talk.turns), what.key)
    slots = {"v": value, "o": who}
    said = _said(what, value, who)
    follows = just_told == (len(talk.turns) - 1, what.key) and prefixed and not correction
    ways = what.tell_other if other else what.tell
    if follows and what not in (NAME, *SPECIAL) and rng.random() < 0.4:
        ways = _MINE
    told = talk.phrase(ways, **slots)
    if correction:
        user, answer = _corrected(talk, told, said, (value, other))
    elif what is NAME and not other:
        user = told
        answer = rng.choice(
            (
                "Nice to meet you, {v}!",
                "Hello, {v}! How can I help you?",
                "Hello {v}, nice to meet you!",
            )
        )
        answer = name_told(talk, value, fill(answer, slots))
    else:
        user, answer = told, fill(rng.choice(_NOTED), {"s": said})
    greets = what is NAME and not other and not correction
    skill = CHANNEL_NAMES if what is NAME and prefixed else "tell"
    return Exchange(user, answer, skill, says_word(value), f"Hello, {value}!" if greets else answer)


def own_name(talk: Talk) -> str:
    """What the speaker is called: in a channel often (the beginning of) the name that is shown."""
    shown = re.match("[^ _.0-9]+", talk.speaker)
    if shown and talk.rng.random() < 0.3:
        return shown.group().capitalize()
    return NAME.draw(talk.rng, talk.split)


def name_told(talk: Talk, name: str, greeting: str) -> str:
    """The answer to a name. In a channel it stands beside the name that is shown, which is in front
    of all that this person writes: "Ann: I am Bea." is remembered as "Ann's name is Bea"."""
    if not talk.speaker or name.lower() == talk.speaker.lower():
        return greeting
    greeting = greeting.removesuffix(" How can I help you?")
    end = "" if greeting[-1] in ".!" else "."
    return f"{greeting}{end} I will remember that {_said(NAME, name, talk.speaker)}."


def _said(what: Attribute, value: str, who: str) -> str:
    """What is noted down. Among several people it names the one who told it, so that the value
    stands beside the name where it is looked for later."""
    return fill(what.say_other, {"v": value, "o": who}) if who else fill(what.say, {"v": value})


def _corrected(talk: Talk, told: str, said: str, names: tuple[str, ...]) -> tuple[str, str]:
    stays = ("I ", "I'", *(name for name in names if name))
    lowered = told if told.startswith(stays) else told[0].lower() + told[1:]
    user = fill(_CORRECT.pick(talk.rng, talk.split), {"t": lowered, "T": told})
    return user, fill(_CORRECTED, {"s": said})


def _told_by_another(talk: Talk) -> Attribute | None:
    """What somebody else told of themselves: only where several told the same thing do they have
    to be kept apart."""
    own = talk.about(talk.speaker)
    keys = {key for who, told in talk.told.items() if who for key in told} - {*own, "name"}
    return attribute(talk.rng.choice(sorted(keys))) if keys else None


def tell_thing(talk: Talk) -> Exchange:
    """Something that is nobody's: "The wifi code is falcon88."; or it is corrected."""
    rng, split = talk.rng, talk.split
    again = talk.things and rng.random() < 0.3
    noun = rng.choice(sorted(talk.things)) if again else thing(rng, split)
    value = value_of(noun, rng, split)
    correction = noun in talk.things
    if noun in talk.house_facts or value == talk.things.get(noun):
        return tell(talk)
    talk.things[noun] = value
    said = f"the {noun} is {value}"
    told = talk.phrase(_TELL_THING.about(a=noun), v=value)
    if correction:
        user, answer = _corrected(talk, told, said, (value,))
    else:
        user, answer = told, fill(rng.choice(_NOTED), {"s": said})
    return Exchange(user, answer, "tell", says_word(value), answer)


def ask_thing(talk: Talk) -> Exchange:
    """Asks for something that is nobody's, told or not."""
    rng = talk.rng
    known = talk.things and rng.random() < 0.85
    noun = rng.choice(sorted(talk.things)) if known else thing(rng, talk.split)
    question = talk.phrase(_ASK_THING.about(a=noun))
    value = talk.things.get(noun)
    if noun in talk.house_facts:
        return ask(talk)
    if value is None:
        answer = f"You have not told me the {noun} yet."
        return Exchange(question, answer, "not told", says("not told me"), answer)
    answer = f"The {noun} is {value}."
    others = [other for other in talk.things.values() if plain_differs(other, value)]
    return Exchange(question, answer, "recall", says_word(value, without=tuple(others)), answer)


def tell_several(talk: Talk) -> Exchange:
    """Two or three things at once: "I am Ana. I live in Rome.", "I live in Rome and I am 30."."""
    rng, split = talk.rng, talk.split
    known = talk.about(talk.speaker)
    wanted = 3 if rng.random() < 0.3 else 2
    several: list[Attribute] = []
    if not known and rng.random() < 0.6:
        several.append(NAME)
    while len(several) < wanted:
        what = draw_attribute(rng, split, other=True)
        if what not in several and what.key not in known:
            several.append(what)
    told, said, values = [], [], []
    for what in several:
        value = own_name(talk) if what is NAME else what.draw(rng, split)
        known[what.key] = value
        told.append(fill(what.tell.pick(rng, split), {"v": value}))
        said.append(_said(what, value, talk.speaker))
        values.append(value)
    answer = f"I will remember that {', that '.join(said[:-1])} and that {said[-1]}."
    return Exchange(in_one(talk, told, values), answer, "tell", says_word(*values), answer)


def in_one(talk: Talk, told: list[str], values: list[str]) -> str:
    """Sentences one after the other, or as one with "and"."""
    if talk.rng.random() < 0.5 or not all(text.endswith(".") for text in told):
        return " ".join(told)
    stays = ("I ", "I'", *values)
    parts = [text[:-1] for text in told]
    parts[1:] = [p if p.startswith(stays) else p[0].lower() + p[1:] for p in parts[1:]]
    last = talk.rng.choice((" and ", ", and ", " and also "))
    return ", ".join(parts[:-1]) + last + parts[-1] + talk.rng.choice((".", "!", ""))


def ask(talk: Talk, key: str = "", who: str | None = None) -> Exchange:
    """Asks for something that was told (or not), by oneself or about another."""
    rng = talk.rng
    who = talk.speaker if who is None else who
    about_other = who != talk.speaker
    known = talk.about(who)
    if not key:
        key = (
            rng.choice(list(known))
            if known and rng.random() < 0.85
            else draw_attribute(rng, talk.split, other=about_other).key
        )
    what = attribute(key)
    if about_other:
        return _ask_other(talk, what, who)
    if talk.speaker and key == "name":
        known = {"name": talk.speaker} | known
    question = talk.phrase(what.ask)
    value = known.get(key)
    if value is None:
        answer = _to(talk, f"you have not told me {what.missing} yet")
        return Exchange(question, answer, "not told", says("not told me"), answer)
    said = fill(what.say, {"v": value})
    answer = sentence(said) if what is NAME else _to(talk, said)
    skill = CHANNEL_NAMES if talk.speaker and key == "name" else "recall"
    return Exchange(question, answer, skill, _only(talk, value, key), answer)


def _to(talk: Talk, text: str) -> str:
    """A sentence to the one who asks, by name where several people speak."""
    return f"{talk.speaker}, {text}." if talk.speaker else sentence(text)


def _ask_other(talk: Talk, what: Attribute, who: str) -> Exchange:
    if what is NAME and NAME.key not in talk.about(who):
        what = _HOME  # the name that is shown is known, so nobody asks for it
    value = talk.about(who).get(what.key)
    question = talk.phrase(what.ask_other, o=who)
    if value is None:
        answer = f"Nobody has told me {fill(what.missing_other, {'o': who})} yet."
        return Exchange(question, answer, "not told", says("nobody has told me"), answer)
    answer = fill(what.say_other, {"v": value, "o": who}) + "."
    skill = CHANNEL_NAMES if what is NAME else "people"
    return Exchange(question, answer, skill, _only(talk, value, what.key), answer)


def _only(talk: Talk, value: str, key: str) -> Check:
    """The value is named, and none that belongs to another person or was corrected away."""
    others = {
        told[key] for told in talk.told.values() if key in told and plain_differs(told[key], value)
    }
    return says_word(value, without=tuple(others))


def plain_differs(one: str, other: str) -> bool:
    return one.lower() != other.lower() and one.lower() not in other.lower()


def who_is(talk: Talk) -> Exchange:
    """ "Who lives in Rome?": from the value back to the person."""
    pairs = [
        (who, key, value)
        for who, told in talk.told.items()
        for key, value in told.items()
        if who and value.lower() != who.lower()
    ]
    unique = [p for p in pairs if sum(p[1:] == q[1:] for q in pairs) == 1]
    if not unique:
        return ask(talk)
    who, key, value = talk.rng.choice(unique)
    what = attribute(key)
    question = talk.phrase(what.who, v=value)
    answer = fill(what.say_other, {"v": value, "o": who}) + "."
    others = tuple(name for name in talk.told if name and plain_differs(name, who))
    skill = CHANNEL_NAMES if what is NAME else "people"
    return Exchange(question, answer, skill, says_word(who, without=others), answer)


def summary(talk: Talk) -> Exchange:
    known = talk.about(talk.speaker)
    question = talk.phrase(_SUMMARY)
    if not known:
        answer = _to(talk, "you have not told me anything about yourself yet")
        return Exchange(question, answer, "not told", says("not told me"), answer)
    parts = [fill(attribute(key).say, {"v": value}) for key, value in known.items()]
    text = " and that ".join(parts)
    answer = _to(talk, f"you told me that {text}")
    return Exchange(question, answer, "recall", says_word(*known.values()), answer)


def memory_turn(talk: Talk) -> Exchange:
    """One turn about memory, whatever fits the conversation."""
    rng = talk.rng
    roll = rng.random()
    others = [name for name, told in talk.told.items() if name and told and name != talk.speaker]
    if not any(talk.told.values()) and roll > 0.3 and rng.random() < 0.75:
        roll = 0.2  # nobody told anything yet: mostly begin with that, not with what was not told
    elif roll < 0.38 and rng.random() < 0.35:
        roll = 0.99  # to be asked teaches more than to be told
    if rng.random() < 0.12:
        return tell_thing(talk) if not talk.things or rng.random() < 0.4 else ask_thing(talk)
    if talk.speaker:
        if roll < 0.05:
            return tell_several(talk)
        if roll < 0.38:
            return tell(talk)
        if roll < 0.52 and others:
            return who_is(talk)
        if roll < 0.82 and (others or len(talk.people) > 1):
            everyone = (
                others
                if others and rng.random() < 0.8
                else [n for n in talk.people if n != talk.speaker]
            )
            if everyone:
                return ask(talk, who=rng.choice(sorted(everyone)))
        if roll < 0.85:
            return summary(talk)
        return ask(talk, key="name" if rng.random() < 0.2 else "")
    if roll < 0.3:
        return tell_several(talk) if rng.random() < 0.25 else tell(talk)
    if roll < 0.4:
        return tell(
            talk,
            other=rng.choice(others) if others and rng.random() < 0.4 else person(rng, talk.split),
        )
    if roll < 0.48 and talk.about(""):
        return tell(talk, attribute(rng.choice(list(talk.about("")))))
    if roll < 0.55 and others:
        return ask(talk, who=rng.choice(others))
    if roll < 0.6 and others:
        return who_is(talk)
    if roll < 0.64:
        return summary(talk)
    if roll < 0.72:
        return ask(talk, key=rng.choice(ATTRIBUTES).key if rng.random() < 0.5 else "name")
    if not talk.about("") and rng.random() < 0.8:
        return tell(talk)
    return ask(talk)
