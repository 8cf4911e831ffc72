"""What a chat template made of a conversation, and for which other contents it holds.

A `Rendering` is made of the template's own text and of views of the contents: a content itself, or
what the template derived from it (``content.strip()``). It holds for every conversation of the same
shape for whose contents all checks give the results that they gave when it was made.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot.prompting.spans import Span

Step = tuple[str, tuple[Any, ...], int | None]
"""A method of str, its arguments, and the index of the result that is taken; None for all."""

_VIEWS = frozenset(
    {
        *("__getitem__", "strip", "lstrip", "rstrip", "removeprefix", "removesuffix", "split"),
        *("rsplit", "partition", "rpartition", "replace", "upper", "lower", "title"),
        *("capitalize", "swapcase", "casefold"),
    }
)
_CHECKS = frozenset(
    {
        *("__contains__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__len__"),
        *("__bool__", "startswith", "endswith", "find", "rfind", "index", "rindex", "count"),
        *("isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower"),
        *("isnumeric", "isprintable", "isspace", "istitle", "isupper", "split:len", "rsplit:len"),
    }
)


@dataclass(frozen=True, slots=True)
class Part:
    """A run of the rendered text."""

    text: str
    trusted: bool
    content: int | None = None
    """The number of the content of which it is a view; None for text that does not vary."""
    steps: tuple[Step, ...] = ()

    def of(self, contents: Mapping[int, str] | Sequence[str]) -> str:
        """The text, for these contents."""
        return self.text if self.content is None else _view(contents[self.content], self.steps)


@dataclass(frozen=True, slots=True)
class Check:
    """Something that the template asked about a text that contents are in."""

    subject: tuple[Part, ...]
    method: str
    arguments: tuple[Any, ...]
    result: bool | int

    def holds(self, contents: Mapping[int, str] | Sequence[str]) -> bool:
        """Whether `contents` give the same result."""
        try:
            text = "".join([part.of(contents) for part in self.subject])
            return bool(_result(text, self.method, self.arguments) == self.result)
        except (LookupError, ValueError, TypeError):
            return False


@dataclass(frozen=True, eq=False, slots=True)
class _Checks:
    """All checks on one content alone. Compared by identity, so that results can be cached
    quickly."""

    checks: tuple[Check, ...]

    def hold(self, content: str) -> bool:
        return all(check.holds({0: content}) for check in self.checks)


@dataclass(frozen=True, slots=True)
class Rendering:
    """A rendered text, a refusal, or a fault."""

    parts: tuple[Part, ...] = ()
    checks: tuple[tuple[int, _Checks], ...] = ()
    """Those on one content, by its number."""
    joint: tuple[Check, ...] = ()
    """Those on several contents together."""
    contents: tuple[str, ...] | None = None
    """The only contents for which it holds; None where the checks tell."""
    times: Mapping[str, str] = field(default_factory=dict)
    """The local time by pattern, where the template wrote it."""
    refused: str = ""
    broken: str = ""

    @classmethod
    def read(cls, answer: Mapping[str, Any], contents: Sequence[str]) -> "Rendering":
        """From the answer of the template's process."""
        checks = [_check(*check) for check in answer["checks"]]
        return cls(
            parts=tuple(_part(*part) for part in answer.get("parts", ())),
            checks=_grouped(checks),
            joint=tuple(check for check in checks if len(_numbers(check)) > 1),
            contents=tuple(contents) if answer["opaque"] else None,
            times=answer["times"],
            refused=answer.get("refused", ""),
            broken=answer.get("broken", ""),
        )

    @property
    def size(self) -> int:
        """Roughly how many objects it holds; texts count as one for 100 characters."""
        objects = 1 + len(self.parts) + len(self.checks) + len(self.joint)
        texts = (*(part.text for part in self.parts), *(self.contents or ()))
        return objects + sum(map(len, texts)) // 100

    @property
    def failed(self) -> bool:
        """Whether the template gave no text."""
        return bool(self.refused or self.broken)

    def holds_for(self, contents: Sequence[str]) -> bool:
        """Whether the template would render the same for `contents`, now."""
        if self.contents is not None:
            return self.contents == tuple(contents) and self.is_current()
        return (
            self.is_current()
            and all(_hold(checks, contents[number]) for number, checks in self.checks)
            and all(check.holds(contents) for check in self.joint)
        )

    def is_current(self) -> bool:
        """Whether the times that the template wrote are still right."""
        if not self.times:
            return True
        now = datetime.now().astimezone()
        return all(now.strftime(pattern) == text for pattern, text in self.times.items())

    def spans(self, contents: Sequence[str]) -> list[Span]:
        """The rendered text with `contents` in it."""
        spans: list[Span] = []
        for part in self.parts:
            text = part.of(contents)
            if text and part.trusted and spans and spans[-1].trusted:
                spans[-1] = Span(spans[-1].text + text, trusted=True)
            elif text:
                spans.append(Span(text, part.trusted))
        return spans


@functools.lru_cache(4096)
def _hold(checks: _Checks, content: str) -> bool:
    return checks.hold(content)


@functools.lru_cache(4096)
def _interned(checks: tuple[Check, ...]) -> _Checks:
    return _Checks(checks)


def _grouped(checks: Iterable[Check]) -> tuple[tuple[int, _Checks], ...]:
    """The checks on one content alone, by its number. In them, that content has the number 0, so
    that those on different contents can be the same."""
    found: dict[int, list[Check]] = {}
    for check in checks:
        if len(numbers := _numbers(check)) == 1:
            subject = tuple(
                part if part.content is None else replace(part, content=0) for part in check.subject
            )
            found.setdefault(numbers.pop(), []).append(replace(check, subject=subject))
    return tuple((number, _interned(tuple(group))) for number, group in found.items())


def _numbers(check: Check) -> set[int]:
    return {part.content for part in check.subject if part.content is not None}


def _check(subject: Iterable[Any], method: str, arguments: Any, result: Any) -> Check:
    if method not in _CHECKS:
        raise ValueError(f"no check: {method}")
    parts = (
        Part(part, trusted=False) if isinstance(part, str) else _part("", False, part)
        for part in subject
    )
    return Check(tuple(parts), method, _tuples(arguments), result)


def _part(text: str, trusted: bool, view: Any) -> Part:
    if view is None:
        return Part(text, trusted)
    return Part("", trusted=False, content=view[0], steps=_steps(view[1]))


def _steps(steps: Iterable[Any]) -> tuple[Step, ...]:
    return tuple(_step(name, _tuples(arguments), index) for name, arguments, index in steps)


@functools.lru_cache(1024)
def _step(name: str, arguments: tuple[Any, ...], index: int | None) -> Step:
    if name not in _VIEWS:
        raise ValueError(f"no view: {name}")
    return name, arguments, index


def _tuples(value: Any) -> tuple[Any, ...]:
    """Lists of JSON as tuples."""
    return tuple(_tuples(item) if isinstance(item, list) else item for item in value)


def _view(content: str, steps: tuple[Step, ...]) -> str:
    for name, arguments, index in steps:
        if name == "__getitem__":
            content = content[slice(*arguments)]
        else:
            found = getattr(str, name)(content, *arguments)
            content = found if index is None else found[index]
    return content


def _result(text: str, method: str, arguments: tuple[Any, ...]) -> Any:
    if method == "__bool__":
        return bool(text)
    name, _, counted = method.partition(":")
    found = getattr(str, name)(text, *arguments)
    return len(found) if counted else found
