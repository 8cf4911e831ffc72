"""Since when a summary is made, as people type it."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.common.since import LAST_MESSAGE, Since, asks_for_summary, parse_since
from bot.errors import NotUnderstood

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("2 hours", timedelta(hours=2)),
        ("since 3 days", timedelta(days=3)),
        ("the last 1 hour", timedelta(hours=1)),
        ("90 Minutes ago", timedelta(minutes=90)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_an_age_is_a_number_and_a_unit(text: str, age: timedelta) -> None:
    assert parse_since(text, now=NOW) == Since(moment=NOW - age)


def test_nothing_is_the_last_message_and_a_link_its_message() -> None:
    assert parse_since("  ") == LAST_MESSAGE
    assert parse_since("https://…", linked="12") == Since(message="12")


@pytest.mark.parametrize("text", ["yesterday", "2", "h", "-1h", "99999h", "2 fortnights"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(NotUnderstood, match="a time such as `30m`"):
        parse_since(text)


def test_the_request_itself_is_recognised() -> None:
    assert asks_for_summary("Summarise, please")
    assert asks_for_summary("/parley summarize 2h")
    assert not asks_for_summary("summarize the second point")
