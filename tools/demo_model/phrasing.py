"""The many ways in which people put the same thing.

A `Phrasings` is a list of templates of which every fifth is kept back for the evaluation: the
split is by template, so the evaluation asks in words that training never used. What it is about (a
noun) can be put in beforehand, and several lists can be drawn from as one. `casual` then roughens a
template the way people type: an opener, a contraction, no capital, no question mark, a slip of the
finger, "u" for "you"; what stands in the braces (a name, a value) is filled in afterwards and stays
exact.
"""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tools.demo_model.words import Split

KEPT_BACK_EVERY = 5
DATA = Path(__file__).parent / "data"


def plain(template: str) -> str:
    """What is left of a template where case and the signs of a sentence do not count."""
    return " ".join(re.sub(r"[.,;:!?…]", " ", template.lower()).split())


class Ways(ABC):
    """Ways to put the same thing, some of them kept back for the evaluation."""

    @abstractmethod
    def count(self, split: Split) -> int:
        """How many templates there are on this side."""

    @abstractmethod
    def pick(self, rng: random.Random, split: Split) -> str:
        """A template of the split."""

    def ask(self, rng: random.Random, split: Split, **slots: str) -> str:
        """A roughened template of the split with its slots filled in."""
        return fill(casual(rng, self.pick(rng, split)), slots)

    def about(self, **slots: str) -> Ways:
        """The same with some slots filled in beforehand: what stands there is roughened as well."""
        return _About(self, slots)


class Phrasings(Ways):
    """Templates with {slots}, split into those for training and those for the evaluation."""

    def __init__(self, templates: Sequence[str]) -> None:
        self.all = tuple(line.strip() for line in templates if line.strip())
        self.eval = self.all[KEPT_BACK_EVERY - 1 :: KEPT_BACK_EVERY] or self.all[-1:]
        kept = {plain(line) for line in self.eval} if len(self.all) > 1 else set()
        self.train = tuple(line for line in self.all if plain(line) not in kept)

    def count(self, split: Split) -> int:
        return len(self.eval if split == "eval" else self.train)

    def pick(self, rng: random.Random, split: Split) -> str:
        return rng.choice(self.eval if split == "eval" else self.train)


class _About(Ways):
    def __init__(self, ways: Ways, slots: dict[str, str]) -> None:
        self._ways, self._slots = ways, slots

    def count(self, split: Split) -> int:
        return self._ways.count(split)

    def pick(self, rng: random.Random, split: Split) -> str:
        return fill(self._ways.pick(rng, split), self._slots)


class AnyOf(Ways):
    """Several lists as one; each template is as likely as the next."""

    def __init__(self, *lists: Ways) -> None:
        self._lists = lists

    def count(self, split: Split) -> int:
        return sum(ways.count(split) for ways in self._lists)

    def pick(self, rng: random.Random, split: Split) -> str:
        counts = [ways.count(split) for ways in self._lists]
        return rng.choices(self._lists, counts)[0].pick(rng, split)


@cache
def blocks(name: str, mark: str) -> tuple[tuple[str, Phrasings], ...]:
    """A file of data/ whose blocks begin with a line `mark: title`; what follows are phrasings."""
    found: list[tuple[str, list[str]]] = []
    for line in lines(name):
        if line.startswith(f"{mark}: "):
            found.append((line[len(mark) + 2 :], []))
        else:
            found[-1][1].append(line)
    return tuple((title, Phrasings(ways)) for title, ways in found)


@cache
def lines(name: str) -> tuple[str, ...]:
    """The lines of a file of data/ without comments and blank ones."""
    text = (DATA / name).read_text(encoding="utf-8")
    return tuple(line for line in text.split("\n") if line.strip() and line[:2] != "# ")


@cache
def _sections(topic: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines(f"phrasings/{topic}.txt"):
        if line.startswith("@ "):
            found[line[2:]] = []
        else:
            found[list(found)[-1]].append(line)
    return found


@cache
def phrasings(topic: str, name: str) -> Phrasings:
    """The section `name` of data/phrasings/`topic`.txt."""
    return Phrasings(_sections(topic)[name])


def fill(template: str, slots: dict[str, str]) -> str:
    for key, value in slots.items():
        template = template.replace("{" + key + "}", value)
    return template


_OPENERS = (
    "Hey, ",
    "Hi, ",
    "Hello, ",
    "OK, ",
    "Ok, ",
    "So, ",
    "Well, ",
    "By the way, ",
    "Now, ",
    "And ",
    "Please, ",
    "One question: ",
    "Quick question: ",
    "Tell me, ",
    "Tell me: ",
    "Say, ",
    "Another question: ",
    "Oh, ",
    "Parley, ",
    "I wonder: ",
    "Alright, ",
    "Thanks. ",
    "Good. ",
    "Great! ",
    "Hmm, ",
    "Sorry, ",
    "First, ",
)
_ASKING = (
    "One question: ",
    "Quick question: ",
    "Another question: ",
    "I wonder: ",
    "Tell me, ",
    "Tell me: ",
)
_STATING = tuple(opener for opener in _OPENERS if opener not in _ASKING)
_TAILS = (
    " Thanks!",
    " Please.",
    " please",
    " Thank you!",
    " :)",
    " 🙂",
    "!",
    " thanks",
    "??",
    " Thx",
)
_CONTRACTIONS = (
    ("What is ", "What's "),
    ("what is ", "what's "),
    ("Who is ", "Who's "),
    ("Where is ", "Where's "),
    ("I am ", "I'm "),
    ("do not ", "don't "),
    ("It is ", "It's "),
    ("cannot ", "can't "),
    ("I would ", "I'd "),
    ("did not ", "didn't "),
    ("is not ", "isn't "),
    ("you are ", "you're "),
)
_HAVE = re.compile(
    r"\bI have(?= (?:told|said|forgotten|lived|been|never|heard|moved|got|already)\b)"
)
_AMERICAN = (("favourite", "favorite"), ("colour", "color"), ("neighbour", "neighbor"))
_SHORT = (
    (re.compile(r"\byou\b"), "u"),
    (re.compile(r"\byour\b"), "ur"),
    (re.compile(r"\b[Pp]lease\b"), "pls"),
    (re.compile(r"\bfavou?rite\b"), "fav"),
    (re.compile(r"\b[Ww]hat(?: i|')s\b"), "whats"),
)
_APOSTROPHE = re.compile(r"(?<=[a-zI])'(?=(?:s|t|m|d|re|ve|ll)\b)")
_SLOT = re.compile(r"(\{[a-z_0-9]+\})")


def casual(rng: random.Random, template: str) -> str:
    """The template as somebody might type it; the slots stay as they are."""
    text = template
    if rng.random() < 0.3:
        for full, short in _CONTRACTIONS:
            text = text.replace(full, short)
        text = _HAVE.sub("I've", text)
    if rng.random() < 0.25:
        text = american(text)
    if rng.random() < 0.05:
        for pattern, short in _SHORT:
            text = pattern.sub(short, text)
    if rng.random() < 0.06:
        text = _slip(rng, text)
    if rng.random() < 0.08:
        text = _APOSTROPHE.sub("", text)
    if rng.random() < 0.2 and not text.startswith("{"):
        opener = rng.choice(_OPENERS if text.endswith("?") else _STATING)
        keep = opener[-2] in ".!" or text.startswith(("I ", "I'", "Q:"))
        text = opener + (text if keep else text[0].lower() + text[1:])
    roll = rng.random()
    if roll < 0.2 and text.endswith(("?", ".")):
        text = text[:-1]
    elif roll < 0.3:
        text += rng.choice(_TAILS)
    if rng.random() < 0.2:
        parts = _SLOT.split(text)
        text = "".join(part if part.startswith("{") else part.lower() for part in parts)
    return text


def american(text: str) -> str:
    for british, other in _AMERICAN:
        text = text.replace(british, other)
    return text


def _slip(rng: random.Random, text: str) -> str:
    """One slip of the finger in one word of five letters or more outside the slots."""
    words = list(re.finditer(r"(?<![{\w`/])[a-z]{5,}(?![\w}])", text))
    if not words:
        return text
    word = rng.choice(words)
    at = word.start() + rng.randint(1, len(word.group()) - 2)
    kind = rng.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at] + text[at:]
