"""Strings in pieces that can be cut: slices, stripped and split texts.

Each part keeps the difference between the template's own text and contents; a part of a content is
a view of it.
"""

from collections.abc import Iterator
from typing import Any, Self, SupportsIndex

from bot.prompting.text_trace import Piece, Step, View, trace
from bot.prompting.watched_text import WatchedText, all_seen, bare, constant, note


class PartedText(WatchedText):
    """A string whose parts are strings of its own kind."""

    __slots__ = ()

    def _unknown(self, result: str) -> Self:
        """A result whose characters cannot be told apart."""
        trace.opaque |= self._watched()
        return self._new((Piece(result, trusted=False),))

    def _cut(self, begin: int, end: int, step: Step | None = None) -> Self:
        """The characters from `begin` to `end`, which one operation, `step`, left."""
        if begin == 0 and end == len(bare(self)) and step is None:
            return self
        if (view := self._view()) is not None:
            text = bare(self)[begin:end]
            if step is None:
                trace.opaque = True
                return self._new((Piece(text, trusted=False),))
            return self._new((derived(text, view, step),))
        if self._watched():
            trace.opaque = True
        pieces, position = [], 0
        for piece in self._pieces:
            stop = position + len(piece.text)
            text = piece.text[max(begin - position, 0) : max(end - position, 0)]
            # A content that is empty now may not be so in another conversation.
            whole = begin <= position and stop <= end
            pieces.append(
                Piece(text, trusted=piece.trusted, origin=piece.origin if whole else None)
            )
            position = stop
        return self._new(pieces)

    def __getitem__(self, key: Any) -> Self:
        if type(key) is int and self._view() is not None:
            return self._character(key)
        found = str.__getitem__(self, key)
        if isinstance(key, slice) and key.step in (None, 1):
            begin, end, _ = key.indices(len(bare(self)))
            parts = (key.start, key.stop)
            step = ("__getitem__", parts, None) if constant(parts) else None
            return self._cut(begin, max(begin, end), step)
        if isinstance(key, slice):
            return self._reversed() if key == slice(None, None, -1) else self._unknown(found)
        if self._watched():
            trace.opaque = True
        place = int(key) % max(1, len(bare(self)))
        return self._cut(place, place + 1)

    def _character(self, place: int) -> Self:
        """One character, as a slice that is known not to be empty. Raises IndexError."""
        part = self[place:] if place == -1 else self[place : place + 1]
        if self._watched():
            note(part, "__bool__", (), bool(bare(part)))
        str.__getitem__(self, place)
        return part

    def __iter__(self) -> Iterator[str]:
        if self._watched():
            trace.opaque = True
        for place in range(len(bare(self))):
            yield self._cut(place, place + 1)

    def _stripped(self, method: str, characters: str | None) -> Self:
        all_seen(characters)
        arguments = () if characters is None else (bare(characters),)
        if (view := self._view()) is not None:
            return self._new((_strip(self._pieces[0].text, view, method, arguments),))
        pieces = [*self._pieces]
        if method != "rstrip":
            pieces = self._without_end(pieces, "lstrip", arguments)
        if method != "lstrip":
            pieces = self._without_end(pieces[::-1], "rstrip", arguments)[::-1]
        return self._new(pieces)

    def _without_end(
        self, pieces: list[Piece], method: str, arguments: tuple[Any, ...]
    ) -> list[Piece]:
        """`pieces`, of which the first loses what `method` strips, and the next where nothing is
        left of it."""
        for place, piece in enumerate(pieces):
            if piece.origin is None:
                text = getattr(str, method)(piece.text, *arguments)
                kept = Piece(text, trusted=piece.trusted)
            else:
                kept = _strip(piece.text, piece.origin, method, arguments)
                note(self._new((kept,)), "__bool__", (), bool(kept.text))
            if kept.text:
                return [kept, *pieces[place + 1 :]]
        return []

    def strip(self, characters: str | None = None, /) -> Self:
        return self._stripped("strip", characters)

    def lstrip(self, characters: str | None = None, /) -> Self:
        return self._stripped("lstrip", characters)

    def rstrip(self, characters: str | None = None, /) -> Self:
        return self._stripped("rstrip", characters)

    def removeprefix(self, prefix: str, /) -> Self:
        all_seen(prefix)
        found = str.removeprefix(self, prefix)
        step = ("removeprefix", (bare(prefix),), None)
        return self._cut(len(bare(self)) - len(found), len(bare(self)), step)

    def removesuffix(self, suffix: str, /) -> Self:
        all_seen(suffix)
        found = str.removesuffix(self, suffix)
        return self._cut(0, len(found), ("removesuffix", (bare(suffix),), None))

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        return [*self._divided("split", sep, maxsplit)]

    def rsplit(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        return [*self._divided("rsplit", sep, maxsplit)]

    def _divided(self, method: str, sep: str | None, maxsplit: SupportsIndex) -> list[Self]:
        if sep is None:
            found = getattr(str, method)(self, None, maxsplit)
            return [self._unknown(part) for part in found]
        all_seen(sep)
        arguments = (bare(sep), maxsplit.__index__())
        found = [len(part) for part in getattr(str, method)(bare(self), *arguments)]
        if self._watched():
            note(self, f"{method}:len", arguments, len(found))
            if self._view() is None and self._splits_itself(*arguments) == len(found) - 1:
                return self._sections(found, len(arguments[0]))
        sections, position = [], 0
        for number, length in enumerate(found):
            sections.append(self._cut(position, position + length, (method, arguments, number)))
            position += length + len(arguments[0])
        return sections

    def _splits_itself(self, sep: str, maxsplit: int) -> int:
        """How often `sep` is in the text apart from contents; -1 where occurrences may overlap, so
        that their number does not say where they are."""
        if maxsplit != -1 or any(sep[:n] == sep[-n:] for n in range(1, len(sep))):
            return -1
        return sum(p.text.count(sep) for p in self._pieces if p.origin is None)

    def _sections(self, lengths: list[int], gap: int) -> list[Self]:
        """Parts of these lengths, with gaps between them, of which none cuts a content."""
        opaque = trace.opaque
        sections, position = [], 0
        for length in lengths:
            sections.append(self._cut(position, position + length))
            position += length + gap
        trace.opaque = opaque
        return sections

    def partition(self, sep: str, /) -> tuple[str, str, str]:
        return self._parted("partition", sep)

    def rpartition(self, sep: str, /) -> tuple[str, str, str]:
        return self._parted("rpartition", sep)

    def _parted(self, method: str, sep: str) -> tuple[str, str, str]:
        all_seen(sep)
        head, middle, _ = (len(p) for p in getattr(str, method)(bare(self), bare(sep)))
        edges = (0, head, head + middle, len(bare(self)))
        first, second, third = (
            self._cut(edges[n], edges[n + 1], (method, (bare(sep),), n)) for n in range(3)
        )
        return first, second, third

    def splitlines(self, keepends: bool = False) -> list[str]:
        trace.opaque |= self._watched()
        sections, position = [], 0
        for line in str.splitlines(self, keepends=True):
            shown = len(line) if keepends else len(line.splitlines()[0])
            sections.append(self._cut(position, position + shown))
            position += len(line)
        return [*sections]

    def _reversed(self) -> Self:
        trace.opaque |= self._watched()
        return self._new(
            Piece(piece.text[::-1], trusted=piece.trusted) for piece in reversed(self._pieces)
        )


def derived(text: str, view: View, step: Step) -> Piece:
    """A view of a view: `text`, which is the result of `step`."""
    return Piece(text, trusted=False, origin=trace.after(view, step))


def _strip(text: str, view: View, method: str, arguments: tuple[Any, ...]) -> Piece:
    return derived(getattr(str, method)(text, *arguments), view, (method, arguments, None))
