"""Event handlers that run beside each other."""

import asyncio

from adapters.common.handlers import Handlers
from tests.until import until


async def test_handlers_run_beside_each_other_and_are_busy_until_all_have_ended() -> None:
    go_on, done = asyncio.Event(), []

    async def handle(number: int) -> None:
        await go_on.wait()
        done.append(number)

    async with Handlers() as handlers:
        assert not handlers.busy
        handlers.start(handle(1))
        handlers.start(handle(2))
        assert handlers.busy
        go_on.set()
        await until(lambda: not handlers.busy)
    assert sorted(done) == [1, 2]


async def test_leaving_cancels_what_still_runs_and_waits_for_its_end() -> None:
    ended = []

    async def handle() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    async with Handlers() as handlers:
        handlers.start(handle())
        await asyncio.sleep(0)
    assert ended
    assert not handlers.busy


async def test_what_comes_during_the_shutdown_is_left_to_be_delivered_again() -> None:
    async def never() -> None:
        raise AssertionError

    async with Handlers() as handlers:
        pass
    handlers.start(never())
    assert not handlers.busy
