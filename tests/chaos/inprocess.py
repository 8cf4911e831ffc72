"""Runs one seed in process: lives of Parley, faults and people, until all is quiet."""

import asyncio
import logging
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.common.desk import Desk
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.window import WindowOptions
from bot.messages import Sampling
from bot.ports import Quota, Store
from storage import open_store
from storage.in_memory import MemoryStore
from tests.chaos.discord_world import DiscordWorld
from tests.chaos.faults import Faults, Rates
from tests.chaos.invariants import violations
from tests.chaos.life import ChaosClock, Life, outside_of_lives, tasks_by_life, within
from tests.chaos.model import ChaosGenerator, Defect
from tests.chaos.people import Act, People, schedule
from tests.chaos.simulated import START, World
from tests.chaos.slack_world import SlackWorld
from tests.chaos.store import ChaosStore, as_store
from tests.chaos.thoughts import Mind

PLATFORMS = ("discord", "slack")
QUIET_SECONDS = 4 * 3600.0
"""Virtual seconds in which everything must have come to its end once there are no more faults."""


@dataclass(slots=True)
class Outcome:
    """What one run of a seed showed."""

    seed: int
    platform: str
    violations: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    events: list[str] = field(default_factory=list)
    questions: int = 0
    lives: int = 0


def run_seed(seed: int, platform: str) -> Outcome:
    """Run one seed in an event loop of its own."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_task_factory(tasks_by_life)  # type: ignore[arg-type]
        return runner.run(Run(seed, platform).run())


class Run:
    """One seed on one platform."""

    def __init__(
        self,
        seed: int,
        platform: str,
        *,
        rates: Rates | None = None,
        seconds: float = 0.0,
        sampled: Callable[[], None] = lambda: None,
    ) -> None:
        """`rates`: instead of the seed's. `seconds`: of traffic for one long life, instead of the
        seed's short ones. `sampled` is called with each thing that people do."""
        self.clock = ChaosClock()
        self.faults = Faults(seed, rates)
        self._seconds = seconds
        self._sampled = sampled
        self.outcome = Outcome(seed, platform, events=self.faults.events)
        self.world: World = (
            DiscordWorld(self.clock, self.faults)
            if platform == "discord"
            else SlackWorld(self.clock, self.faults)
        )
        self.people = People(self.world, self.faults)
        setup = self.faults.fixed("setup")
        self._file = setup.random() < 0.1
        self._lives = 1 if seconds else setup.choice([1, 1, 2, 3, 4])
        self._remove = setup.random() < 0.3
        self._slots = setup.choice([1, 2, 4])
        longest = setup.choice([20, 5000, 5000])
        self.mind = Mind.of(self.faults, always=bool(seconds))
        self.model = ChaosGenerator(self.faults, self.clock, self.mind, longest=longest)
        self._accepted: dict[str, int] = {}
        self._desk: Desk | None = None
        self._life: Life | None = None

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unhandled)
        with watched(self):
            async with self._store() as store:
                await self._run(store)
        self.outcome.faults = self.faults.drawn
        self.outcome.questions = len(self._accepted)
        return self.outcome

    def wrong(self, what: str) -> None:
        if what not in self.outcome.violations:
            self.outcome.violations.append(what)
            self.faults.tell(f"VIOLATION {what}")

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self.buried:
            self.wrong(f"unhandled in the event loop: {context.get('message')} {context!r:.500}")

    @property
    def buried(self) -> bool:
        """Whether a run was killed and its tasks are being ended: nothing of that is Parley's."""
        return self._life is not None and self._life.dead

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[Store]:
        if not self._file:
            yield MemoryStore()
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "chaos.sqlite3"
            async with open_store(f"sqlite:///{path}") as store:
                yield store

    # ------------------------------------------------------------ lives

    async def _run(self, store: Store) -> None:
        doing = outside_of_lives(self._follow(schedule(self.faults, self._seconds)))
        for number in range(self._lives):
            draw = self.faults.fixed("life", number)
            last = number == self._lives - 1
            end_at = None if last else draw.choice([3, 10, 30, 80]) + draw.randrange(30)
            life = Life(self.clock, end_at, draw.randrange(8), kill=draw.random() < 0.5)
            await self._live(store, life, doing)
            # a process takes a while to start, in which requests of the last one arrive
            await self.clock.sleep(draw.choice([1.5, 3.0, 40.0]))
            if doing.done():
                break
        await doing
        self.faults.quiet()
        self.people.restore()
        await self._live(store, Life(self.clock, None, 0, kill=False), doing)
        await self._check(store, final=True)

    async def _follow(self, acts: list[Act]) -> None:
        """People do not wait for each other, nor for Parley."""
        begun = self.clock.monotonic()
        for act in acts:
            await self.clock.sleep(begun + act.at - self.clock.monotonic())
            self._sampled()
            life, desk = self._life, self._desk
            if life is None or life.dead or desk is None:
                await self.people.do(act, None)
            else:
                life.start(self.people.do(act, desk))

    async def _live(self, store: Store, life: Life, doing: "asyncio.Task[None]") -> None:
        self.outcome.lives += 1
        self.faults.tell(f"Parley starts at {self.clock.monotonic() - START:.2f}")
        self._life = life
        running = life.start(self._serve(store, life, doing))
        over = asyncio.ensure_future(life.over.wait())
        await asyncio.wait({running, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if life.over.is_set():
            self.faults.tell("kill -9" if life.kill else "SIGTERM")
        self._desk = None
        if not life.dead:
            running.cancel()
            if not await within(self.clock, 300.0, running):
                self.wrong("a shutdown takes more than 300 s")
            elif not running.cancelled() and (error := running.exception()):
                self.wrong(f"a run ends with an exception: {error!r}")
        await life.bury()
        life.dead = True  # its connections are closed: what had not arrived never does
        while self.clock.outside:  # a database's thread finishes what was begun, as a disk does
            await asyncio.sleep(0.001)
        self._life = None

    async def _serve(self, store: Store, life: Life, doing: "asyncio.Task[None]") -> None:
        gate = ChaosStore(store, self.faults, self.clock, life, threads=self._file)
        gate.accepted = self._accepted
        delivery = Delivery(
            life,
            as_store(gate),
            edit_interval=0.5,
            max_messages=4,
            tag=store.tag,
            fold=self.mind.fold,
        )
        engine = Engine(self.model, as_store(gate), delivery, life, self._options())
        async with engine:
            desk, find = self.world.connect(engine, as_store(gate), self.clock, life)
            try:
                await self._recover(engine, find)
                self._desk = desk
                await asyncio.shield(doing)
                await self._quiet_end(store, engine, life)
            finally:
                self._desk = None
                await engine.leave(self.world.name)

    async def _recover(self, engine: Engine, find: Any) -> None:
        for _ in range(50):
            try:
                await engine.recover(self.world.name, find, resume=True)
            except Defect:
                await self.clock.sleep(1.0)
            except Exception as error:  # the process would end with one line, and start again
                self.faults.tell(f"start refused: {error}")
                await self.clock.sleep(1.0)
            else:
                return

    async def _quiet_end(self, store: Store, engine: Engine, life: Life) -> None:
        """The schedule is over: from now on nothing fails, and all must come to an end."""
        if life.over.is_set():
            return
        self.faults.quiet()
        self.people.restore()
        handlers = [task for task in life.tasks if "People.do" in repr(task) and not task.done()]
        ending = asyncio.ensure_future(_ended(engine, handlers))
        if not await within(self.clock, QUIET_SECONDS, ending):
            self.wrong(f"not quiet after {QUIET_SECONDS:g} s without faults")
            ending.cancel()
        await self.clock.sleep(60.0)  # checkpoints try again to save ends; leftovers are cleared
        await self._check(store, final=False)

    def _options(self) -> EngineOptions:
        sampling = Sampling(max_new_tokens=self.model.longest, max_thinking_tokens=self.mind.most)
        window = WindowOptions("Be kind.", True, sampling)
        return EngineOptions(
            window=window,
            slots=self._slots,
            queue=6,
            queue_per_person=4,
            quota=Quota(),
            question_characters=2000,
            checkpoint_interval=1.0,
            delete_with_question=self._remove,
        )

    async def _check(self, store: Store, *, final: bool) -> None:
        found = await violations(
            self.world, self.people, store, self._accepted, self.mind, final=final
        )
        for what in found:
            self.wrong(what)
        for what in self.model.wrong:
            self.wrong(what)


async def _ended(engine: Engine, handlers: list["asyncio.Task[Any]"]) -> None:
    if handlers:
        await asyncio.wait(handlers)
    await engine.finish()


# ---------------------------------------------------------------- the log


@contextmanager
def watched(run: Run) -> Iterator[None]:
    """Whatever is logged with a traceback, or as a defect, is a violation, unless the exception is
    one that was injected."""
    handler = _Watch(run)
    root = logging.getLogger()
    level, disabled = root.level, root.handlers[:]
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = disabled
        root.setLevel(level)


class _Watch(logging.Handler):
    def __init__(self, run: Run) -> None:
        super().__init__(logging.INFO)
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        if self._run.buried or record.name.startswith(("alembic", "storage.upgrade")):
            return
        text = record.getMessage()
        self._run.faults.tell(f"  log: {record.levelname} {text}")
        error = record.exc_info[1] if record.exc_info else None
        injected = "no such table" in text or _injected(error)
        told = error is not None or "Traceback" in text or "defect" in text
        if told and not injected:
            self._run.wrong(f"in the log: {text} {error!r}")


def _injected(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, Defect):
            return True
        error = error.__cause__ or error.__context__
    return False
