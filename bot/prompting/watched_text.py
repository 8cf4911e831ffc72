"""Strings that note what a chat template asks about messages' contents.

A base of `bot.prompting.traced_text.Text`. Each question about a text that contents are in, and
its answer, is a *check* in the trace; where the question cannot be asked again elsewhere, the trace
is opaque.
"""

from collections.abc import Callable, Iterable
from typing import Any, Self

from bot.prompting.text_trace import Piece, View, trace


class WatchedText(str):
    """A string in pieces, some of which may be contents."""

    __slots__ = ("_pieces",)
    _pieces: tuple[Piece, ...]

    # Templates may call every method whose name does not begin with an underscore.

    def _view(self) -> View | None:
        """The view that the whole text is, if it is one."""
        return self._pieces[0].origin if len(self._pieces) == 1 else None

    def _watched(self) -> bool:
        """Whether contents are in it."""
        return any(piece.origin is not None for piece in self._pieces)

    def _new(self, pieces: Iterable[Piece]) -> Self:
        """A text of this kind that consists of `pieces`."""
        kept = tuple(piece for piece in pieces if piece.text or piece.origin is not None)
        made = str.__new__(type(self), "".join([piece.text for piece in kept]))
        made._pieces = kept
        return made

    def __hash__(self) -> int:
        if self._watched():
            trace.opaque = True
        return str.__hash__(self)


# ---------------------------------------------------------------- what is asked


def _checked(method: str) -> Callable[..., Any]:
    """A method that says something about the text."""
    real = getattr(str, method)

    def call(self: WatchedText, *arguments: Any) -> Any:
        result = real(self, *arguments)
        if result is NotImplemented:
            return result
        if self._watched():
            note(self, method, arguments, result)
        else:
            all_seen(*arguments)
        return result

    return call


for _name in (
    *("__contains__", "__lt__", "__le__", "__gt__", "__ge__", "__len__"),
    *("startswith", "endswith", "find", "rfind", "index", "rindex", "count", "isalnum", "isalpha"),
    *("isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable"),
    *("isspace", "istitle", "isupper"),
):
    setattr(WatchedText, _name, _checked(_name))


def _compared(method: str) -> Callable[..., Any]:
    """``==`` and ``!=``, which may be asked of the literal about the content."""
    check, real = _checked(method), getattr(str, method)

    def call(self: WatchedText, other: Any) -> Any:
        if isinstance(other, WatchedText) and other._watched() and not self._watched():
            return check(other, self)
        return check(self, other) if self._watched() else real(self, other)

    return call


for _name in ("__eq__", "__ne__"):
    setattr(WatchedText, _name, _compared(_name))


def _truth(self: WatchedText) -> bool:
    result = str.__len__(self) > 0
    if self._watched():
        note(self, "__bool__", (), result)
    return result


WatchedText.__bool__ = _truth  # type: ignore[attr-defined]


# ---------------------------------------------------------------- the trace


def seen(value: Any) -> None:
    """Note that a function that is not followed gets `value`: contents in it make the trace
    opaque."""
    if not trace.opaque and _holds_content(value):
        trace.opaque = True


def _holds_content(value: Any, depth: int = 0) -> bool:
    if isinstance(value, WatchedText):
        return value._watched()
    if depth > 8:
        return True
    if isinstance(value, dict):
        return any(_holds_content(inner, depth + 1) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_content(inner, depth + 1) for inner in value)
    return not isinstance(value, str | int | float | None)


def all_seen(*arguments: Any) -> None:
    """`seen` of each."""
    for argument in arguments:
        seen(argument)


def note(text: WatchedText, method: str, arguments: tuple[Any, ...], result: Any) -> None:
    """Record what was asked of a text that contents are in."""
    if not constant(arguments) or not isinstance(result, bool | int):
        trace.opaque = True
    else:
        subject = tuple(p.text if p.origin is None else p.origin for p in text._pieces)
        trace.note((subject, method, _plain(arguments), result))


def constant(arguments: Iterable[Any]) -> bool:
    """Whether no content is in any of them."""
    return not any(_holds_content(argument) for argument in arguments)


def _plain(arguments: Iterable[Any]) -> tuple[Any, ...]:
    """The arguments as values of JSON."""
    return tuple(
        _plain(a) if isinstance(a, tuple) else bare(a) if isinstance(a, str) else a
        for a in arguments
    )


bare = str.__str__
"""The characters alone, as an exact ``str``."""
