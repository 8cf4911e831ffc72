"""What the handlers share: work beside everything else, and the order of what happens."""

import asyncio
from typing import Any

import pytest

from adapters.slack.desk import Desk, Rules
from adapters.slack.places import Place
from adapters.slack.private_replies import DEFECT, Teller
from bot.errors import NothingToDo, StorageError
from tests.adapters.slack.near import Near, near

CHANNEL = Place("T1", "C1")


def desk(tasks: asyncio.TaskGroup) -> Desk:
    nothing: Any = None
    return Desk(nothing, nothing, nothing, Rules(), tasks)


def teller(at: Near) -> Teller:
    return Teller(at.workspace, CHANNEL, "U1")


@pytest.mark.parametrize(
    ("error", "told", "logged"),
    [
        (NothingToDo("Nothing is there."), "Nothing is there.", ""),
        (StorageError("the disk is full"), StorageError("").user_text, "the disk is full"),
        (KeyError("x"), DEFECT, "a defect of Parley"),
    ],
)
async def test_what_goes_wrong_is_told_and_ends_nothing_else(
    error: Exception, told: str, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    done = []

    async def fails() -> None:
        raise error

    async def works() -> None:
        done.append(True)

    async with near() as at:
        async with asyncio.TaskGroup() as tasks:
            shared = desk(tasks)
            shared.begin(teller(at), fails)
            shared.begin(teller(at), works)
        assert at.team.ephemeral("U1") == [told]
    assert done
    assert logged in caplog.text
    assert bool(caplog.records) is bool(logged)


async def test_what_comes_during_the_shutdown_is_left_to_be_delivered_again() -> None:
    async def never() -> None:
        raise AssertionError

    async with near() as at:
        async with asyncio.TaskGroup() as tasks:
            shared = desk(tasks)
        shared.begin(teller(at), never)
        assert at.team.ephemeral("U1") == []


async def test_a_channel_and_its_threads_keep_one_order_and_other_channels_their_own() -> None:
    async with asyncio.TaskGroup() as tasks:
        shared = desk(tasks)
        order = shared.order(CHANNEL)
        assert shared.order(Place("T1", "C1", "1.5")) is order
        assert shared.order(Place("T1", "C2")) is not order
        assert shared.order(Place("T2", "C1")) is not order
