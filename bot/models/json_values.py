"""Values in the JSON files of models, of which any may be missing or of the wrong type."""

from collections.abc import Mapping
from typing import Any, TypeGuard

Json = Mapping[str, Any]
"""The object in a file."""

_TOO_LARGE = 1 << 40
"""No token id and no dimension of a model is as large: such a number is a damage."""


def is_number(value: object) -> TypeGuard[int]:
    """Whether it is an integer (a bool is none)."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_id(value: object) -> TypeGuard[int]:
    """Whether it may be the id of a token."""
    return is_number(value) and 0 <= value < _TOO_LARGE


def whole(value: object) -> int:
    """`value` if it is a positive integer of a size that a model may have; 0 for anything else."""
    return value if is_id(value) else 0
