"""Bounds on what is read around a question, the same on every platform."""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

MOST_CALLS = 6
"""Calls to the platform for one question at most, names of people aside."""


def newest_within(
    newest_first: Iterable[T], characters: int, size: Callable[[T], int]
) -> tuple[list[T], bool]:
    """The newest that have `characters` together, oldest first, and whether older ones were left
    out. The newest one is among them however long it is."""
    kept: list[T] = []
    for one in newest_first:
        characters -= size(one)
        if characters < 0 and kept:
            return kept[::-1], True
        kept.append(one)
    return kept[::-1], False
