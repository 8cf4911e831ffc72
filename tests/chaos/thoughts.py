"""What the chaos model thinks before its answers, how its thoughts come, and what may be seen of
them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from bot.delivery.folding import folded
from tests.chaos.faults import Faults

THOUGHT = re.compile(r"\bt(\d+)v(\d+)g(\d+)\.(\d+)\b")
"""A word of a thought, as `tests.chaos.model.WORD` is one of an answer."""
_SHARE = 0.4
"""Of the seeds, those whose model thinks. The others mean what they meant before it could."""
_MARKS = ("\n```\n", "\n\n", " **", " @everyone", " <@301>", " ||", "\n> ", " \x1b[31m")


class Thinks(StrEnum):
    """What becomes of a thought that broke off, and whether it can be told from an answer."""

    NEVER = "never"
    TAKES_UP = "takes up"
    """As a local model does."""
    BEGINS_ANEW = "begins anew"
    """As a server does; at the end of its length it gives no answer."""
    UNTAGGED = "untagged"
    """As a server does that sends only the closing tag: until then a thought looks like the
    answer."""


@dataclass(frozen=True, slots=True)
class Mind:
    """How the model of one seed thinks."""

    kind: Thinks = Thinks.NEVER
    most: int = 0
    """Tokens of a thought."""
    fold: bool = False
    """Whether Parley shows the beginnings of thoughts."""

    @classmethod
    def of(cls, faults: Faults, *, always: bool = False) -> "Mind":
        """That of a seed."""
        draw = faults.fixed("mind")
        if draw.random() >= _SHARE and not always:
            return cls()
        kinds = [Thinks.TAKES_UP, Thinks.TAKES_UP, Thinks.BEGINS_ANEW, Thinks.UNTAGGED]
        return cls(draw.choice(kinds), draw.choice([10, 2000]), draw.random() < 0.5)


@cache
def thoughts(seed: int, question: int, edit: int, generation: int) -> tuple[str, ...]:
    """The tokens of one thought; none for an answer without any."""
    draw = Faults(seed).fixed("thought", question, edit, generation)
    tokens = []
    for number in range(draw.choice([0, 1, 6, 40, 200])):
        if number and draw.random() < 0.1:
            tokens.append(draw.choice(_MARKS))
        word = f"t{question}v{edit}g{generation}.{number}"
        tokens.append(f" {word}" if number else word)
    return tuple(tokens)


def above(text: str) -> tuple[list[str], str]:
    """A message's quoted small lines at its beginning, and what follows them."""
    lines = text.split("\n")
    count = next((n for n, line in enumerate(lines) if not line.startswith("> ")), len(lines))
    small = [line.removeprefix("> ").removeprefix("-# ") for line in lines[:count]]
    return small, "\n".join(lines[count:])


def wrong_lines(mind: Mind, seen: str, thought: str, answer: str) -> Iterator[str]:
    """What is wrong with the lines above an answer whose first message is `seen`."""
    lines, _ = above(seen)
    wanted = folded(thought) if mind.fold and answer else []
    if lines != wanted:
        yield f"above it stands {lines}, not {wanted}"


def seen_as_answer(mind: Mind, texts: Iterable[str]) -> Iterator[str]:
    """Thoughts that were seen as an answer, in any of `texts`, which a message has shown."""
    if mind.kind is Thinks.UNTAGGED:
        return
    for text in texts:
        if THOUGHT.search(above(text)[1]):
            yield f"a thought was seen as an answer: {text[:80]!r}"
            return


def wrong_thought(mind: Mind, seed: int, answer: tuple[int, ...], stored: str) -> Iterator[str]:
    """What is wrong with the thought that is stored with a whole answer: the beginning of what was
    thought, and all of it unless that was too long."""
    tokens = thoughts(seed, *answer) if mind.kind is not Thinks.NEVER else ()
    whole = "".join(tokens)
    if not whole.startswith(stored) or (len(tokens) <= mind.most and stored != whole):
        yield f"its thought is {stored[-60:]!r}, not {whole[-60:]!r}"
