"""Signs of life: as long as the event loop turns, and no longer."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.config import Settings, StorageSettings
from bot.errors import ConfigError
from parley.locks import StatusFiles, instance_lock, last_sign_of_life
from parley.service.notify import Notifier
from parley.service.pulse import INTERVAL, Pulse
from parley.service.readiness import Readiness
from tests.parley.service.notify_socket import NotifySocket
from tests.until import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")

EXTEND = "EXTEND_TIMEOUT_USEC=60000000"


class SteppedClock(SystemClock):
    """A clock on which every sleep lasts until the test allows the next step."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._steps = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self._steps.acquire()

    async def step(self) -> None:
        """End the sleep that goes on, and wait for the next one."""
        before = len(self.slept)
        self._steps.release()
        await until(lambda: len(self.slept) > before)


class Scene:
    """A pulse with a real socket and real status files."""

    def __init__(self, systemd: NotifySocket, folder: Path) -> None:
        self.systemd = systemd
        self.settings = Settings(storage=StorageSettings(url=f"sqlite:///{folder}/p.sqlite3"))
        self.clock = SteppedClock()
        self.files = StatusFiles({})

    def pulse(self, watchdog: str = "90000000") -> tuple[Pulse, Readiness]:
        notifier = Notifier({**self.systemd.environment, "WATCHDOG_USEC": watchdog})
        readiness = Readiness(["Discord"], notifier.ready)
        return Pulse(notifier, self.files, readiness, self.clock), readiness

    @asynccontextmanager
    async def beating(self, pulse: Pulse) -> AsyncIterator[None]:
        task = asyncio.create_task(pulse.beat())
        await until(lambda: self.clock.slept)
        yield
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with NotifySocket.open(tmp_path) as systemd:
        scene = Scene(systemd, tmp_path)
        with instance_lock(scene.settings, ["Discord"]) as scene.files:
            yield scene


async def test_the_start_is_extended_until_everything_is_ready(scene: Scene) -> None:
    pulse, readiness = scene.pulse()
    async with scene.beating(pulse):
        await scene.clock.step()
        assert scene.systemd.messages() == ["WATCHDOG=1", EXTEND] * 2
        readiness.connected("Discord")
        await scene.clock.step()
        assert scene.systemd.messages()[4:] == ["READY=1", "WATCHDOG=1"]
    assert scene.systemd.messages()[6] == "STOPPING=1"


@pytest.mark.parametrize(("watchdog", "interval"), [("90000000", INTERVAL), ("4000000", 2.0)])
async def test_the_watchdog_hears_of_it_at_least_twice_in_its_time(
    scene: Scene, watchdog: str, interval: float
) -> None:
    pulse, _ = scene.pulse(watchdog)
    async with scene.beating(pulse):
        await scene.clock.step()
        assert scene.clock.slept == [interval, interval]
        assert scene.systemd.messages().count("WATCHDOG=1") == 2


async def test_the_status_file_is_a_sign_of_life_too(scene: Scene, tmp_path: Path) -> None:
    (file,) = tmp_path.glob("*.json")
    os.utime(file, (1, 1))
    silent = last_sign_of_life(scene.settings, "Discord")
    assert silent is not None
    assert silent > 1e9
    pulse, _ = scene.pulse()
    async with scene.beating(pulse):
        assert file.stat().st_mtime > 1e9
        file.unlink()  # by somebody who cleans up
        await scene.clock.step()
        assert file.exists()


async def test_it_ends_with_the_work_and_the_work_with_it(scene: Scene) -> None:
    pulse, _ = scene.pulse()

    async def fails() -> None:
        raise ConfigError("[discord] token: it is wrong.")

    with pytest.raises(ConfigError):
        await pulse.during(fails())
    assert scene.systemd.messages()[-2:] == [
        "STOPPING=1",
        "STATUS=Stopping: unfinished answers are saved",
    ]


async def test_systemd_hears_of_the_end_before_the_work_has_ended(scene: Scene) -> None:
    pulse, _ = scene.pulse()
    heard_by_the_work: list[str] = []

    async def works() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await until(lambda: "STOPPING=1" in scene.systemd.messages())
            heard_by_the_work.append("STOPPING=1")

    running = asyncio.create_task(pulse.during(works()))
    await until(lambda: scene.clock.slept)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert heard_by_the_work
