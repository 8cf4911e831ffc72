"""Which files belong to one GGUF model: a large one is split (``model-00001-of-00003.gguf``).

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, "GGUF Naming Convention".
"""

import re
from pathlib import Path

SUFFIX = ".gguf"

_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)


def is_gguf(path: Path) -> bool:
    """Whether `path` is named as a GGUF file, and is no folder."""
    return path.suffix.lower() == SUFFIX and not path.is_dir()


def parts_of(path: str) -> tuple[str, ...]:
    """The paths of all parts of the file to which `path` belongs, in order; `path` alone where its
    name has no ``-00001-of-0000N``."""
    match = _PART.fullmatch(path)
    if match is None or not 1 <= int(match["number"]) <= int(match["count"]):
        return (path,)
    ending = path[-len(SUFFIX) :]
    numbers = range(1, int(match["count"]) + 1)
    return tuple(f"{match['stem']}-{n:05}-of-{match['count']}{ending}" for n in numbers)


def stem_of(path: str) -> str:
    """`path` without ``.gguf``, and without the number of the part."""
    match = _PART.fullmatch(path)
    return match["stem"] if match else path[: -len(SUFFIX)]
