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

from collections.abc import Callable, Iterable, Iterator
from typing import Any, SupportsIndex

from bot.prompting.text_trace import Piece, Step, View, trace


class Text(str):
    """A string in pieces. Behaves like ``str`` in every respect."""

    __slots__ = ("_pieces",)
    _pieces: tuple[Piece, ...]

    def __new__(cls, value: object = "") -> "Text":
        return value if isinstance(value, Text) else _of((Piece(str(value), trusted=False),))

    # Templates may call every method whose name does not begin with an underscore.

    def _view(self) -> View | None:
        """The view that the whole text is, if it is one."""
        return self._pieces[0].origin if len(self._pieces) == 1 else None

    def _watched(self) -> bool:
        """Whether contents are in it."""
        return any(piece.origin is not None for piece in self._pieces)

    # ------------------------------------------------------------ conversions

    def __str__(self) -> str:
        return self

    def __repr__(self) -> str:
        return _opaque(str.__repr__, self)

    def __format__(self, spec: str) -> str:
        return _opaque(str.__format__, self, spec)

    def __hash__(self) -> int:
        if self._watched():
            trace.opaque = True
        return str.__hash__(self)

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

    # ------------------------------------------------------------ parts

    def _cut(self, begin: int, end: int, step: Step | None = None) -> "Text":
        """The characters from `begin` to `end`, which one operation, `step`, left."""
        if begin == 0 and end == len(_bare(self)) and step is None:
            return self
        if (view := self._view()) is not None:
            text = _bare(self)[begin:end]
            if step is None:
                trace.opaque = True
                return _of((Piece(text, trusted=False),))
            return _of((Piece(text, trusted=False, origin=(view[0], (*view[1], step))),))
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
        return _of(pieces)

    def __getitem__(self, key: Any) -> "Text":
        if type(key) is int and self._view() is not None:
            return self._character(key)
        found = str.__getitem__(self, key)
        if isinstance(key, slice) and key.step in (None, 1):
            begin, end, _ = key.indices(len(_bare(self)))
            parts = (key.start, key.stop)
            step = ("__getitem__", parts, None) if _constant(parts) else None
            return self._cut(begin, max(begin, end), step)
        if isinstance(key, slice):
            return (
                _same_length(self, found)
                if key == slice(None, None, -1)
                else _text_lost(self, found)
            )
        if self._watched():
            trace.opaque = True
        place = int(key) % max(1, len(_bare(self)))
        return self._cut(place, place + 1)

    def _character(self, place: int) -> "Text":
        """One character, as a slice that is known not to be empty. Raises IndexError."""
        part = self[place:] if place == -1 else self[place : place + 1]
        if self._watched():
            _note(part, "__bool__", (), bool(_bare(part)))
        str.__getitem__(self, place)
        return part

    def __iter__(self) -> Iterator[str]:
        if self._watched():
            trace.opaque = True
        for place in range(len(_bare(self))):
            yield self._cut(place, place + 1)

    def _stripped(self, method: str, characters: str | None) -> "Text":
        _arguments_seen(characters)
        arguments = () if characters is None else (_bare(characters),)
        if (view := self._view()) is not None:
            return _of((_derived(self._pieces[0], view, (method, arguments, None)),))
        pieces = [*self._pieces]
        if method != "rstrip":
            pieces = _without_end(pieces, "lstrip", arguments)
        if method != "lstrip":
            pieces = _without_end(pieces[::-1], "rstrip", arguments)[::-1]
        return _of(pieces)

    def strip(self, characters: str | None = None, /) -> "Text":
        return self._stripped("strip", characters)

    def lstrip(self, characters: str | None = None, /) -> "Text":
        return self._stripped("lstrip", characters)

    def rstrip(self, characters: str | None = None, /) -> "Text":
        return self._stripped("rstrip", characters)

    def removeprefix(self, prefix: str, /) -> "Text":
        _arguments_seen(prefix)
        found = str.removeprefix(self, prefix)
        step = ("removeprefix", (_bare(prefix),), None)
        return self._cut(len(_bare(self)) - len(found), len(_bare(self)), step)

    def removesuffix(self, suffix: str, /) -> "Text":
        _arguments_seen(suffix)
        found = str.removesuffix(self, suffix)
        return self._cut(0, len(found), ("removesuffix", (_bare(suffix),), None))

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        return [*self._divided("split", sep, maxsplit)]

    def rsplit(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        return [*self._divided("rsplit", sep, maxsplit)]

    def _divided(self, method: str, sep: str | None, maxsplit: SupportsIndex) -> list["Text"]:
        if sep is None:
            found = getattr(str, method)(self, None, maxsplit)
            trace.opaque |= self._watched()
            return [_lost(self, part) for part in found]
        _arguments_seen(sep)
        arguments = (_bare(sep), maxsplit.__index__())
        found = [len(part) for part in getattr(str, method)(_bare(self), *arguments)]
        if self._watched():
            _note(self, f"{method}:len", arguments, len(found))
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

    def _sections(self, lengths: list[int], gap: int) -> list["Text"]:
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
        _arguments_seen(sep)
        head, middle, _ = (len(p) for p in getattr(str, method)(_bare(self), _bare(sep)))
        edges = (0, head, head + middle, len(_bare(self)))
        first, second, third = (
            self._cut(edges[n], edges[n + 1], (method, (_bare(sep),), n)) for n in range(3)
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

    # ------------------------------------------------------------ other texts

    def replace(self, old: str, new: str, count: SupportsIndex = -1, /) -> str:
        _arguments_seen(old, new)
        bare = (_bare(old), _bare(new), count.__index__())
        real = str.replace(self, *bare)
        if (view := self._view()) is not None:
            step = ("replace", bare, None)
            return _of((Piece(real, trusted=False, origin=(view[0], (*view[1], step))),))
        if not old:
            return _text_lost(self, real)
        parts = self._divided("split", old, count)
        pieces = [*parts[0]._pieces]
        for part in parts[1:]:
            pieces += (*_pieces(new), *part._pieces)
        return _of(pieces)

    def expandtabs(self, tabsize: SupportsIndex = 8) -> str:
        return _text_lost(self, str.expandtabs(self, tabsize))


def _changed(method: str) -> Callable[..., str]:
    """A method that gives a text of the same length, as a rule."""

    def call(self: Text, *arguments: Any) -> str:
        return _same_length(self, getattr(str, method)(self, *arguments), method)

    return call


def _filled_up(method: str) -> Callable[..., Any]:
    """A method that adds characters on the sides, or gives no text."""

    def call(self: Text, *arguments: Any) -> Any:
        return _lost(self, getattr(str, method)(self, *arguments))

    return call


def _checked(method: str) -> Callable[..., Any]:
    """A method that says something about the text."""
    real = getattr(str, method)

    def call(self: Text, *arguments: Any) -> Any:
        result = real(self, *arguments)
        if result is NotImplemented:
            return result
        if self._watched():
            _note(self, method, arguments, result)
        else:
            _arguments_seen(*arguments)
        return result

    return call


for _name in ("upper", "lower", "title", "capitalize", "swapcase", "casefold"):
    setattr(Text, _name, _changed(_name))
for _name in ("center", "ljust", "rjust", "zfill", "translate", "encode"):
    setattr(Text, _name, _filled_up(_name))
for _name in (
    *("__contains__", "__lt__", "__le__", "__gt__", "__ge__", "__len__"),
    *("startswith", "endswith", "find", "rfind", "index", "rindex", "count", "isalnum", "isalpha"),
    *("isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable"),
    *("isspace", "istitle", "isupper"),
):
    setattr(Text, _name, _checked(_name))


def _compared(method: str) -> Callable[..., Any]:
    """``==`` and ``!=``, which may be asked of the literal about the content."""
    check, real = _checked(method), getattr(str, method)

    def call(self: Text, other: Any) -> Any:
        if isinstance(other, Text) and other._watched() and not self._watched():
            return check(other, self)
        return check(self, other) if self._watched() else real(self, other)

    return call


for _name in ("__eq__", "__ne__"):
    setattr(Text, _name, _compared(_name))


def _truth(self: Text) -> bool:
    result = str.__len__(self) > 0
    if self._watched():
        _note(self, "__bool__", (), result)
    return result


Text.__bool__ = _truth  # type: ignore[attr-defined]


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
    real = fill(_bare(pattern), tuple(map(_bare, values)))
    marks = [chr(0x10F000 + place) for place in range(len(values))]
    pieces: list[Piece] = []
    if all(piece.trusted for piece in pattern._pieces) and not any(m in real for m in marks):
        for character in fill(_bare(pattern), tuple(marks)):
            if character in marks:
                pieces += values[marks.index(character)]._pieces
            else:
                pieces.append(Piece(character, trusted=True))
    made = _of(pieces)
    if str.__eq__(made, real):
        return made
    trace.opaque |= any(value._watched() for value in (pattern, *values))
    return real


def seen(value: Any) -> None:
    """Note that a function that is not followed gets `value`: contents in it make the trace
    opaque."""
    if not trace.opaque and _holds_content(value):
        trace.opaque = True


def pieces_of(text: str) -> tuple[Piece, ...]:
    return _pieces(text)


def _derived(piece: Piece, view: View, step: Step) -> Piece:
    """A view of a view: the result of `step`, which gives a text."""
    name, arguments, _ = step
    text = getattr(str, name)(piece.text, *arguments)
    return Piece(text, trusted=False, origin=(view[0], (*view[1], step)))


def _without_end(pieces: list[Piece], method: str, arguments: tuple[Any, ...]) -> list[Piece]:
    """`pieces`, of which the first loses what `method` strips, and the next where nothing is left
    of it."""
    for place, piece in enumerate(pieces):
        if piece.origin is None:
            text = getattr(str, method)(piece.text, *arguments)
            kept = Piece(text, trusted=piece.trusted)
        else:
            kept = _derived(piece, piece.origin, (method, arguments, None))
            _note(_of((kept,)), "__bool__", (), bool(kept.text))
        if kept.text:
            return [kept, *pieces[place + 1 :]]
    return []


def _holds_content(value: Any, depth: int = 0) -> bool:
    if isinstance(value, Text):
        return value._watched()
    if depth > 8:
        return True
    if isinstance(value, dict):
        return any(_holds_content(inner, depth + 1) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_content(inner, depth + 1) for inner in value)
    return not isinstance(value, str | int | float | None)


def _of(pieces: Iterable[Piece]) -> Text:
    kept = tuple(piece for piece in pieces if piece.text or piece.origin is not None)
    made = str.__new__(Text, "".join([piece.text for piece in kept]))
    made._pieces = kept
    return made


def _pieces(text: str) -> tuple[Piece, ...]:
    return text._pieces if isinstance(text, Text) else (Piece(_bare(text), trusted=False),)


_bare = str.__str__
"""The characters alone, as an exact ``str``."""


def _lost(source: Text, result: Any) -> Any:
    """A result whose characters cannot be told apart."""
    if isinstance(result, str):
        return _text_lost(source, result)
    trace.opaque |= source._watched()
    return result


def _text_lost(source: Text, result: str) -> Text:
    trace.opaque |= source._watched()
    return _of((Piece(result, trusted=False),))


def _same_length(source: Text, result: str, method: str = "") -> Text:
    """A result that has each character in the place of the one that it came from."""
    if len(result) != len(_bare(source)):
        return _text_lost(source, result)
    if not method:
        pieces = [
            Piece(piece.text[::-1], trusted=piece.trusted) for piece in reversed(source._pieces)
        ]
        trace.opaque |= source._watched()
        return _of(pieces)
    if (view := source._view()) is not None:
        return _of(
            (Piece(result, trusted=False, origin=(view[0], (*view[1], (method, (), None)))),)
        )
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
    return function(*(_bare(a) if isinstance(a, Text) else a for a in arguments))


def _arguments_seen(*arguments: Any) -> None:
    for argument in arguments:
        seen(argument)


def _note(text: Text, method: str, arguments: tuple[Any, ...], result: Any) -> None:
    """Record what was asked of a text that contents are in."""
    if not _constant(arguments) or not isinstance(result, bool | int):
        trace.opaque = True
    else:
        subject = tuple(p.text if p.origin is None else p.origin for p in text._pieces)
        trace.checks[subject, method, _plain(arguments), result] = None


def _constant(arguments: Iterable[Any]) -> bool:
    return not any(_holds_content(argument) for argument in arguments)


def _plain(arguments: Iterable[Any]) -> tuple[Any, ...]:
    """The arguments as values of JSON."""
    return tuple(
        _plain(a) if isinstance(a, tuple) else _bare(a) if isinstance(a, str) else a
        for a in arguments
    )
