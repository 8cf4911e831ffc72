"""A malformed event ends alone, with one line that quotes nothing of it."""

import copy
import logging
from typing import Any

import discord
import pytest
from discord import app_commands

from adapters.discord.malformed import Malformed, guarded, guarded_task, reading
from tests.fuzz.test_discord_events import EVENTS, handled


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def fails(_: Any) -> None:
    raise KeyError("what somebody wrote")


def test_a_parser_that_fails_is_a_line_without_the_events_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guarded("event MESSAGE_CREATE", fails)({})
    assert caplog.messages == ["a malformed event MESSAGE_CREATE was ignored: KeyError"]


@pytest.mark.parametrize("error", [AttributeError, KeyError, TypeError, ValueError])
def test_what_reading_an_incomplete_object_raises_is_malformed(error: type[Exception]) -> None:
    with pytest.raises(Malformed, match=f"message was ignored: {error.__name__}"):
        with reading("message"):
            raise error("what somebody wrote")


async def test_a_task_of_discords_own_raises_nothing_but_what_has_a_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(error: Exception) -> None:
        raise error

    task = guarded_task("command", handle, app_commands.AppCommandError)
    await task(KeyError("name"))
    response: Any = type("Response", (), {"status": 404, "reason": "Not Found"})()
    await task(discord.NotFound(response, {"code": 10062, "message": "Unknown interaction"}))
    assert caplog.messages == [
        "a malformed command was ignored: KeyError",
        "command could not be answered: 404 Not Found (error code: 10062): Unknown interaction",
    ]
    with pytest.raises(app_commands.AppCommandError):
        await task(app_commands.AppCommandError("known"))


def without(number: int, *path: str | int) -> tuple[str, dict[str, Any]]:
    """An event of which a field is missing."""
    name, event = copy.deepcopy(EVENTS[number])
    inside: Any = event
    for key in path[:-1]:
        inside = inside[key]
    del inside[path[-1]]
    return name, event


def with_value(number: int, value: object, *path: str | int) -> tuple[str, dict[str, Any]]:
    """An event of which a field has another value."""
    name, event = without(number, *path)
    inside: Any = event
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return name, event


ASKED, COMMAND, BUTTON = 0, 6, 9


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (without(ASKED, "author"), "event MESSAGE_CREATE"),
        (without(ASKED, "mentions"), "message"),
        (without(ASKED, "attachments", 0, "size"), "event MESSAGE_CREATE"),
        (without(ASKED, "content"), "event MESSAGE_CREATE"),
        (without(COMMAND, "data", "name"), "command"),
        (without(COMMAND, "member"), "interaction"),
        (without(BUTTON, "member"), "interaction"),
        (without(BUTTON, "data", "custom_id"), "event INTERACTION_CREATE"),
        (with_value(COMMAND, "\ud800", "token"), "event INTERACTION_CREATE"),
        (with_value(BUTTON, None, "token"), "event INTERACTION_CREATE"),
    ],
)
async def test_an_incomplete_event_is_one_line(
    event: tuple[str, dict[str, Any]], line: str, caplog: pytest.LogCaptureFixture
) -> None:
    await handled([event])
    assert [one.partition(" was")[0].rpartition(": ")[2] for one in caplog.messages] == [
        f"a malformed {line}"
    ]
