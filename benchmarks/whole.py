"""What Parley itself costs, the model left out: engine, pipe, store and delivery together.

Prints, and asserts nothing: how long a machine takes is no test.

    python -m benchmarks.whole
    python -m benchmarks.whole web     # the lag alone, with a scraped web server and an open page

Four measurements, with the scripted backend and a SQLite database in a temporary folder: the time
and the memory that the bot's process needs until it is ready; the cost of a token when one answer
comes as fast as it can; the lag of the event loop while two hundred conversations stream at once;
and with two thousand conversations, of which fifty write at once (``python -m benchmarks.whole
many`` measures that alone).
"""

import asyncio
import gc
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.clock import SystemClock
from bot.config import load
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.window import WindowOptions
from bot.generation import WorkerGenerator, WorkerOptions
from bot.messages import ConversationKey, Person, Question, Sampling
from bot.ports import Quota, SurfaceLimits
from parley.app import Parley
from parley.bench.delivered import MemorySurface
from parley.web.live import Live
from parley.web.server import serving_web
from storage import open_store

LONGEST_CALLBACKS = 12
WORTH_A_NAME = 0.002
"""Seconds."""
TICK = 0.005
"""Seconds between two looks at the event loop's lag."""

READY = """
import asyncio, resource, sys, time
begun = time.perf_counter()
from bot.config import load
from parley.app import open_parley
async def main():
    async with open_parley(load(None, {settings!r}), on_progress=lambda progress: None):
        ready = time.perf_counter() - begun
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{{ready:.2f}} s after Python's start-up, {{size:.0f}} MB")
        foreign = {{"torch", "openvino", "openvino_genai", "transformers"}} & set(sys.modules)
        print("imports of models' libraries:", ", ".join(foreign) or "none")
asyncio.run(main())
"""


@asynccontextmanager
async def engine(
    words: int, tokens_per_second: float, parallel: int, live: Live | None = None
) -> AsyncIterator[Engine]:
    script = " ".join(f"word{n}" for n in range(words))
    worker = WorkerOptions(
        backend="scripted",
        script=script,
        tokens_per_second=tokens_per_second,
        max_parallel=parallel,
        context=2 * words + 100,
    )
    options = EngineOptions(
        window=WindowOptions("Be kind.", True, Sampling(max_new_tokens=words + 10)),
        slots=parallel,
        queue=1000,
        queue_per_person=1000,
        quota=Quota(),
        question_characters=1000,
        checkpoint_interval=1.0,
    )
    observer = live.observers if live else None
    generator = WorkerGenerator(worker, observer=observer)
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        async with open_store(f"sqlite:///{folder}/benchmark.sqlite3") as store:
            delivery = Delivery(clock, store, edit_interval=0.5, max_messages=50, observer=observer)
            async with Engine(generator, store, delivery, clock, options, observer) as running:
                if live:
                    live.parley = Parley(running, store, generator)
                yield running
            await generator.aclose()


async def answer(running: Engine, conversation: int, edits_per_second: float) -> None:
    key = ConversationKey("benchmark", f"channel-{conversation}")
    person = Person("benchmark", str(conversation), "Ana")
    question = Question(key, person, "Go on.", f"{conversation}-{time.monotonic_ns()}")
    name = f"channel-{conversation}"
    limits = SurfaceLimits(1900, budget=name, edits_per_second=edits_per_second, burst=5)
    job = await running.ask(question, MemorySurface(limits))
    assert job is not None
    await job.ended()


async def cost_of_a_token(words: int = 20_000) -> None:
    async with engine(words, tokens_per_second=0, parallel=1) as running:
        await answer(running, 1, 100.0)  # everything is loaded and warm
        wall, cpu = time.perf_counter(), time.process_time()
        await answer(running, 2, 100.0)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"one answer of {words:,} tokens, as fast as it can: {1e6 * wall / words:.0f} µs a token "
        f"({1e6 * cpu / words:.0f} µs of the bot's own processor time)"
    )


SCRAPE = """
import http.client, itertools, sys, threading, time
def ask(path):
    server = http.client.HTTPConnection(sys.argv[1].removeprefix("http://"))
    server.request("GET", path)
    return server.getresponse()
def follow():
    stream = ask("/live")
    while stream.readline():
        pass
threading.Thread(target=follow, daemon=True).start()
for second in itertools.count():
    begun = time.perf_counter()
    for path in ("/metrics", "/readyz"):
        ask(path).read()
    print(time.perf_counter() - begun, flush=True)
    if second % 10 == 2:
        for path in ("/", "/plots", *(f"/plots/{key}.svg" for key in ("questions", "queue"))):
            ask(path).read()
    time.sleep(1)
"""
"""What Prometheus asks each second, the stream of an open page, and the page with its plots."""


@asynccontextmanager
async def scraped() -> AsyncIterator[Live]:
    """A web server whose metrics another process reads each second, with an open page."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load(
            None,
            {
                "PARLEY_WEB__LISTEN": "127.0.0.1:0",
                "PARLEY_STORAGE__URL": f"sqlite:///{folder}/web.sqlite3",
            },
        )
        live = Live(settings, [])
        async with serving_web(live) as url:
            scraper = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SCRAPE, url,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                yield live
            finally:
                scraper.kill()
                printed, _ = await scraper.communicate()
                times = [float(line) for line in printed.split()]
                print(f"{len(times)} scrapes, the slowest in {1e3 * max(times, default=0):.0f} ms")


async def lag_with_the_web_server() -> None:
    async with scraped() as live:
        await lag_of_the_loop(live=live)


async def lag_of_the_loop(
    conversations: int = 200, rate: float = 20.0, seconds: int = 15, live: Live | None = None
) -> None:
    lags: list[float] = []
    callbacks: array[float] = array("d")
    longest: list[tuple[float, str]] = []

    words = int(rate * seconds)
    async with engine(words, rate, conversations, live) as running:
        gc.collect()
        gc.freeze()  # as `parley run` does
        _time_callbacks(callbacks, longest)
        watching = asyncio.create_task(_watch(lags))
        wall, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as tasks:
            for conversation in range(conversations):
                tasks.create_task(answer(running, conversation, 2.0))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        watching.cancel()
    print(f"{len(callbacks):,} callbacks of the loop; processor time of the longest:")
    for took, name in sorted(longest, reverse=True)[:LONGEST_CALLBACKS]:
        print(f"    {1e3 * took:5.1f} ms  {name}")
    ordered = sorted(callbacks, reverse=True)
    print(f"    {1e3 * ordered[len(ordered) // 1000]:5.1f} ms  one in 1,000 is longer")
    tokens = conversations * words
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{conversations} conversations at {rate:g} tokens a second for {wall:.1f} s: "
        f"{_of_lags(lags)}; {1e6 * cpu / tokens:.0f} µs a token; {size:.0f} MB at most"
    )


async def _watch(lags: list[float]) -> None:
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(TICK)
        lags.append(time.perf_counter() - begun - TICK)


def _of_lags(lags: list[float]) -> str:
    parts = statistics.quantiles(lags, n=100)
    return (
        f"lag of the loop p50 {1e3 * parts[49]:.1f} ms, p99 {1e3 * parts[98]:.1f} ms, "
        f"worst {1e3 * max(lags):.1f} ms"
    )


def _time_callbacks(times: "array[float]", longest: list[tuple[float, str]]) -> None:
    """Note the processor time of each callback of the event loop, which does not depend on what
    else the machine does."""
    run = asyncio.Handle._run

    def timed(self: asyncio.Handle) -> None:
        begun = time.thread_time()
        run(self)
        seconds = time.thread_time() - begun
        times.append(seconds)
        if seconds > WORTH_A_NAME:
            longest.append((seconds, _name_of(self)))

    asyncio.Handle._run = timed  # type: ignore[method-assign]


def _name_of(handle: asyncio.Handle) -> str:
    called = getattr(handle, "_callback", None)
    task = getattr(called, "__self__", None)
    if isinstance(task, asyncio.Task):
        return f"task {task.get_name()}, {getattr(task.get_coro(), '__qualname__', '?')}"
    return str(getattr(called, "__qualname__", called))


def time_to_be_ready() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "PARLEY_MODEL__BACKEND": "scripted",
            "PARLEY_STORAGE__URL": f"sqlite:///{Path(folder) / 'benchmark.sqlite3'}",
        }
        code = READY.format(settings=settings)
        for which in ("first start (the database is made)", "next start"):
            print(f"{which}: ", end="", flush=True)
            subprocess.run([sys.executable, "-c", code], check=True)


async def many_conversations(
    conversations: int = 2000, writing: int = 50, rate: float = 20.0, words: int = 20
) -> None:
    """A turn of each conversation, so many at a time."""
    lags: list[float] = []
    async with engine(words, rate, writing) as running:
        gc.collect()
        gc.freeze()
        watching = asyncio.create_task(_watch(lags))
        places = asyncio.Semaphore(writing)

        async def turn(conversation: int) -> None:
            async with places:
                await answer(running, conversation, 2.0)

        begun, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as tasks:
            for conversation in range(conversations):
                tasks.create_task(turn(conversation))
        wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
        watching.cancel()
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{conversations:,} conversations, {writing} writing at once, for {wall:.1f} s: "
        f"{_of_lags(lags)}; {1e3 * cpu / conversations:.1f} ms of processor time an answer "
        f"of {words} tokens; {size:.0f} MB at most"
    )


def many_in_a_process_of_their_own() -> None:
    """The peak of memory is that of a process: not of one that measured other things before."""
    subprocess.run([sys.executable, "-m", "benchmarks.whole", "many"], check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["web"]:
        asyncio.run(lag_with_the_web_server())
        sys.exit()
    if sys.argv[1:] == ["many"]:
        asyncio.run(many_conversations())
        sys.exit()
    time_to_be_ready()
    asyncio.run(cost_of_a_token())
    asyncio.run(lag_of_the_loop())
    many_in_a_process_of_their_own()
