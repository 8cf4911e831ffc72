"""Log lines name the conversation and contain no secret."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.logs import PACKAGES, JsonLines, Redacting, conversation_logged, set_up
from bot.messages import ConversationKey


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in PACKAGES]
    handlers, level, levels = root.handlers, root.level, [one.level for one in ours]
    yield capsys
    root.handlers, root.level = handlers, level
    for one, before in zip(ours, levels, strict=True):
        one.setLevel(before)


def test_a_line_names_its_conversation(lines: pytest.CaptureFixture[str]) -> None:
    set_up("info")
    log = logging.getLogger("bot.somewhere")
    with conversation_logged(ConversationKey("discord", "42", workspace="7")):
        log.info("inside")
    log.info("outside")
    inside, outside = lines.readouterr().err.splitlines()
    assert "[discord:7/42] inside" in inside
    assert "[-] outside" in outside


@pytest.mark.parametrize("package", ["parley", "adapters", "storage", "bot"])
def test_debug_shows_ours_and_not_the_libraries(
    package: str, lines: pytest.CaptureFixture[str]
) -> None:
    set_up("debug")
    logging.getLogger(f"{package}.x").debug("ours")
    logging.getLogger("discord.gateway").info("theirs")
    said = lines.readouterr().err
    assert "ours" in said
    assert "theirs" not in said


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-1234567890-abcdefghijkl",
        "xapp-1-A0123456789-0123456789",
        "MTAxMjM0NTY3ODkwMTIzNDU2Nzg5.GhIjKl.abcdefghijklmnopqrstuvwxyz0123456789ab",
        "hf_abcdefghijklmnopqrstuvwxyz",
        "registered",
    ],
)
def test_what_looks_like_a_secret_is_redacted(secret: str) -> None:
    record = logging.LogRecord("bot", logging.INFO, "f", 1, "got %s here", (secret,), None)
    assert Redacting(["registered"]).format(record).endswith("got [secret] here")


def test_passwords_of_addresses_are_redacted_and_the_host_stays() -> None:
    text = "http://me:s@cret@10.0.0.2/v1 and https://key@db/x, not http://10.0.0.3:80/a@b"
    record = logging.LogRecord("bot", logging.INFO, "f", 1, text, (), None)
    assert (
        Redacting()
        .format(record)
        .endswith(
            "http://[secret]@10.0.0.2/v1 and https://[secret]@db/x, not http://10.0.0.3:80/a@b"
        )
    )


def test_a_traceback_is_redacted_too() -> None:
    try:
        raise RuntimeError("login failed with xoxb-1234567890-abcdefghijkl")
    except RuntimeError as error:
        record = logging.LogRecord("bot", logging.ERROR, "f", 1, "oh", (), None)
        record.exc_info = (RuntimeError, error, error.__traceback__)
    said = Redacting().format(record)
    assert "RuntimeError: login failed with [secret]" in said
    assert "xoxb" not in said


# ---------------------------------------------------------------- JSON


def as_json(record: logging.LogRecord, *secrets: str) -> dict[str, Any]:
    line = JsonLines(secrets).format(record)
    assert "\n" not in line
    entry: dict[str, Any] = json.loads(line)
    return entry


def test_a_json_line_names_conversation_and_answer(lines: pytest.CaptureFixture[str]) -> None:
    set_up("info", line_format="json")
    log = logging.getLogger("bot.somewhere")
    with conversation_logged(ConversationKey("discord", "42", workspace="7"), 5):
        log.warning("%s “inside”", 3)
    log.info("outside")
    inside, outside = [json.loads(line) for line in lines.readouterr().err.splitlines()]
    time = datetime.fromisoformat(inside.pop("time"))
    assert time.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - time) < timedelta(hours=1)
    assert inside == {
        "level": "warning",
        "logger": "bot.somewhere",
        "message": "3 “inside”",
        "conversation": "discord:7/42",
        "answer": 5,
    }
    assert set(outside) == {"time", "level", "logger", "message"}


def test_the_time_is_utc_as_rfc_3339_writes_it() -> None:
    record = logging.LogRecord("bot", logging.INFO, "f", 1, "x", (), None)
    record.created = 1_800_000_000.25
    assert as_json(record)["time"] == "2027-01-15T08:00:00.250Z"


def test_a_json_lines_traceback_is_one_string_without_secrets() -> None:
    try:
        raise RuntimeError('login failed with se"cret and xoxb-1234567890-abcdefghijkl')
    except RuntimeError:
        record = logging.LogRecord("bot", logging.ERROR, "f", 1, 'a\n"se"cret"', (), sys.exc_info())
    entry = as_json(record, 'se"cret')
    assert entry["message"] == 'a\n"[secret]"'
    assert entry["exception"].startswith("Traceback (most recent call last):\n")
    assert entry["exception"].endswith("RuntimeError: login failed with [secret] and [secret]")
    assert "xoxb" not in json.dumps(entry)
