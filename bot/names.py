"""Names and other short texts of people, as a prompt may hold them."""

import re
import unicodedata

LONGEST_NAME = 40
"""Characters."""


def clean_name(name: str, fallback: str = "") -> str:
    """`name` on one line, without the characters that chat formats and platforms give a meaning to,
    so that it cannot look like the start of another turn. `fallback` where nothing is left."""
    plain = re.sub(r"[\[\]<>:|{}`@#*\\]", "", _printed(name))
    return " ".join(plain.split())[:LONGEST_NAME].strip() or fallback


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
