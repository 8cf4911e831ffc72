"""Error messages for settings: one line that names the place, the setting and what would be right.

What is right is derived from the field itself: its type, bounds and choices, and the metadata
`Form` and `Means` where those say too little. A new field of `bot.config.Settings` therefore gets
its messages without further code. pydantic's own texts are never shown.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, GetCoreSchemaHandler, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails, core_schema

EXAMPLE = "parley config example"
"""The command that prints the documented settings (`config.example.toml`)."""

LONGEST_SHOWN = 24
"""Characters of a wrong value that a message repeats. A longer value is not shown: it may be a
token that was pasted into the wrong setting."""

LONGEST_NAME = 80
"""Characters of an unknown key that a message repeats."""

NAMES = (
    "small letters and digits, at most 32, with single dots, dashes or underscores between them, "
    "and not default"
)
"""What the name of a table ``[models.NAME]`` is made of."""

Keys = tuple[str, ...]
"""Where a setting is, from the outermost section inwards: ``("model", "context")``."""


@dataclass(frozen=True, slots=True)
class Form:
    """Metadata of a text field: a regular expression for the whole value, and words for it.

    Validation raises ValueError, which pydantic reports as a ValidationError, where the value does
    not match."""

    pattern: str
    kind: str
    """What the value is, with its article: "a web address"."""
    remedy: str
    """What to write, in words that follow "give" and "a list of"."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: str | SecretStr) -> str | SecretStr:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not re.fullmatch(self.pattern, text):
            raise ValueError(f"not {self.kind}")
        return value


@dataclass(frozen=True, slots=True)
class Means:
    """Metadata of a number field whose lowest value has a meaning of its own."""

    lowest: str


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file that settings came from."""

    path: Path
    text: str
    content: Mapping[str, Any]

    def sets(self, keys: Keys) -> bool:
        """Whether it has a value or a table at `keys`."""
        value: Any = self.content
        for key in keys:
            if not isinstance(value, Mapping) or key not in value:
                return False
            value = value[key]
        return True


# ---------------------------------------------------------------- what is wrong


def explain(
    error: ValidationError,
    settings: type[BaseModel],
    files: Sequence[TomlFile],
    variables: Mapping[Keys, str],
) -> list[str]:
    """One line for each faulty setting in `error`, which validating `settings` raised.

    The values came from `files`, of which the first one that sets a key counts, and from
    environment variables, which count before the files and are named in `variables` by the setting
    that each one sets. Secrets and long values are never shown.
    """
    lines: dict[Keys, str] = {}
    for details in error.errors(include_url=False):
        keys, field = _locate(settings, details["loc"])
        if keys not in lines:  # a list or a union has several errors for one setting
            # what is missing is missing in its table
            place = _place(keys[:-1] if _is_missing(details) else keys, files, variables)
            *section, key = (_printable(part) for part in keys)
            name = f"[{'.'.join(section)}] {key}" if section else f"[{key}]"
            fault = _fault(details, keys, field) if field else _unknown(keys, settings)
            lines[keys] = f"{place}: {name}{fault}"
    return list(lines.values())


def _is_missing(details: ErrorDetails) -> bool:
    return details["type"] == "missing"


def _locate(
    settings: type[BaseModel], location: Sequence[int | str]
) -> tuple[Keys, FieldInfo | None]:
    """The setting at pydantic's `location`, which may include a member of a list or a variant of a
    union; and its field, or None for an unknown setting."""
    keys: Keys = ()
    field: FieldInfo | None = None
    section: type[BaseModel] | None = settings
    for part in location:
        tables = _tables_of(field)
        if (section is None and tables is None) or part == _OF_NAME:
            break
        keys = (*keys, str(part))
        if tables is not None:
            field = FieldInfo(annotation=tables)
        elif section is not None:
            field = section.model_fields.get(str(part))
        section = _section_of(field)
    return keys, field


_OF_NAME = "[key]"
"""What pydantic appends to the location of a wrong name of a table."""


def _tables_of(field: FieldInfo | None) -> type[BaseModel] | None:
    """The section that each table of a field such as ``[models.NAME]`` is; None for other
    fields."""
    kind = field.annotation if field else None
    return get_args(kind)[1] if get_origin(kind) is dict else None


def _section_of(field: FieldInfo | None) -> type[BaseModel] | None:
    kind = field.annotation if field else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _unknown(keys: Keys, settings: type[BaseModel]) -> str:
    field: FieldInfo | None = None
    for key in keys[:-1]:
        tables = _tables_of(field)
        field = FieldInfo(annotation=tables) if tables else settings.model_fields[key]
        settings = _section_of(field) or settings
    known = list(settings.model_fields)
    close = difflib.get_close_matches(keys[-1], known, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}."
    return f" is not a setting; {remedy} {EXAMPLE} prints them all."


_TOO = {
    "greater_than": "too small",
    "greater_than_equal": "too small",
    "less_than": "too large",
    "less_than_equal": "too large",
    "string_too_short": "too short",
    "string_too_long": "too long",
    "too_short": "too short",
    "too_long": "too long",
}


def _fault(details: ErrorDetails, keys: Keys, field: FieldInfo) -> str:
    value = details["input"]
    if details["loc"][-1] == _OF_NAME:
        return f" is not a name for it; give {NAMES}."
    if tables := _tables_of(field):
        known = ", ".join(tables.model_fields)
        return (
            f": {_kind_of(value)} is not a table; write a line [{keys[-1]}.NAME] and below it the "
            f"settings of that one, of: {known}."
        )
    if section := _section_of(field):
        known = ", ".join(section.model_fields)
        return (
            f": {_kind_of(value)} is not a section; write a line [{'.'.join(keys)}] and below it "
            f"the settings that you change, of: {known}."
        )
    expected = expected_of(field)
    if _is_missing(details):
        return f" is not set; give {expected.remedy}."
    in_member = expected.member is not None and len(details["loc"]) > len(keys)
    kind = expected.member if in_member else expected.kind
    verdict = _TOO.get(details["type"], kind)
    if isinstance(value, str) and (
        close := difflib.get_close_matches(value, expected.choices, n=1)
    ):
        verdict = f"{verdict} (did you mean {_quoted(close[0])}?)"
    negation = "" if details["type"] in _TOO else "not "
    return f": {_shown(value, expected)} is {negation}{verdict}; give {expected.remedy}."


def _shown(value: object, expected: "Expected") -> str:
    """The wrong value, or only its type where it is a secret or may hold one."""
    if expected.secret or not isinstance(value, str | int | float):
        return _kind_of(value)
    if isinstance(value, int) and abs(value) >= 10**LONGEST_SHOWN:  # str() refuses very long ones
        return _kind_of(value)
    text = _quoted(value)
    # An address may have a password before its "@".
    return _kind_of(value) if len(text) > LONGEST_SHOWN + 2 or "@" in text else text


def _kind_of(value: object) -> str:
    kinds = {bool: "a boolean", str: "this text", int: "this number", float: "this number"}
    kinds |= {dict: "a table", list: "a list", tuple: "a list", type(None): "nothing"}
    return kinds.get(type(value), "this value")


def _quoted(value: object) -> str:
    """As TOML writes it, in one line of printable characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _printable(name: str) -> str:
    """A key or a variable's name in a line of text: what cannot be printed is escaped."""
    shown = name if name.isprintable() else json.dumps(name)[1:-1]
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}…"


# ---------------------------------------------------------------- what is no TOML

_PLACE = re.compile(r"(?P<reason>.*) \(at (line (?P<line>\d+), column \d+|end of document)\)")
_ESCAPES = ("Unescaped '\\' in a string", "Invalid hex value", "Escaped character is not")
"""How `tomllib` reports a backslash that begins no escape sequence."""


def not_toml(file: Path, error: Exception) -> str:
    """One line for a `file` that `tomllib` cannot parse, with the line of the fault where `error`
    has it. Nothing of the file's content is repeated, because it may be a secret."""
    parts = _PLACE.fullmatch(str(error))
    line = f":{parts['line']}" if parts and parts["line"] else ""
    if str(error).startswith(_ESCAPES):
        return (
            f"{file}{line}: in double quotes a backslash begins an escape sequence, and this one "
            r"is not valid: write the value in single quotes, as in 'C:\Users\me'."
        )
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return f"{file}{line}: this is not valid TOML: {reason}."


# ---------------------------------------------------------------- what is right


@dataclass(frozen=True, slots=True)
class Expected:
    """What a setting takes, in words."""

    kind: str
    """Follows "is not": "a whole number"."""
    remedy: str
    """Follows "give": "a whole number from 1 to 256, such as 8"."""
    member: str | None = None
    """Of a list, the `kind` of each member."""
    choices: tuple[str, ...] = ()
    """Of a setting with named values, these."""
    secret: bool = False


def expected_of(field: FieldInfo) -> Expected:
    """What `field` takes, by its type and metadata. The example in it is the first of the field's
    ``examples``, else its default."""
    annotation, metadata = _plain(field.annotation, field.metadata)
    example = _example(field)
    if annotation is bool or get_origin(annotation) in (Literal, Union, UnionType):
        return _choice(annotation)
    if get_origin(annotation) in (tuple, frozenset):
        return _list(_text(*_plain(get_args(annotation)[0], [])), example)
    if annotation in (int, float):
        return _number(annotation, metadata, example)
    return _text(annotation, metadata, example)


def _plain(annotation: Any, metadata: Sequence[Any]) -> tuple[Any, list[Any]]:
    """An annotation without ``Annotated``, whose metadata join the others."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _plain(inner, [*more, *metadata])
    return annotation, list(metadata)


def _example(field: FieldInfo) -> str:
    """As TOML writes it; "" where there is none."""
    example = field.examples[0] if field.examples else field.default
    if isinstance(example, SecretStr) or example in ("", (), frozenset()):
        return ""
    return _quoted(example)


def _choice(annotation: Any) -> Expected:
    values = list(_values(annotation))
    words = [_quoted(value) for value in values]
    remedy = f"{', '.join(words[:-1])} or {words[-1]}"
    choices = tuple(value for value in values if isinstance(value, str))
    return Expected("one of the choices" if choices else "a boolean", remedy, choices=choices)


def _values(annotation: Any) -> Iterator[str | bool]:
    """The values of a Literal, of bool, or of a union of these."""
    if annotation is bool:
        yield from (True, False)
    elif variants := get_args(annotation):
        for variant in variants:
            yield from _values(variant)
    else:
        yield annotation


_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def _number(kind: type, metadata: Sequence[Any], example: str) -> Expected:
    name = "a whole number" if kind is int else "a number"
    bounds = {n: getattr(rule, n) for rule in metadata for n in _BOUNDS if hasattr(rule, n)}
    lowest = next((f" ({rule.lowest})" for rule in metadata if isinstance(rule, Means)), "")
    match bounds:
        case {"ge": low, "le": high}:
            remedy = f"{name} from {low}{lowest} to {high}"
        case {"ge": low}:
            remedy = f"{low}{lowest} or more"
        case _:
            words = " and ".join(f"{_BOUNDS[n]} {bound}" for n, bound in bounds.items())
            remedy = f"{name} {words}".rstrip()
    return Expected(name, f"{remedy}, such as {example}")


def _text(annotation: Any, metadata: Iterable[Any], example: str = "") -> Expected:
    such_as = f", such as {example}" if example else ""
    for rule in metadata:
        if isinstance(rule, Form):
            return Expected(rule.kind, rule.remedy + such_as, secret=annotation is SecretStr)
    return Expected("a text", f"a text in quotes{such_as}", secret=annotation is SecretStr)


def _list(member: Expected, example: str) -> Expected:
    written = example or "[…]"
    remedy = f"a list such as {written}, each member {member.remedy}"
    return Expected(
        "a list", f"{remedy}; a variable may also have commas between them", member.kind
    )


# ---------------------------------------------------------------- where it is


def _place(keys: Keys, files: Sequence[TomlFile], variables: Mapping[Keys, str]) -> str:
    """The variable, or the file with the line where that is known."""
    for path, variable in variables.items():
        if path[: len(keys)] == keys:
            return _printable(variable)
    file = next((each for each in files if each.sets(keys)), files[-1] if files else None)
    if file is None:
        return "the settings"
    line = _line_of(file.text, keys[:-1], keys[-1])
    return f"{file.path}:{line}" if line else str(file.path)


def _line_of(source: str, section: Keys, key: str) -> int | None:
    """The line of a setting in the TOML text; None for dotted keys and inline tables."""
    current: Keys = ()
    for number, line in enumerate(source.splitlines(), start=1):
        if header := re.match(r"\s*\[{1,2}([^\[\]]+)\]", line):
            current = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            if current == (*section, key):
                return number
        elif (
            current == section
            and (assigned := re.match(r"\s*([\w\"'-]+)\s*=", line))
            and assigned[1].strip("\"'") == key
        ):
            return number
    return None
