"""Remembering: what people tell about themselves and others, corrections, and what nobody told."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tools.demo_model.phrasing import Phrasings, fill, phrasings
from tools.demo_model.words import POOLS, Split, made_up, number, person, pick

Draw = Callable[[random.Random, Split], str]


def a_word(rng: random.Random, split: Split) -> str:
    return made_up(rng, split)


def a_name(rng: random.Random, split: Split) -> str:
    return person(rng, split)


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
    tell: Phrasings
    ask: Phrasings
    say: str  # with {v}; also after "I will remember that"
    missing: str  # what was not told: "You have not told me …"
    tell_other: Phrasings
    ask_other: Phrasings
    say_other: str
    missing_other: str
    who: Phrasings


_TELL = phrasings("memory", "tell")
_ASK = phrasings("memory", "ask")
TELL_OTHER = phrasings("memory", "tell other")
ASK_OTHER = phrasings("memory", "ask other")
WHO = phrasings("memory", "who")


def with_noun(ways: Phrasings, noun: str) -> Phrasings:
    return Phrasings([fill(template, {"a": noun}) for template in ways.all])


def noun_attribute(noun: str, draw: Draw) -> Attribute:
    """An attribute of the kind "my favourite colour is …"."""
    return Attribute(
        key=noun,
        draw=draw,
        tell=with_noun(_TELL, noun),
        ask=with_noun(_ASK, noun),
        say=f"your {noun} is {{v}}",
        missing=f"your {noun}",
        tell_other=with_noun(TELL_OTHER, noun),
        ask_other=with_noun(ASK_OTHER, noun),
        say_other=f"{{o}}'s {noun} is {{v}}",
        missing_other=f"{{o}}'s {noun}",
        who=with_noun(WHO, noun),
    )


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
