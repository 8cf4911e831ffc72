"""A worker that dies is restarted, until it has failed too often."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from bot.errors import ModelError
from bot.generation.supervisor import RestartPolicy, Supervisor
from bot.generation.worker_client import WorkerClient
from bot.observer import WorkerEnded, WorkerStarted
from tests.observing import Told
from tests.until import until


class FakeWorker:
    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.closed = False
        self._reason = ""
        self._gone = asyncio.Event()

    @property
    def lost(self) -> bool:
        return self._gone.is_set()

    def die(self, reason: str) -> None:
        self._reason = reason
        self._gone.set()

    async def wait(self) -> str:
        await self._gone.wait()
        return self._reason

    async def aclose(self) -> None:
        self.closed = True
        self._gone.set()


class Bench:
    """A supervisor on a clock that only sleeping moves. `failures`: each start's error, or ""."""

    def __init__(self, failures: Sequence[str] = ()) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.started: list[FakeWorker] = []
        self._failures = list(failures)
        policy = RestartPolicy(short_life=60.0, max_failures=3, backoff=1.0, retry_after=60.0)
        self.told = Told()
        self.supervisor = Supervisor(
            self._launch,
            policy,
            clock=lambda: self.now,
            sleep=self._sleep,
            observer=self.told,
        )

    async def _launch(self) -> WorkerClient:
        await asyncio.sleep(0)
        failure = self._failures.pop(0) if self._failures else ""
        if failure:
            raise ModelError(failure)
        self.started.append(FakeWorker(len(self.started)))
        return cast("WorkerClient", self.started[-1])

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def pid(self) -> int:
        return (await self.supervisor.worker()).pid


async def test_the_worker_is_started_once_for_all() -> None:
    bench = Bench()
    assert set(await asyncio.gather(*(bench.pid() for _ in range(3)))) == {0}
    assert len(bench.started) == 1
    await bench.supervisor.aclose()


async def test_a_dead_worker_is_started_again_without_being_asked() -> None:
    bench = Bench()
    await bench.pid()
    bench.started[0].die("killed")
    await until(lambda: len(bench.started) == 2)
    assert await bench.pid() == 1
    assert bench.slept == []
    await bench.supervisor.aclose()


async def test_an_observer_is_told_of_starts_restarts_and_giving_up() -> None:
    bench = Bench()
    for pid in range(3):
        assert await bench.pid() == pid
        bench.started[pid].die("killed")
    with pytest.raises(ModelError):
        await bench.pid()
    started, again = WorkerStarted(again=False), WorkerStarted(again=True)
    ended, given_up = WorkerEnded(given_up=False), WorkerEnded(given_up=True)
    assert bench.told.events == [started, ended, again, ended, again, ended, given_up]
    await bench.supervisor.aclose()
    assert bench.told.events[-1] == given_up


async def test_an_observer_is_told_of_no_end_at_the_shutdown() -> None:
    bench = Bench()
    await bench.pid()
    await bench.supervisor.aclose()
    assert bench.told.events == [WorkerStarted(again=False)]


async def test_a_dead_worker_is_never_returned() -> None:
    bench = Bench()
    await bench.pid()
    bench.started[0].die("killed")
    assert await bench.pid() == 1  # asked before the supervisor had its turn
    await bench.supervisor.aclose()


async def test_a_first_start_that_fails_is_reported_and_not_repeated() -> None:
    bench = Bench(["the folder is missing"])
    with pytest.raises(ModelError, match="the folder is missing"):
        await bench.pid()
    with pytest.raises(ModelError, match="the folder is missing"):
        await bench.pid()
    assert bench.started == []
    await bench.supervisor.aclose()


async def test_after_three_quick_deaths_in_a_row_the_reason_is_given_instead() -> None:
    bench = Bench()
    for pid in range(3):
        assert await bench.pid() == pid
        bench.started[pid].die(f"death {pid}")
    with pytest.raises(ModelError, match="death 2"):
        await bench.pid()
    assert bench.slept == [1.0]  # the second start in a row waits, the third never comes
    await bench.supervisor.aclose()


async def test_a_question_much_later_makes_one_more_try() -> None:
    bench = Bench(["", "no device", "no device"])
    await bench.pid()
    bench.started[0].die("device lost")
    with pytest.raises(ModelError, match="no device"):
        await bench.pid()
    bench.now += 60.0
    assert await bench.pid() == 1
    await bench.supervisor.aclose()


async def test_deaths_far_apart_do_not_add_up() -> None:
    bench = Bench()
    for pid in range(6):
        assert await bench.pid() == pid
        bench.now += 61.0
        bench.started[pid].die("killed")
    assert await bench.pid() == 6
    assert bench.slept == []
    await bench.supervisor.aclose()


async def test_closing_ends_the_worker_and_refuses_whoever_asks() -> None:
    bench = Bench()
    await bench.pid()
    await bench.supervisor.aclose()
    await bench.supervisor.aclose()
    assert bench.started[0].closed
    with pytest.raises(ModelError, match="Parley is ending"):
        await bench.pid()


async def test_closing_while_it_starts_refuses_whoever_waits() -> None:
    bench = Bench()
    waiting = asyncio.create_task(bench.pid())
    await asyncio.sleep(0)
    await bench.supervisor.aclose()
    with pytest.raises(ModelError, match="Parley is ending"):
        await waiting
    assert bench.started == []
