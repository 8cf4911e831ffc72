"""People's names, as a prompt may hold them."""

import re
import unicodedata

LONGEST_NAME = 40
"""Characters."""


def clean_name(name: str, fallback: str = "") -> str:
    """`name` on one line, without the characters that chat formats and platforms give a meaning to,
    so that it cannot look like the start of another turn. `fallback` where nothing is left."""
    letters = (
        letter if unicodedata.category(letter)[0] not in "CZ" else " "
        for letter in unicodedata.normalize("NFKC", name)
    )
    plain = re.sub(r"[\[\]<>:|{}`@#*\\]", "", "".join(letters))
    return " ".join(plain.split())[:LONGEST_NAME].strip() or fallback
