"""Remembering: what people tell about themselves and others, corrections, and what nobody told."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tools.demo_model.phrasing import AnyOf, Ways, phrasings
from tools.demo_model.words import POOLS, Split, made_up, number, person, pick

Draw = Callable[[random.Random, Split], str]


def a_word(rng: random.Random, split: Split) -> str:
    return made_up(rng, split)


def a_name(rng: random.Random, split: Split) -> str:
    return person(rng, split)


def a_mixture(rng: random.Random, split: Split) -> str:
    """As passwords are: "falcon88"."""
    word = pick(rng, split, "animal") if rng.random() < 0.3 else made_up(rng, split)
    return word.replace(" ", "") + number(rng, split, (1, 4))


def a_time(rng: random.Random, split: Split) -> str:
    """A day, a date or a time of the clock."""
    roll = rng.random()
    if roll < 0.3:
        return pick(rng, split, "day")
    if roll < 0.5:
        return a_birthday(rng, split)
    return f"{rng.randint(0, 23)}:{rng.choice(('00', '15', '30', '45'))}"


def either(pool: str) -> Draw:
    """A word of the pool, or one that nobody has heard of."""

    def draw(rng: random.Random, split: Split) -> str:
        return pick(rng, split, pool) if rng.random() < 0.65 else made_up(rng, split)

    return draw


def a_birthday(rng: random.Random, _split: Split) -> str:
    return f"{rng.randint(1, 28)} {rng.choice(POOLS['month'])}"


def a_code(rng: random.Random, split: Split) -> str:
    letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(rng.randint(0, 2)))
    return letters + number(rng, split, (2, 5))


def a_title(rng: random.Random, split: Split) -> str:
    return f"The {made_up(rng, split).capitalize()} {pick(rng, split, 'thing').capitalize()}"


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something that a person can tell: how it is told, asked and said, of oneself and others."""

    key: str
    draw: Draw
    tell: Ways
    ask: Ways
    say: str  # with {v}; also after "I will remember that"
    missing: str  # what was not told: "You have not told me …"
    tell_other: Ways
    ask_other: Ways
    say_other: str
    missing_other: str
    who: Ways


_TELL = phrasings("memory", "tell")
_ASK = phrasings("memory", "ask")
TELL_OTHER = phrasings("memory", "tell other")
ASK_OTHER = phrasings("memory", "ask other")
WHO = phrasings("memory", "who")
_FAVOURITE = "favourite "
_NAME_OF = "'s name"


def noun_attribute(noun: str, draw: Draw) -> Attribute:
    """An attribute of the kind "my favourite colour is …"; what is best liked, and the names of
    beings and things, can be put in other words too ("the colour I like best", "is called")."""

    def ways(section: str, plain: Ways) -> Ways:
        usual = plain.about(a=noun)
        if noun.startswith(_FAVOURITE):
            other = phrasings("wording", f"favourite {section}").about(
                x=noun.removeprefix(_FAVOURITE)
            )
        elif noun.endswith(_NAME_OF):
            other = phrasings("wording", f"called {section}").about(x=noun.removesuffix(_NAME_OF))
        else:
            return usual
        return AnyOf(usual, other)

    return Attribute(
        key=noun,
        draw=draw,
        tell=ways("tell", _TELL),
        ask=ways("ask", _ASK),
        say=f"your {noun} is {{v}}",
        missing=f"your {noun}",
        tell_other=ways("tell other", TELL_OTHER),
        ask_other=ways("ask other", ASK_OTHER),
        say_other=f"{{o}}'s {noun} is {{v}}",
        missing_other=f"{{o}}'s {noun}",
        who=ways("who", WHO),
    )


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
