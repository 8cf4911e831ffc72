"""Words to talk about, real and made up, and which of them training never sees.

Recall, spelling and repeating have to work for words that the model has never met, so the corpus
makes most of its names from syllables, and one word in eight (by checksum, hence for ever)
belongs to the evaluation alone.
"""

from __future__ import annotations

import random
import zlib
from pathlib import Path
from typing import Literal

Split = Literal["train", "eval"]

_DATA = Path(__file__).parent / "data" / "words.txt"


def _pools() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _DATA.read_text(encoding="utf-8").splitlines():
        if line.startswith("@ "):
            found[line[2:]] = []
        elif not line.startswith("#"):
            found[list(found)[-1]] += [word.strip() for word in line.split(" | ")]
    return {name: tuple(pool) for name, pool in found.items()}


POOLS = _pools()
REAL_NAMES = POOLS.pop("name")

_ONSETS: tuple[str, ...] = (
    *"bcdfghjklmnprstvwz",
    *("br", "cr", "dr", "fr", "gr", "pr", "tr", "bl", "cl", "fl", "gl", "pl", "sl", "st", "sh"),
    *("ch", "th"),
)
_VOWELS: tuple[str, ...] = (*"aaeeiioou", "ai", "ea", "io", "oo", "ei", "ia", "y")
_CODAS: tuple[str, ...] = ("", *"nlrstmkdx", "ck", "nd", "st", "rn", "lt", "ng", "ss", "th")


def held_out(word: str) -> bool:
    """Whether a word belongs to the evaluation: one in eight does, whatever its case."""
    return zlib.crc32(word.lower().encode()) % 8 == 0


def allowed(word: str, split: Split) -> bool:
    return held_out(word) == (split == "eval")


def made_up(rng: random.Random, split: Split, syllables: tuple[int, int] = (2, 3)) -> str:
    """A pronounceable word in lower case that belongs to the split."""
    while True:
        count = rng.randint(*syllables)
        parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(count)]
        if rng.random() < 0.15:
            parts[0] = parts[0].lstrip("bcdfghjklmnprstvwz") or parts[0]
        word = "".join(parts) + rng.choice(_CODAS)
        if len(word) > 2 and allowed(word, split):
            return word


def pick(rng: random.Random, split: Split, pool: str) -> str:
    """A word of a named pool that belongs to the split."""
    words = POOLS[pool]
    for _ in range(200):
        word = rng.choice(words)
        if allowed(word, split):
            return word
    return words[0]  # pools of a few words (seasons) may hold nothing that was kept back


def person(rng: random.Random, split: Split) -> str:
    """A first name: real or made up, of the split."""
    if rng.random() < 0.35:
        for _ in range(50):
            name = rng.choice(REAL_NAMES)
            if allowed(name, split):
                return name
    return made_up(rng, split).capitalize()


def display_name(rng: random.Random, split: Split) -> str:
    """What somebody is called on a platform: mostly a first name, else such as people choose."""
    name = person(rng, split)
    roll = rng.random()
    if roll < 0.76:
        return name
    if roll < 0.86:
        return f"{name} {person(rng, split)}"
    if roll < 0.93:
        return name.lower()
    return f"{name.lower()}{rng.choice(('', '_', '.'))}{rng.randint(1, 99)}"


def place(rng: random.Random, split: Split) -> str:
    if rng.random() < 0.5:
        return pick(rng, split, "city")
    return made_up(rng, split).capitalize()


def number(rng: random.Random, split: Split, digits: tuple[int, int] = (1, 4)) -> str:
    while True:
        count = rng.randint(*digits)
        text = str(rng.randint(0 if count == 1 else 10 ** (count - 1), 10**count - 1))
        if allowed(text, split) or count == 1:
            return text
