"""Log lines name the conversation and contain no secret."""

import logging
from collections.abc import Iterator

import pytest

from bot.logs import PACKAGES, Redacting, conversation_logged, set_up
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


def test_a_traceback_is_redacted_too() -> None:
    try:
        raise RuntimeError("login failed with xoxb-1234567890-abcdefghijkl")
    except RuntimeError as error:
        record = logging.LogRecord("bot", logging.ERROR, "f", 1, "oh", (), None)
        record.exc_info = (RuntimeError, error, error.__traceback__)
    said = Redacting().format(record)
    assert "RuntimeError: login failed with [secret]" in said
    assert "xoxb" not in said
