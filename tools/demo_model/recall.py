"""The exchanges about what is remembered: telling, correcting, asking, and asking what was never
told.
"""

from __future__ import annotations

from tools.demo_model.attributes import (
    ATTRIBUTES,
    BY_KEY,
    NAME,
    draw_attribute,
)
from tools.demo_model.memory import Attribute, sentence
from tools.demo_model.phrasing import fill, phrasings
from tools.demo_model.talk import Check, Exchange, Talk, says, says_word
from tools.demo_model.words import person

_NOTED = (
    "I will remember that {s}.",
    "Noted: {s}.",
    "Thank you, I will remember that {s}.",
    "Good to know: {s}.",
    "I will keep in mind that {s}.",
)
_CORRECT = phrasings("recall", "correct")
_CORRECTED = "Thank you, I have corrected that: {s}."
_SUMMARY = phrasings("recall", "summary")


def tell(talk: Talk, attribute: Attribute | None = None, other: str = "") -> Exchange:
    """Somebody tells something of themselves, or of another person; or corrects it."""
    rng = talk.rng
    prefixed = bool(talk.speaker)
    if attribute is None and prefixed and not other and rng.random() < 0.5:
        attribute = _told_by_another(talk)
    attribute = attribute or draw_attribute(rng, other=bool(other) or prefixed)
    if prefixed and not other and attribute is NAME:
        attribute = BY_KEY["home"]
    who = other or talk.speaker
    known = talk.about(who)
    value = attribute.draw(rng, talk.split)
    while value == known.get(attribute.key):
        value = attribute.draw(rng, talk.split)
    correction = attribute.key in known
    known.pop(attribute.key, None)
    known[attribute.key] = value
    slots = {"v": value, "o": other}
    told = talk.phrase(attribute.tell_other if other else attribute.tell, **slots)
    said = fill(attribute.say_other if other else attribute.say, slots)
    if correction:
        lowered = (
            told
            if told.startswith(("I ", "I'", value, other or "I "))
            else told[0].lower() + told[1:]
        )
        user = fill(_CORRECT.pick(rng, talk.split), {"t": lowered, "T": told})
        answer = fill(_CORRECTED, {"s": said})
    elif attribute is NAME and not other:
        user = told
        answer = rng.choice(
            (
                "Nice to meet you, {v}!",
                "Hello, {v}! How can I help you?",
                "Hello {v}, nice to meet you!",
            )
        )
        answer = fill(answer, slots)
    else:
        user, answer = told, fill(rng.choice(_NOTED), {"s": said})
    short = answer if answer.count("!") + answer.count("?") < 2 else f"Hello, {value}!"
    return Exchange(user, answer, "tell", says_word(value), short)


def _told_by_another(talk: Talk) -> Attribute | None:
    """What somebody else told of themselves: only where several told the same thing do they have
    to be kept apart."""
    own = talk.about(talk.speaker)
    keys = {key for who, told in talk.told.items() if who for key in told} - {*own, "name"}
    return BY_KEY[talk.rng.choice(sorted(keys))] if keys else None


def tell_two(talk: Talk) -> Exchange:
    """Two things at once: "I am Ana. I live in Rome."."""
    if talk.speaker or talk.told.get(""):
        return tell(talk)
    first = NAME if talk.rng.random() < 0.6 else draw_attribute(talk.rng)
    second = draw_attribute(talk.rng)
    while second.key == first.key:
        second = draw_attribute(talk.rng)
    told, said, values = [], [], []
    for attribute in (first, second):
        value = attribute.draw(talk.rng, talk.split)
        talk.about("")[attribute.key] = value
        text = fill(attribute.tell.pick(talk.rng, talk.split), {"v": value})
        told.append(text)
        said.append(fill(attribute.say, {"v": value}))
        values.append(value)
    answer = f"I will remember that {said[0]} and that {said[1]}."
    return Exchange(" ".join(told), answer, "tell", says_word(*values), answer)


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
            else draw_attribute(rng, other=about_other).key
        )
    attribute = BY_KEY[key]
    if about_other:
        return _ask_other(talk, attribute, who)
    if talk.speaker and key == "name":
        known = {"name": talk.speaker}
    question = talk.phrase(attribute.ask)
    value = known.get(key)
    if value is None:
        answer = f"You have not told me {attribute.missing} yet."
        return Exchange(question, answer, "not told", says("not told me"), answer)
    answer = sentence(fill(attribute.say, {"v": value}))
    return Exchange(question, answer, "recall", _only(talk, value, key), answer)


def _ask_other(talk: Talk, attribute: Attribute, who: str) -> Exchange:
    if attribute is NAME:
        attribute = BY_KEY["home"]
    value = talk.about(who).get(attribute.key)
    question = talk.phrase(attribute.ask_other, o=who)
    if value is None:
        answer = f"Nobody has told me {fill(attribute.missing_other, {'o': who})} yet."
        return Exchange(question, answer, "not told", says("nobody has told me"), answer)
    answer = fill(attribute.say_other, {"v": value, "o": who}) + "."
    return Exchange(question, answer, "people", _only(talk, value, attribute.key), answer)


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
        if who and key != "name"
    ]
    unique = [p for p in pairs if sum(p[1:] == q[1:] for q in pairs) == 1]
    if not unique:
        return ask(talk)
    who, key, value = talk.rng.choice(unique)
    attribute = BY_KEY[key]
    question = talk.phrase(attribute.who, v=value)
    answer = fill(attribute.say_other, {"v": value, "o": who}) + "."
    others = tuple(name for name in talk.told if name and plain_differs(name, who))
    return Exchange(question, answer, "people", says_word(who, without=others), answer)


def summary(talk: Talk) -> Exchange:
    known = talk.about(talk.speaker)
    question = talk.phrase(_SUMMARY)
    if not known:
        answer = "You have not told me anything about yourself yet."
        return Exchange(question, answer, "not told", says("not told me"), answer)
    parts = [fill(BY_KEY[key].say, {"v": value}) for key, value in known.items()]
    text = " and that ".join(parts)
    answer = f"You told me that {text}."
    return Exchange(question, answer, "recall", says_word(*known.values()), answer)


def memory_turn(talk: Talk) -> Exchange:
    """One turn about memory, whatever fits the conversation."""
    rng = talk.rng
    roll = rng.random()
    others = [name for name, told in talk.told.items() if name and told and name != talk.speaker]
    if not any(talk.told.values()) and roll > 0.3 and rng.random() < 0.75:
        roll = 0.2  # nobody told anything yet: mostly begin with that, not with what was not told
    if talk.speaker:
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
        return ask(talk, key="name" if rng.random() < 0.2 else "")
    if roll < 0.3:
        return tell_two(talk) if rng.random() < 0.25 else tell(talk)
    if roll < 0.4:
        return tell(
            talk,
            other=rng.choice(others) if others and rng.random() < 0.4 else person(rng, talk.split),
        )
    if roll < 0.48 and talk.about(""):
        return tell(talk, BY_KEY[rng.choice(list(talk.about("")))])
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
