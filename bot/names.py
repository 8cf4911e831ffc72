"""Names and other short texts of people, as a prompt may hold them."""

import re
import unicodedata
from collections.abc import Iterable

LONGEST_NAME = 40
LONGEST_FILE_NAME = 80
"""Characters."""


def clean_name(name: str, fallback: str = "") -> str:
    """`name` on one line, without the characters that chat formats and platforms give a meaning to,
    so that it cannot look like the start of another turn. `fallback` where nothing is left."""
    plain = re.sub(r"[\[\]<>:|{}`@#*\\]", "", _printed(name))
    return " ".join(plain.split())[:LONGEST_NAME].strip() or fallback


def clean_file_name(name: str) -> str:
    """The name of a file, at most `LONGEST_FILE_NAME` characters of its end, without any that could
    format or break a line."""
    plain = "".join(letter for letter in name if letter.isalnum() or letter in " ._-+()")
    return plain.strip()[-LONGEST_FILE_NAME:] or "a file"


def file_marks(names: Iterable[str]) -> str:
    """What stands in a text for files that are not read: "[file notes.txt], [file plan.png]"."""
    return ", ".join(f"[file {clean_file_name(name)}]" for name in names)


def clean_line(text: str, longest: int) -> str:
    """`text` on one line of at most `longest` characters, without what cannot be printed and
    without the brackets of which chat formats make their tags; a longer text ends in "…"."""
    # what is longer than this is not worth the normalization
    plain = re.sub(r"[\[\]<>|{}`\\]", "", _printed(text[: 8 * longest]))
    line = " ".join(plain.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def _printed(text: str) -> str:
    """`text` with a space in place of each control character, line end and format character."""
    return "".join(
        letter if unicodedata.category(letter)[0] not in "CZ" else " "
        for letter in unicodedata.normalize("NFKC", text)
    )
