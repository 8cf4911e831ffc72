"""What is wrong with a setting, in one line: the place, the fault, and what would be right."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import ErrorDetails

EXAMPLE = "config.example.toml"


def explain(
    error: ErrorDetails,
    settings: type[BaseModel],
    file: Path | None,
    source: str,
    variables: Mapping[tuple[str, ...], str],
) -> str:
    """One line for one fault of `settings`, which came from the TOML text `source` of `file` and
    from `variables` (the path of each setting that one sets, and its name). Never shows the value:
    it may be a secret."""
    path = tuple(str(key) for key in error["loc"])
    section, key = path[:-1], path[-1]
    name = f"[{'.'.join(section)}] {key}" if section else f"[{key}]"
    variable = next((v for p, v in variables.items() if p[: len(path)] == path), None)
    if variable:
        place = variable
    else:
        line = _line_of(source, section, key)
        place = f"{file}:{line}" if line else str(file)
    if error["type"] == "extra_forbidden":
        known = list(_fields(settings, section))
        close = difflib.get_close_matches(key, known, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}."
        return f"{place}: {name} is not a setting; {remedy} {EXAMPLE} lists them all."
    said = error["msg"].removeprefix("Value error, ")
    said = said[0].lower() + said[1:]
    return f"{place}: {name}: {said}. See {EXAMPLE} for what it takes."


def _fields(model: type[BaseModel], section: tuple[str, ...]) -> tuple[str, ...]:
    for key in section:
        inner = model.model_fields[key].annotation if key in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ()
        model = inner
    return tuple(model.model_fields)


def _line_of(source: str, section: tuple[str, ...], key: str) -> int | None:
    """The line of a setting in the TOML text; None where it is written in an unusual way."""
    current: tuple[str, ...] = ()
    for number, line in enumerate(source.splitlines(), start=1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
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
