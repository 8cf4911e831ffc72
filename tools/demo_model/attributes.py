"""All that can be told of a person: what has a grammar of its own, then any noun."""

from __future__ import annotations

import random
from functools import lru_cache

from tools.demo_model.memory import (
    ASK_OTHER,
    TELL_OTHER,
    WHO,
    Attribute,
    Draw,
    a_birthday,
    a_code,
    a_mixture,
    a_name,
    a_time,
    a_title,
    a_word,
    either,
    noun_attribute,
)
from tools.demo_model.phrasing import AnyOf, phrasings
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
    tell_other=AnyOf(TELL_OTHER.about(a="name"), TELL_OTHER.about(a="first name")),
    ask_other=AnyOf(*(ASK_OTHER.about(a=a) for a in ("name", "first name", "real name"))),
    say_other="{o}'s name is {v}",
    missing_other="{o}'s name",
    who=AnyOf(*(WHO.about(a=a) for a in ("name", "first name", "real name"))),
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
_BY_KEY = {attribute.key: attribute for attribute in ATTRIBUTES}

# What belongs to somebody or to nobody, beyond the list: any noun can be asked for again. The last
# word of a noun says what its value looks like.
_VALUES: dict[str, tuple[Draw, ...]] = {
    "name": (a_name, a_word),
    "number": (number, a_code),
    "code": (a_code, a_mixture),
    "password": (a_mixture, a_word),
    "colour": (either("colour"),),
    "size": (number,),
    "price": (number,),
    "day": (either("day"),),
    "date": (a_birthday,),
    "time": (a_time,),
    "place": (place, either("city")),
}
_ANY_VALUE: tuple[Draw, ...] = (
    a_word,
    a_name,
    a_title,
    number,
    *(either(pool) for pool in ("colour", "animal", "food", "thing", "drink", "country")),
)
_POOLS = ("thing", "animal", "fruit", "instrument", "job", "kind", "kind", "kind")
_THINGS = ("thing", "thing", "kind", "place")
_KINDS = tuple(_VALUES)


def _noun(rng: random.Random, split: Split, pools: tuple[str, ...]) -> str:
    return made_up(rng, split) if rng.random() < 0.3 else pick(rng, split, rng.choice(pools))


def _compound(rng: random.Random, split: Split) -> str:
    return f"{_noun(rng, split, _THINGS)} {rng.choice(_KINDS)}"


def open_noun(rng: random.Random, split: Split) -> str:
    """Something that a person can have: "parrot's name", "favourite sauce", "bicycle number"."""
    roll = rng.random()
    if roll < 0.35:
        return f"{_noun(rng, split, ('animal', 'relative', 'relative', 'job', 'thing'))}'s name"
    if roll < 0.7:
        return f"favourite {_noun(rng, split, _POOLS)}"
    if roll < 0.9:
        return _compound(rng, split)
    return _noun(rng, split, ("thing", "kind"))


def thing(rng: random.Random, split: Split) -> str:
    """Something that can be told and is nobody's: "wifi code", "price of the lamp"."""
    roll = rng.random()
    if roll < 0.6:
        return _compound(rng, split)
    if roll < 0.85:
        return f"{rng.choice(_KINDS)} of the {_noun(rng, split, _THINGS)}"
    which = rng.choice(("new", "old", "secret", "next", "first", "last"))
    return f"{which} {rng.choice(_KINDS)}"


def value_of(noun: str, rng: random.Random, split: Split) -> str:
    """A value that suits an open noun: by its last word, or its first ("price of the lamp")."""
    words = noun.split()
    kind = words[0] if " of the " in noun else words[-1]
    draws = _VALUES.get(kind, _ANY_VALUE)
    return rng.choice(draws)(rng, split)


@lru_cache(maxsize=4096)
def attribute(key: str) -> Attribute:
    """The attribute of a key: one of the list, or one of its own making for an open noun."""
    return _BY_KEY.get(key) or noun_attribute(key, lambda rng, split: value_of(key, rng, split))


def draw_attribute(rng: random.Random, split: Split, *, other: bool = False) -> Attribute:
    """The name comes most often, then where somebody lives and the like, then any noun."""
    roll = rng.random()
    if roll < 0.2 and not other:
        return NAME
    if roll < 0.5:
        return rng.choice(SPECIAL)
    if roll < 0.8:
        return rng.choice(ATTRIBUTES[1:])
    return attribute(open_noun(rng, split))
