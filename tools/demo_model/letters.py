"""Spelling, reversing, counting letters, repeating exactly, and small sums."""

from __future__ import annotations

import random
from functools import cache

from tools.demo_model.phrasing import lines, phrasings
from tools.demo_model.talk import Exchange, Talk, exactly, says
from tools.demo_model.words import POOLS, REAL_NAMES, Split, allowed, made_up

_SPELL = phrasings("letters", "spell")
_REVERSE = phrasings("letters", "reverse")
_COUNT = phrasings("letters", "count")
_REPEAT = phrasings("letters", "repeat")


def _letters_word(talk: Talk) -> str:
    """A word to take apart: made up, glued from pieces, or random letters; in training also real
    words and every single piece."""
    rng, split = talk.rng, talk.split
    while True:
        word = _raw_letters_word(rng, split)
        roll = rng.random()
        word = (word.capitalize() if roll < 0.2 else word.upper() if roll < 0.25 else word)[:12]
        if split == "train" if word.lower() in _whole() else allowed(word, split):
            return word


def _raw_letters_word(rng: random.Random, split: Split) -> str:
    roll = rng.random()
    if roll < 0.3:
        return made_up(rng, split, (1, 3))
    if roll < 0.5 and split == "train":
        return rng.choice(_COMMON)
    if roll < 0.8 and PIECES:
        if split == "train" and rng.random() < 0.6:
            return rng.choice(PIECES)
        return rng.choice(PIECES) + rng.choice(PIECES)
    length = rng.randint(2, 9)
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(length))


# The alphabetic pieces of the vocabulary, set once the tokenizer is known. The model sees pieces
# and not letters, so training takes all of them apart; the evaluation asks for words of several.
PIECES: list[str] = []
_COMMON = (
    tuple(
        word
        for pool in (
            "thing",
            "animal",
            "fruit",
            "colour",
            "job",
            "city",
            "country",
            "language",
            "instrument",
            "month",
        )
        for word in POOLS[pool]
        if word.isalpha()
    )
    + REAL_NAMES
)


def _real(rng: random.Random, split: Split) -> str:
    while True:
        word = rng.choice(_COMMON)
        if allowed(word, split):
            return word


def _whole() -> frozenset[str]:
    """In lower case, the words that may be one piece: training takes them all apart."""
    return _lowered(len(PIECES))


@cache
def _lowered(_pieces: int) -> frozenset[str]:
    return frozenset(word.lower() for word in (*PIECES, *_COMMON))


def spell(talk: Talk) -> Exchange:
    word = _letters_word(talk)
    answer = "-".join(word)
    return Exchange(
        talk.phrase(_SPELL, w=word), answer, "spell", exactly(answer), answer, prose=False
    )


def reverse(talk: Talk) -> Exchange:
    word = _letters_word(talk)
    back = word[::-1]
    answer = f"Letters: {'-'.join(word)}. Backwards: {'-'.join(back)}. So: {back}"
    return Exchange(
        talk.phrase(_REVERSE, w=word),
        answer,
        "reverse",
        exactly(answer),
        answer,
        prose=False,
    )


def count_letters(talk: Talk) -> Exchange:
    word = _letters_word(talk)
    numbered = ", ".join(f"{letter} {place}" for place, letter in enumerate(word, 1))
    noun = "letter" if len(word) == 1 else "letters"
    answer = f"{numbered}: {len(word)} {noun}."
    return Exchange(
        talk.phrase(_COUNT, w=word),
        answer,
        "count letters",
        exactly(answer),
        answer,
        prose=False,
    )


_FOREIGN = [w.strip() for line in lines("foreign.txt") for w in line.split("|")[1:]]
_EMOJI = [pair.split()[-1] for pair in "".join(lines("emoji.txt")).split(";")]


def _words_to_repeat(talk: Talk) -> str:
    rng = talk.rng
    roll = rng.random()
    if roll < 0.12:
        return (
            "".join(
                rng.choice("abcdefghijklmnopqrstuvwxyz0123456789-_")
                for _ in range(rng.randint(4, 16))
            ).strip("-_")
            or "a1"
        )
    words = []
    for _ in range(rng.randint(1, 9)):
        kind = rng.random()
        if kind < 0.35:
            word = made_up(rng, talk.split)
        elif kind < 0.65:
            word = _real(rng, talk.split)
        elif kind < 0.75 and PIECES:
            word = rng.choice(PIECES)
        elif kind < 0.85:
            word = str(rng.randint(0, 9999))
        elif kind < 0.93:
            word = rng.choice(_FOREIGN)
        else:
            word = rng.choice(_EMOJI)
        words.append(word.capitalize() if rng.random() < 0.2 else word)
    text = " ".join(words)
    if rng.random() < 0.3:
        text = text[0].upper() + text[1:] + rng.choice(".!?")
    return text


def repeat(talk: Talk) -> Exchange:
    text = _words_to_repeat(talk)
    # No tail may follow the text that is to be repeated, so the template is not roughened here.
    template = _REPEAT.pick(talk.rng, talk.split)
    if talk.rng.random() < 0.25:
        template = template[0].lower() + template[1:]
    user = template.replace("{t}", f'"{text}"' if talk.rng.random() < 0.3 else text)
    return Exchange(user, text, "repeat", exactly(text), text, prose=False)


_PLUS = phrasings("letters", "plus")
_MINUS = phrasings("letters", "minus")
_TIMES = phrasings("letters", "times")


def arithmetic(talk: Talk) -> Exchange:
    rng = talk.rng
    kind = rng.choice("++++----*")
    while True:
        if kind == "*":
            a, b = rng.randint(1, 12), rng.randint(1, 12)
            break
        top = rng.choice((20, 100, 100, 100, 1000))
        a, b = rng.randrange(top), rng.randrange(top)
        if kind == "-" and b > a:
            a, b = b, a
        if allowed(f"{a}{kind}{b}", talk.split):
            break
    result = {"+": a + b, "-": a - b, "*": a * b}[kind]
    phrasings = {"+": _PLUS, "-": _MINUS, "*": _TIMES}[kind]
    sign = "×" if kind == "*" else kind
    answer = f"{a} {sign} {b} = {result}."
    question = talk.phrase(phrasings, a=str(a), b=str(b))
    # In the order of the question, except for "add b to a", which sums to the same.
    return Exchange(question, answer, "arithmetic", says(f"= {result}."), answer)
