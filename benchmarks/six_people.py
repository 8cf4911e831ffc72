"""Six people ask in one channel at the same moment: when does each of them read the first words?

    python -m benchmarks.six_people

In real time, with the scripted backend at 20 tokens a second and eight places, through everything
that answers on Discord and on Slack pass, with servers on the loopback interface that enforce the
platforms' documented rate limits. Measured with `[conversation] parallel` 1 (one answer after the
other) and 8. For each of the six: the seconds until the model's first word for them, and until
their first words can be read in the channel. Prints, and asserts nothing.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager

from adapters.discord import serve as discord_serving
from adapters.discord import surface
from bot.clock import SystemClock
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.window import WindowOptions
from bot.generation import WorkerGenerator, WorkerOptions
from bot.messages import Completion, Finished, Prompt, Sampling, Thought
from bot.ports import Quota
from storage.in_memory import MemoryStore
from tests.adapters.discord.scene import loopback
from tests.adapters.slack.bench import bench
from tests.discord_loopback import Window
from tests.slack_loopback import Someone

PEOPLE = ("Ana", "Ben", "Cem", "Dan", "Eva", "Fay")
PLACES = 8
TOKENS_PER_SECOND = 20.0
WINDOW = Window(5, 5.0)
"""Discord: 5 new messages, and 5 edits, in 5 seconds in a channel."""
LATENCY = 0.15
"""Seconds per call, network latency included."""
EDITS_PER_SECOND = surface.EDITS_PER_SECOND
"""Discord's, which the tests' loopback raises."""
LOOK = 0.02
"""Seconds between two looks at the channel."""


class Noting(WorkerGenerator):
    """Notes when each answer begins."""

    def __init__(self, options: WorkerOptions) -> None:
        super().__init__(options)
        self.begun: list[float] = []

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        first = True
        async with aclosing(super().stream(prompt, sampling)) as pieces:
            async for piece in pieces:
                if first:
                    self.begun.append(time.monotonic())
                first = False
                yield piece


def model(words: int) -> Noting:
    script = " ".join(f"word{number}" for number in range(words))
    return Noting(
        WorkerOptions(
            backend="scripted",
            script=script,
            tokens_per_second=TOKENS_PER_SECOND,
            max_parallel=PLACES,
            context=100_000,
        )
    )


def options(parallel: int) -> EngineOptions:
    return EngineOptions(
        window=WindowOptions("Be kind.", True, Sampling(max_new_tokens=5000)),
        slots=PLACES,
        queue=100,
        queue_per_person=5,
        quota=Quota(),
        question_characters=20_000,
        checkpoint_interval=1.0,
        parallel=parallel,
    )


@asynccontextmanager
async def on_discord(parallel: int, generator: Noting) -> AsyncIterator["Channel"]:
    async with loopback() as scene:
        scene.discord.rest.latency = LATENCY
        scene.discord.rest.limits.windows = {"POST": WINDOW, "PATCH": WINDOW}
        surface.EDITS_PER_SECOND = EDITS_PER_SECOND
        clock = SystemClock()
        delivery = Delivery(clock, scene.store, edit_interval=0.5)
        engine = Engine(generator, scene.store, delivery, clock, options(parallel))
        people = [scene.discord.world.user(name) for name in PEOPLE]

        async def ask() -> None:
            for person in people:
                await scene.discord.ask(scene.general, person, "Tell me something.")

        def read() -> list[str]:
            return [one.content for one in scene.discord.world.answers_in(scene.general)]

        async with engine, asyncio.TaskGroup() as tasks:
            scene.engine = engine
            up = asyncio.Event()
            serving = discord_serving.serve(scene, scene.settings, ready=lambda _: up.set())
            task = tasks.create_task(serving)
            await up.wait()
            yield Channel(ask, read, engine)
            task.cancel()


@asynccontextmanager
async def on_slack(parallel: int, generator: Noting) -> AsyncIterator["Channel"]:
    changes = {"slots": PLACES, "parallel": parallel, "checkpoint_interval": 1.0}
    store = MemoryStore()
    async with bench(generator=generator, factor=1.0, store=store, engine=changes) as b:
        people = [Someone(b.slack, f"U1{name}", name) for name in PEOPLE]

        async def ask() -> None:
            for person in people:
                await person.mention("C1", "Tell me something.")

        def read() -> list[str]:
            threads = [key[1] for key in b.team.messages if key[0] == "C1"]
            places = [b.team.answers("C1"), *(b.team.answers("C1", ts) for ts in threads)]
            return [one.shown for place in places for one in place]

        yield Channel(ask, read, b.engine)


class Channel:
    """Where the six ask, and what can be read there."""

    def __init__(
        self,
        ask: Callable[[], Coroutine[None, None, None]],
        read: Callable[[], list[str]],
        engine: Engine,
    ) -> None:
        self.ask = ask
        self.read = read
        self.engine = engine


async def measure(platform: str, parallel: int, words: int) -> tuple[list[float], list[float]]:
    """Seconds from the questions until the model's first words, and until they can be read."""
    generator = model(words)
    opened = on_discord if platform == "Discord" else on_slack
    try:
        async with opened(parallel, generator) as channel:
            asked = time.monotonic()
            read: list[float] = []
            asking = asyncio.create_task(channel.ask())
            while len(read) < len(PEOPLE):
                shown = sum("word0" in text for text in channel.read())
                read += [time.monotonic() - asked] * (shown - len(read))
                await asyncio.sleep(LOOK)
            await asking
            await channel.engine.finish()
    finally:
        await generator.aclose()
    return [moment - asked for moment in generator.begun], read


def main() -> None:
    parser = argparse.ArgumentParser(description="Six people ask in one channel at once.")
    parser.add_argument("--words", type=int, default=160, help="of an answer; 20 take a second")
    parser.add_argument("--platforms", nargs="*", default=["Discord", "Slack"])
    arguments = parser.parse_args()
    for platform in arguments.platforms:
        for parallel in (1, PLACES):
            begun, read = asyncio.run(measure(platform, parallel, arguments.words))
            print(f"{platform}, parallel = {parallel}", flush=True)
            for what, moments in (("first word generated", begun), ("first words read", read)):
                print(f"  {what:<22}" + "".join(f"{moment:7.1f} s" for moment in sorted(moments)))


if __name__ == "__main__":
    main()
