"""How values look on a page: texts that can do nothing, numbers, durations, sizes and times."""

import re
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""C0 and C1 controls but tab and newline, line separators, and marks that change the direction of
what follows."""


def inert(value: Any) -> Any:
    """`value` as a page may show it: a text whose control characters, such as a terminal's escape
    sequences or bidirectional overrides, are U+FFFD. Markup of our own templates is left as it is;
    the templates escape everything else."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value.replace("\r\n", "\n"))


def number(value: float) -> str:
    """A number with thousands separated; below 100, with a decimal where it is not whole."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.1f}"


def seconds(value: float) -> str:
    """A duration, in the unit that fits."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s"
    if value < 7200:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


def size(value: float) -> str:
    """Bytes, in the unit that fits."""
    for unit in ("B", "KB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def moment(value: datetime) -> str:
    """A time to the minute, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"


FILTERS = {"number": number, "seconds": seconds, "size": size, "moment": moment}
