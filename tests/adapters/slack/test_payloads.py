"""Typed fields of payloads; the workspace of a payload is in test_organisation."""

from collections.abc import Callable
from typing import Any

import pytest

from adapters.slack.payloads import Malformed, check, record, records, text, texts

WRONG: dict[Callable[[dict[str, Any], str], object], tuple[object, ...]] = {
    text: (5, [], {}, True),
    record: (5, [], "x", True, 0),
    records: (5, {}, "x", [5], [{}, None]),
    texts: (5, {}, "x", [5], ["x", None]),
}


def test_fields_are_read_with_their_type_or_their_default() -> None:
    payload = {"a": "x", "b": {"c": 1}, "d": [{"e": 2}], "f": ["g"], "n": None}
    assert text(payload, "a") == "x"
    assert text(payload, "n", "default") == text(payload, "z", "default") == "default"
    assert record(payload, "b") == {"c": 1}
    assert records(payload, "d") == ({"e": 2},)
    assert texts(payload, "f") == ("g",)
    for name in ("n", "z"):
        assert (record(payload, name), records(payload, name), texts(payload, name)) == ({}, (), ())


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (text, None),
        *((read, wrong) for read, values in WRONG.items() for wrong in values),
    ],
)
def test_another_type_is_malformed_and_the_message_names_the_field_alone(
    read: Callable[[dict[str, Any], str], object], value: object
) -> None:
    with pytest.raises(Malformed, match=r"^secretly is (no|missing)\b[a-z ]*$"):
        read({"secretly": value}, "secretly")


def test_what_a_database_cannot_store_is_replaced() -> None:
    assert text({"a": "x\ud800y\0z\ud83d\ude00"}, "a") == "x\ufffdy\ufffdz\U0001f600"


@pytest.mark.parametrize(
    "thread",
    [
        None,
        "x",
        {"user_id": "U1", "channel_id": "D1"},
        {"channel_id": "D1", "thread_ts": 5},
        {"thread_ts": "1.000001"},
    ],
)
def test_a_chat_of_the_agent_view_is_checked_before_bolt_reads_it(thread: object) -> None:
    """Bolt itself raises ValueError for one without a place."""
    event = {"type": "assistant_thread_started", "assistant_thread": thread}
    with pytest.raises(Malformed):
        check({"type": "event_callback", "event": event})
    whole = event | {"assistant_thread": {"channel_id": "D1", "thread_ts": "1.000001"}}
    check({"type": "event_callback", "event": whole})
