"""Strategies that damage valid files: their JSON values, or their bytes."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([-1, 0, 1, 2**31, 2**63, 10**30, 10**400])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\ud800", "\0", "a\nb", "x" * 5000, "٣", "9" * 5000, "../..", "/"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
"""Any JSON value, with a liking for those that break programs."""


@st.composite
def damaged_json(draw: st.DrawFn, valid: Any) -> Any:
    """`valid` with some of its values replaced, removed or moved."""
    value = {"": copy.deepcopy(valid)}
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(value))
        holder, key = draw(st.sampled_from(places))
        if draw(st.booleans()) or (holder is value and key == ""):
            holder[key] = draw(JSON)
        elif isinstance(holder, dict) and draw(st.booleans()):
            holder[draw(st.text(max_size=5))] = holder.pop(key)
        else:
            del holder[key]
    return value[""]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with a key in it. Of long ones, only the first keys: the others are alike."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    for key in keys[:40]:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


@st.composite
def damaged_bytes(draw: st.DrawFn, valid: bytes) -> bytes:
    """`valid` with a stretch of it replaced, cut, or repeated, or in another encoding."""
    data = valid
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(len(data), start + 40)))
        kind = draw(st.sampled_from(["replace", "cut", "end", "repeat"]))
        if kind == "replace":
            data = data[:start] + draw(st.binary(max_size=12)) + data[stop:]
        elif kind == "cut":
            data = data[:start] + data[stop:]
        elif kind == "end":
            data = data[:start]
        else:
            data = data[:start] + data[start:stop] * draw(st.integers(2, 50)) + data[stop:]
    mark = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"]))
    return mark + data
