"""Remembering: what people tell about themselves and others, corrections, and what nobody told."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tools.demo_model.phrasing import Phrasings, fill
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


_TELL = Phrasings("""
    My {a} is {v}.
    My {a} is {v}, remember that.
    Remember that my {a} is {v}.
    Please remember: my {a} is {v}.
    For your information, my {a} is {v}.
    My {a}? It is {v}.
    I want you to know that my {a} is {v}.
    You should know that my {a} is {v}.
    {v} is my {a}.
    Just so you know, my {a} is {v}.
    Keep in mind that my {a} is {v}.
    Note that my {a} is {v}.
    My {a} happens to be {v}.
    Don't forget that my {a} is {v}.
    I'd like you to remember that my {a} is {v}.
    Please note that my {a} is {v}.
    Can you remember that my {a} is {v}?
    Let me tell you my {a}: it is {v}.
    Here is my {a}: {v}.
    I will tell you my {a}. It is {v}.""")
_ASK = Phrasings("""
    What is my {a}?
    Do you remember my {a}?
    Do you know my {a}?
    What's my {a}?
    Can you tell me my {a}?
    Tell me my {a}.
    What was my {a}?
    What is my {a} again?
    Do you still know my {a}?
    What did I say my {a} is?
    Which {a} did I tell you?
    What did I tell you about my {a}?
    Please tell me my {a}.
    I forgot my {a}. What is it?
    What was my {a} again?
    Can you remember my {a}?
    Name my {a}.
    Say my {a}.
    My {a} is what?
    Could you tell me what my {a} is?
    Do you recall my {a}?
    What is my {a}, do you remember?
    Remind me of my {a}.
    Do you know what my {a} is?
    And my {a}?""")
TELL_OTHER = Phrasings("""
    {o}'s {a} is {v}.
    The {a} of {o} is {v}.
    Remember that {o}'s {a} is {v}.
    Please remember: {o}'s {a} is {v}.
    {v} is the {a} of {o}.
    My friend {o} has this {a}: {v}.
    You should know that {o}'s {a} is {v}.
    Note that the {a} of {o} is {v}.
    By the way, {o}'s {a} is {v}.
    My friend {o} told me that {v} is the right {a}.""")
ASK_OTHER = Phrasings("""
    What is {o}'s {a}?
    What's {o}'s {a}?
    Do you remember {o}'s {a}?
    What is the {a} of {o}?
    Do you know the {a} of {o}?
    Tell me {o}'s {a}.
    Can you tell me {o}'s {a}?
    What was {o}'s {a}?
    Do you know {o}'s {a}?
    What was the {a} of {o} again?
    And {o}'s {a}?
    Please tell me the {a} of {o}.
    Do you still know {o}'s {a}?
    Which {a} does {o} have?
    Could you tell me {o}'s {a}?""")
WHO = Phrasings("""
    Whose {a} is {v}?
    Who said that {v} is their {a}?
    Whose {a} was {v}?
    Do you know whose {a} is {v}?
    {v} is whose {a}?
    Tell me whose {a} is {v}.""")


def with_noun(phrasings: Phrasings, noun: str) -> Phrasings:
    return Phrasings([fill(template, {"a": noun}) for template in phrasings.all])


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
