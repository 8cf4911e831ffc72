"""All that can be told of a person: what has a grammar of its own, then any noun."""

from __future__ import annotations

import random

from tools.demo_model.memory import (
    ASK_OTHER,
    TELL_OTHER,
    WHO,
    Attribute,
    Draw,
    a_birthday,
    a_code,
    a_name,
    a_title,
    a_word,
    either,
    noun_attribute,
    with_noun,
)
from tools.demo_model.phrasing import phrasings
from tools.demo_model.words import Split, made_up, number, pick, place


def _a_job(rng: random.Random, split: Split) -> str:
    """A job that goes with "a"; made up as often as not, so that any word can be one."""
    while True:
        job = pick(rng, split, "job") if rng.random() < 0.5 else made_up(rng, split)
        if job[0] not in "aeiou":
            return job


NAME = Attribute(
    key="name",
    draw=a_name,
    tell=phrasings("attributes", "name tell"),
    ask=phrasings("attributes", "name ask"),
    say="your name is {v}",
    missing="your name",
    tell_other=with_noun(TELL_OTHER, "first name"),
    ask_other=with_noun(ASK_OTHER, "first name"),
    say_other="{o}'s first name is {v}",
    missing_other="{o}'s first name",
    who=with_noun(WHO, "first name"),
)
HOME = Attribute(
    key="home",
    draw=place,
    tell=phrasings("attributes", "home tell"),
    ask=phrasings("attributes", "home ask"),
    say="you live in {v}",
    missing="where you live",
    tell_other=phrasings("attributes", "home tell other"),
    ask_other=phrasings("attributes", "home ask other"),
    say_other="{o} lives in {v}",
    missing_other="where {o} lives",
    who=phrasings("attributes", "home who"),
)
JOB = Attribute(
    key="job",
    draw=_a_job,
    tell=phrasings("attributes", "job tell"),
    ask=phrasings("attributes", "job ask"),
    say="you work as a {v}",
    missing="what your job is",
    tell_other=phrasings("attributes", "job tell other"),
    ask_other=phrasings("attributes", "job ask other"),
    say_other="{o} works as a {v}",
    missing_other="what {o}'s job is",
    who=phrasings("attributes", "job who"),
)
LIKES = Attribute(
    key="likes",
    draw=either("hobby"),
    tell=phrasings("attributes", "likes tell"),
    ask=phrasings("attributes", "likes ask"),
    say="you like {v}",
    missing="what you like",
    tell_other=phrasings("attributes", "likes tell other"),
    ask_other=phrasings("attributes", "likes ask other"),
    say_other="{o} likes {v}",
    missing_other="what {o} likes",
    who=phrasings("attributes", "likes who"),
)
AGE = Attribute(
    key="age",
    draw=lambda rng, _split: str(rng.randint(5, 99)),
    tell=phrasings("attributes", "age tell"),
    ask=phrasings("attributes", "age ask"),
    say="you are {v} years old",
    missing="how old you are",
    tell_other=phrasings("attributes", "age tell other"),
    ask_other=phrasings("attributes", "age ask other"),
    say_other="{o} is {v} years old",
    missing_other="how old {o} is",
    who=phrasings("attributes", "age who"),
)

_NOUNS: tuple[tuple[str, Draw], ...] = (
    *(
        (f"favourite {x}", either(x))
        for x in ("colour", "food", "animal", "fruit", "drink", "instrument")
    ),
    ("favourite season", either("season")),
    ("favourite day", either("day")),
    ("favourite month", either("month")),
    ("favourite city", place),
    ("favourite number", number),
    ("favourite country", either("country")),
    ("favourite language", either("language")),
    ("favourite book", a_title),
    ("favourite film", a_title),
    ("favourite song", a_title),
    ("favourite game", a_word),
    ("favourite band", a_title),
    ("favourite flower", a_word),
    ("favourite sport", either("hobby")),
    ("favourite word", a_word),
    ("favourite team", a_name),
    ("mother tongue", either("language")),
    ("birthday", a_birthday),
    ("lucky number", number),
    ("room number", number),
    ("code word", a_word),
    ("password", a_word),
    ("phone extension", number),
    ("seat number", a_code),
    ("locker code", a_code),
    ("order number", a_code),
    ("flight number", a_code),
    ("shoe size", lambda rng, _split: str(rng.randint(30, 49))),
    ("house number", number),
    ("customer number", a_code),
    ("project name", a_word),
    ("company", a_name),
    ("team", a_name),
    ("nickname", a_name),
    ("last name", a_name),
    ("street", a_name),
    ("dog's name", a_name),
    ("cat's name", a_name),
    ("brother's name", a_name),
    ("sister's name", a_name),
    ("mother's name", a_name),
    ("father's name", a_name),
    ("boss's name", a_name),
    ("teacher's name", a_name),
    ("best friend's name", a_name),
    ("neighbour's name", a_name),
    ("horse's name", a_name),
    ("boat's name", a_name),
    ("son's name", a_name),
    ("daughter's name", a_name),
    ("home town", place),
    ("holiday destination", place),
    ("secret word", a_word),
    ("username", a_word),
    ("car", a_word),
    ("computer", a_word),
    ("star sign", a_word),
)
SPECIAL = (HOME, JOB, LIKES, AGE)
ATTRIBUTES: tuple[Attribute, ...] = (
    NAME,
    *SPECIAL,
    *(noun_attribute(noun, draw) for noun, draw in _NOUNS),
)
BY_KEY = {attribute.key: attribute for attribute in ATTRIBUTES}


def draw_attribute(rng: random.Random, *, other: bool = False) -> Attribute:
    """The name comes most often, then where somebody lives and the like, then any noun."""
    roll = rng.random()
    if roll < 0.2 and not other:
        return NAME
    if roll < 0.5:
        return rng.choice(SPECIAL)
    return rng.choice(ATTRIBUTES[1:])
