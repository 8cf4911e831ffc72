"""Measures the lag between generated and shown text on Discord, compared with the optimum.

    python -m benchmarks.discord_lag

One to eight answers grow at once in one channel, in real time, through everything that answers on
Discord pass: delivery, the Discord surface, HTTP, and a server on the loopback interface that
enforces Discord's rate limits (5 new messages and 5 edits in 5 seconds, in fixed windows, announced
in headers).

The lag of an answer is the number of characters that are generated and not shown, integrated over
the time from its first word until all of it is shown. The optimum is an offline schedule that knows
when the answers end and how fast they grow: within the channel's windows, the edits are placed so
that the sum of the lags is minimal, with the same latency per call.
"""

import argparse
import asyncio
import math
from dataclasses import dataclass

import aiohttp

from adapters.discord.api import HttpWire, MessageWrites
from adapters.discord.rendering import TEXT_UNITS
from adapters.discord.surface import DiscordSurface
from benchmarks.delivery import Case, lag
from bot.clock import SystemClock
from bot.delivery import Delivery
from bot.ports import AnswerState
from tests.bot.delivery.recording_ledger import RecordingLedger, stored
from tests.discord_loopback import TOKEN, Channel, Loopback, Message, Window

WINDOW = Window(5, 5.0)
LATENCY = 0.15
"""Seconds per call, network latency included."""
TOKENS_PER_SECOND = 40.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The sum of lags in character-seconds; seconds until the last answer's first text, and from
    the end of generation until its last text is shown; calls that Discord refused."""

    lag: float
    first_text: float
    last_text: float
    refused: int


async def measure(case: Case) -> Outcome:
    """Deliver the answers of `case` in one channel."""
    async with Loopback.open() as discord, aiohttp.ClientSession() as session:
        discord.rest.latency = LATENCY
        discord.rest.limits.windows = {"POST": WINDOW, "PATCH": WINDOW}
        channel = discord.world.channel("general")
        clock = SystemClock()
        writes = MessageWrites(HttpWire(session, discord.api_url, TOKEN), clock)
        delivery = Delivery(clock, RecordingLedger())
        begun = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            for number in range(case.answers):
                surface = DiscordSurface(writes, channel.id, seed=str(number))
                tasks.create_task(write(case, delivery, surface, number, begun))
        seen = [moments(message, begun) for message in posted(discord, channel)]
        calls = discord.rest.calls
    return Outcome(
        sum(lag(case, answer) for answer in seen),
        max(answer[0][0] for answer in seen),
        max(answer[-1][0] for answer in seen) - case.seconds,
        sum(call.status == 429 for call in calls),
    )


async def write(
    case: Case, delivery: Delivery, surface: DiscordSurface, number: int, begun: float
) -> None:
    """Stream one answer at the model's throughput."""
    loop = asyncio.get_running_loop()
    async with delivery.open(stored(number), surface) as live:
        live.place(0)
        for position, token in enumerate(case.text):
            await asyncio.sleep(begun + position / case.tokens_per_second - loop.time())
            live.write(token)
        await live.finish(AnswerState.DONE)


def posted(discord: Loopback, channel: Channel) -> list[Message]:
    return discord.world.answers_in(channel)


def moments(message: Message, begun: float) -> list[tuple[float, int]]:
    """Times, and how many characters except whitespace were visible from each of them on."""
    return [
        (at - begun, len("".join(content.split())))
        for at, content in message.versions
        if not content.startswith("-# ")
    ]


# ---------------------------------------------------------------- the optimum


def best_lag(case: Case) -> float:
    """The least sum of lags, in character-seconds, over schedules in which answers alternate."""
    most = WINDOW.limit * math.ceil(case.seconds / WINDOW.seconds)
    plans = (
        _plan(case, edits, first / 10)
        for edits in range(max(case.answers, most - 8), most + 1)
        for first in range(1, 10 * case.answers + 5)
    )
    per_second = len("".join(case.text.split())) / case.seconds
    waiting = case.answers * case.latency * case.seconds
    return per_second * (min(plans) + waiting)


def _plan(case: Case, edits: int, first: float) -> float:
    """The lag, in seconds squared, of `edits` edits, the first at `first`, and an end per answer.
    The times are moved until no move reduces the lag."""
    n = case.answers
    windows = [first + WINDOW.seconds * (m // WINDOW.limit) for m in range(edits + n)]
    ends = [max(case.seconds, windows[edits + j]) for j in range(n)]
    even = [first + (case.seconds - first) * m / edits for m in range(edits)]
    times = [min(max(t, w), case.seconds) for t, w in zip(even, windows, strict=False)] + ends
    for _ in range(200):
        moved = 0.0
        for m in range(1, edits):
            before = times[m - n] if m >= n else 0.0
            target = min(max((before + times[m + n]) / 2, windows[m]), case.seconds)
            moved = max(moved, abs(target - times[m]))
            times[m] = target
        if moved < 1e-3:
            break
    gaps = (times[m] - (times[m - n] if m >= n else 0.0) for m in range(edits + n))
    return sum(gap * gap for gap in gaps) / 2 - sum((end - case.seconds) ** 2 for end in ends) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the lag of answers on Discord.")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the answers")
    parser.add_argument("--answers", type=int, nargs="*", default=[1, 2, 4, 8])
    arguments = parser.parse_args()
    print(f"{'answers':>8}{'lag':>8}{'best':>8}{'ratio':>7}{'first':>7}{'end':>7}{'refused':>9}")
    for answers in arguments.answers:
        case = Case(
            "Discord", 1.0, 5, answers, arguments.seconds, TOKENS_PER_SECOND, LATENCY, TEXT_UNITS
        )
        outcome, best = asyncio.run(measure(case)), best_lag(case)
        life = case.answers * case.seconds
        print(
            f"{answers:>8}{outcome.lag / life:>8.1f}{best / life:>8.1f}"
            f"{outcome.lag / best:>7.2f}{outcome.first_text:>6.1f}s{outcome.last_text:>6.1f}s"
            f"{outcome.refused:>9}",
            flush=True,
        )
    print("lag, best: unseen characters on average; first, end: of the slowest answer")


if __name__ == "__main__":
    main()
