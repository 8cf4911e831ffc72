"""Strings that know which of their characters a chat template wrote itself.

A template is rendered with `Text` in place of ``str``: the template's own literals are trusted,
messages' contents are not, and every operation keeps the difference to the character. An operation
that is not followed gives an ordinary ``str``, which counts as untrusted: so typed text can never
come out as the template's own.

A `Trace` records what the template learns of the contents (*checks*: ``'</think>' in content`` is
False) and what it derives from them (*views*: ``content.strip()``). A rendering holds for all
contents for which the checks give the same results. Where the template does something else with a
content, the trace is `opaque`: the rendering holds for these contents alone.

Runs in the process of `bot.prompting.template_process`.
"""

from collections.abc import Callable, Iterable
from typing import Any, SupportsIndex

from bot.prompting.text_parts import PartedText, derived
from bot.prompting.text_trace import Piece, trace
from bot.prompting.watched_text import all_seen, bare, seen


class Text(PartedText):
    """A string in pieces. Behaves like ``str`` in every respect."""

    __slots__ = ()

    def __new__(cls, value: object = "") -> "Text":
        return value if isinstance(value, Text) else _of((Piece(str(value), trusted=False),))

    # ------------------------------------------------------------ conversions

    def __str__(self) -> str:
        return self

    def __repr__(self) -> str:
        return _opaque(str.__repr__, self)

    def __format__(self, spec: str) -> str:
        return _opaque(str.__format__, self, spec)

    # ------------------------------------------------------------ joining

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, str) or hasattr(other, "__html__"):
            trace.opaque |= self._watched()
            return NotImplemented
        return _of((*self._pieces, *_pieces(other)))

    def __radd__(self, other: Any) -> Any:
        return _of((*_pieces(other), *self._pieces)) if isinstance(other, str) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> "Text":
        str.__mul__(self, times)  # raises what it raises, MemoryError too
        return _of(self._pieces * times.__index__())

    __rmul__ = __mul__

    def join(self, parts: Iterable[Any], /) -> str:
        found = list(parts)
        str.join(self, found)
        pieces: list[Piece] = []
        for place, part in enumerate(found):
            pieces += self._pieces if place else ()
            pieces += _pieces(part)
        return _of(pieces)

    def __mod__(self, values: Any) -> str:
        given = values if isinstance(values, tuple) else (values,)
        if not all(isinstance(value, Text) for value in given):
            return _opaque(str.__mod__, self, values)
        return filled(self, str.__mod__, given)

    def __rmod__(self, other: Any) -> Any:
        return _opaque(str.__mod__, other, self) if isinstance(other, str) else NotImplemented

    # ------------------------------------------------------------ other texts

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> str:
        all_seen(old, new)
        arguments = (bare(old), bare(new), count.__index__())
        real = str.replace(self, *arguments)
        if (view := self._view()) is not None:
            return _of((derived(real, view, ("replace", arguments, None)),))
        if not old:
            return self._unknown(real)
        parts = self._divided("split", old, count)
        pieces = [*parts[0]._pieces]
        for part in parts[1:]:
            pieces += (*_pieces(new), *part._pieces)
        return _of(pieces)

    def expandtabs(self, tabsize: SupportsIndex = 8) -> str:
        return self._unknown(str.expandtabs(self, tabsize))


def _changed(method: str) -> Callable[..., str]:
    """A method that gives a text of the same length, as a rule."""

    def call(self: Text, *arguments: Any) -> str:
        return _same_length(self, getattr(str, method)(self, *arguments), method)

    return call


def _filled_up(method: str) -> Callable[..., Any]:
    """A method that adds characters on the sides, or gives no text."""

    def call(self: Text, *arguments: Any) -> Any:
        result = getattr(str, method)(self, *arguments)
        if isinstance(result, str):
            return self._unknown(result)
        trace.opaque |= self._watched()
        return result

    return call


for _name in ("upper", "lower", "title", "capitalize", "swapcase", "casefold"):
    setattr(Text, _name, _changed(_name))
for _name in ("center", "ljust", "rjust", "zfill", "translate", "encode"):
    setattr(Text, _name, _filled_up(_name))


# ---------------------------------------------------------------- making texts


def literal(text: str) -> Text:
    """The template's own text."""
    return _of((Piece(text, trusted=True),))


def content(text: str, number: int) -> Text:
    """The content with this number."""
    return _of((Piece(text, trusted=False, origin=(number, ())),))


def concat(parts: Iterable[Any]) -> Text:
    """The parts, as ``"".join(map(str, parts))``."""
    pieces: list[Piece] = []
    for part in parts:
        pieces += _pieces(part if isinstance(part, str) else str(part))
    return _of(pieces)


def filled(pattern: Text, fill: Callable[[str, Any], str], values: tuple[Text, ...]) -> str:
    """The result of `fill`, which writes the values into the pattern, with their pieces in it."""
    real = fill(bare(pattern), tuple(map(bare, values)))
    marks = [chr(0x10F000 + place) for place in range(len(values))]
    pieces: list[Piece] = []
    if all(piece.trusted for piece in pattern._pieces) and not any(m in real for m in marks):
        for character in fill(bare(pattern), tuple(marks)):
            if character in marks:
                pieces += values[marks.index(character)]._pieces
            else:
                pieces.append(Piece(character, trusted=True))
    made = _of(pieces)
    if str.__eq__(made, real):
        return made
    trace.opaque |= any(value._watched() for value in (pattern, *values))
    return real


def pieces_of(text: str) -> tuple[Piece, ...]:
    return _pieces(text)


def _of(pieces: Iterable[Piece]) -> Text:
    return _EMPTY._new(pieces)


def _pieces(text: str) -> tuple[Piece, ...]:
    return text._pieces if isinstance(text, Text) else (Piece(bare(text), trusted=False),)


def _same_length(source: Text, result: str, method: str) -> Text:
    """A result that has each character in the place of the one that it came from."""
    if len(result) != len(bare(source)):
        return source._unknown(result)
    if (view := source._view()) is not None:
        return _of((derived(result, view, (method, (), None)),))
    trace.opaque |= source._watched()
    pieces, position = [], 0
    for piece in source._pieces:
        end = position + len(piece.text)
        pieces.append(Piece(result[position:end], trusted=piece.trusted))
        position = end
    return _of(pieces)


def _opaque(function: Callable[..., str], *arguments: Any) -> str:
    for argument in arguments:
        seen(argument)
    return function(*(bare(a) if isinstance(a, Text) else a for a in arguments))


_EMPTY: Text = str.__new__(Text)
"""Of which others are made."""
