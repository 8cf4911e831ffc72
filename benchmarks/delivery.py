"""Measures the lag between generated and shown text, compared with the optimum, and CPU time.

    python -m benchmarks.delivery

One to eight answers are generated at once in one channel, in virtual time, on a surface that
enforces its rate limit as a platform does. The lag of an answer is the number of characters that
are generated and not shown, integrated over the time from its first word until all of it is shown.

The optimum is an offline schedule that knows in advance when each answer begins and ends and how
fast it grows. For each number of edits that the limit permits, the times of the edits are moved
until the sum of the lags is minimal; the best of these counts. Delivery knows none of that, shows
the first words early and withholds incomplete Markdown.

Then the CPU time that delivery costs per token is printed, and last what one call costs in an
answer of 200,000 characters: to split what was written since the last call and to compose the
message, in messages of Discord's size, of Slack's, and in a single one as on a terminal.
"""

import argparse
import asyncio
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace

from bot.clock import SystemClock
from bot.delivery import Delivery
from bot.delivery.rendering import Pages
from bot.ports import AnswerState, Dialect, SurfaceLimits
from tests.bot.delivery.recording_ledger import RecordingLedger, stored
from tests.fake_surface import Bucket, FakeSurface, utf16_units
from tests.virtual_clock import VirtualClock

PLAIN = ("The quick answer is that it depends on what you measure and on when you measure it. ",)
MARKED = (
    "The quick answer is that it depends on **what you measure** and when. ",
    "Most of the time goes into reading the weights, not into `multiply-adds`.\n\n",
    "So a smaller type, such as four bits a weight, helps more than a faster clock would. ",
    "See [the manual](https://example.org/manual/chapter_3) for the figures.\n",
)
TOKEN = 1
"""Characters per token; small, so that it matters little how edits and tokens coincide."""

TOKEN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration to measure: rate limit, number and length of answers, latency, text."""

    name: str
    rate: float
    burst: int
    answers: int
    seconds: float = 30.0
    tokens_per_second: float = 40.0
    latency: float = 0.15
    max_units: int = 100_000

    sentences: tuple[str, ...] = PLAIN

    @property
    def text(self) -> str:
        length = round(self.seconds * self.tokens_per_second) * TOKEN
        return ("".join(self.sentences) * (length // 50))[:length]


@dataclass(slots=True)
class Outcome:
    """The sum of lags in character-seconds; seconds until the last answer's first text, and from
    the end of generation until its last text is shown; calls that the platform refused."""

    lag: float
    first_text: float
    last_text: float
    refused: int


async def measure(case: Case) -> Outcome:
    """Deliver the answers of `case` in virtual time."""
    clock = VirtualClock()
    bucket = Bucket(clock, case.rate, case.burst)
    limits = SurfaceLimits(case.max_units, edits_per_second=case.rate, burst=case.burst)
    surfaces = [
        FakeSurface(clock, limits, bucket=bucket, latency=case.latency) for _ in range(case.answers)
    ]
    delivery = Delivery(clock, RecordingLedger())
    start = clock.monotonic()

    async def answer(number: int) -> None:
        async with delivery.open(stored(number), surfaces[number]) as live:
            for token in range(0, len(case.text), TOKEN):
                live.write(case.text[token : token + TOKEN])
                await clock.sleep(1 / case.tokens_per_second)
            await live.finish(AnswerState.DONE)

    async with asyncio.TaskGroup() as tasks:
        for number in range(case.answers):
            tasks.create_task(answer(number))
    seen = [visible(surface, start) for surface in surfaces]
    return Outcome(
        sum(lag(case, moments) for moments in seen),
        max(moments[0][0] for moments in seen),
        max(moments[-1][0] for moments in seen) - case.seconds,
        bucket.refused,
    )


def visible(surface: FakeSurface, start: float) -> list[tuple[float, int]]:
    """Times, and how many characters except whitespace were visible from each of them on."""
    shown: dict[str, int] = {}
    moments = []
    for call in sorted(surface.calls, key=lambda call: call.done or 0.0):
        if call.part is not None and call.done is not None:
            shown[call.message] = len("".join(call.part.text.split()))
            moments.append((call.done - start, sum(shown.values())))
    return moments


def lag(case: Case, moments: list[tuple[float, int]]) -> float:
    """The lag of one answer in character-seconds."""
    end = moments[-1][0]
    written, total = 0, 0.0
    for index in range(0, len(case.text), TOKEN):
        at = index / TOKEN / case.tokens_per_second
        count = len("".join(case.text[index : index + TOKEN].split()))
        written += count
        total += count * (end - at)
    assert moments[-1][1] == written, "not all of the answer is visible"
    times = [moment for moment, _ in moments[1:]] + [end]
    return total - sum(
        count * (until - since) for (since, count), until in zip(moments, times, strict=True)
    )


# ---------------------------------------------------------------- the optimum


def best_lag(case: Case) -> float:
    """The least sum of lags, in character-seconds, over schedules in which answers alternate."""
    most = int(case.burst + case.rate * case.seconds)
    plans = (_plan(case, edits) for edits in range(case.answers, most + 1))
    per_second = len("".join(case.text.split())) / case.seconds
    waiting = case.answers * case.latency * case.seconds
    return per_second * (min(plans) + waiting)


def _plan(case: Case, edits: int) -> float:
    """The lag, in seconds squared, of `edits` edits at the best times and an end per answer."""
    n = case.answers
    earliest = [max(0.0, (m + 1 - case.burst) / case.rate) for m in range(edits + n)]
    ends = [max(case.seconds, earliest[edits + j]) for j in range(n)]
    times = [max(earliest[m], case.seconds * (m + 1) / (edits + n)) for m in range(edits)]
    times = [min(t, case.seconds) for t in times] + ends
    for _ in range(400):
        moved = 0.0
        for m in range(edits):
            before = times[m - n] if m >= n else 0.0
            target = min(max((before + times[m + n]) / 2, earliest[m]), case.seconds)
            moved = max(moved, abs(target - times[m]))
            times[m] = target
        if moved < 1e-4:
            break
    gaps = (times[m] - (times[m - n] if m >= n else 0.0) for m in range(edits + n))
    return sum(gap * gap for gap in gaps) / 2 - sum((end - case.seconds) ** 2 for end in ends) / 2


# ---------------------------------------------------------------- CPU time


async def seconds_per_token(answers: int, tokens: int) -> float:
    """CPU seconds per token of answers that are generated in real time, with four characters a
    token and four answers a channel; the cost of waiting for the tokens is subtracted."""
    clock = SystemClock()
    text = ("".join(MARKED) * (tokens // 50 + 1))[: tokens * 4]
    delivery = Delivery(clock, RecordingLedger())

    async def answer(number: int) -> None:
        limits = SurfaceLimits(1900, budget=f"c{number // 4}", edits_per_second=1.0, burst=5)
        surface = FakeSurface(clock, limits, bucket=Bucket(clock, 100.0, 100))
        async with delivery.open(stored(number), surface) as live:
            for token in range(0, len(text), 4):
                live.write(text[token : token + 4])
                await clock.sleep(TOKEN_SECONDS)

    async def wait() -> None:
        for _ in range(tokens):
            await clock.sleep(TOKEN_SECONDS)

    busy = await processor_seconds(*map(answer, range(answers)))
    idle = await processor_seconds(*(wait() for _ in range(answers)))
    return (busy - idle) / (answers * tokens)


LONG = 200_000
"""Characters of the longest answer that is measured."""

TEXTS = {
    "prose": "".join(MARKED),
    "one line": "The quick answer is that it depends. ",
    "one word": "x",
    "code": "```py\n" + "x = 1  # a line\n" * 60 + "```\n",
    "table": "| a | b |\n",
    "list": "- an item with **bold** words\n",
    "open marks": "*a ",
    "open links": "[",
    "ticks": "x ```py ",
    "blank": " ",
}


REPEATED = 5
"""Runs of which the least cost of each call counts: other programs on the machine make the same
work take longer, never shorter."""


def call_seconds(text: str, limits: SurfaceLimits) -> tuple[float, float]:
    """CPU seconds of the most expensive call of the last 3,000 characters of `text`, 40 of which
    are written between two calls; and of splitting all that is there before, as after a restart."""
    runs = [_run_seconds(text, limits) for _ in range(REPEATED)]
    calls = zip(*(costs for costs, _ in runs), strict=True)
    return max(map(min, calls)), min(whole for _, whole in runs)


def _run_seconds(text: str, limits: SurfaceLimits) -> tuple[list[float], float]:
    begun = time.process_time()
    pages = Pages(1, limits, text[:-3000])
    pages.update(0.0)
    whole = time.process_time() - begun
    costs = []
    for start in range(len(text) - 3000, len(text), 40):
        begun = time.process_time()
        pages.write(text[start : start + 40])
        pages.update(start / 40)
        if pages.count:
            pages.part(pages.count - 1)
        costs.append(time.process_time() - begun)
    return costs, whole


def print_calls() -> None:
    surfaces = {
        "Discord": SurfaceLimits(1900, utf16_units, markdown=Dialect.DISCORD),
        "Slack": SurfaceLimits(9_000),
        "terminal": SurfaceLimits(1 << 30),
    }
    print(f"{'CPU of a call at 200,000 characters':<36}" + "".join(f"{n:>22}" for n in surfaces))
    for name, unit in TEXTS.items():
        text = (unit * (LONG // len(unit) + 1))[:LONG]
        costs = [call_seconds(text, limits) for limits in surfaces.values()]
        figures = (f"{most * 1e3:>7.1f} ms ({whole * 1e3:>4.0f} ms)" for most, whole in costs)
        print(f"{name:<36}" + "".join(f"{figure:>22}" for figure in figures))
    print("in brackets: to split the whole answer at once, as when it is resumed after a restart")


async def processor_seconds(*works: Coroutine[None, None, None]) -> float:
    """The CPU time of running all of them concurrently."""
    begun = time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for work in works:
            tasks.create_task(work)
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the lag and CPU time of delivery.")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the answers")
    seconds = parser.parse_args().seconds
    print(
        f"{'limit, text':<36}{'answers':>8}{'lag':>8}{'best':>8}{'ratio':>7}"
        f"{'first':>7}{'end':>7}{'refused':>9}"
    )
    for case in cases(seconds):
        outcome, best = asyncio.run(measure(case)), best_lag(case)
        life = case.answers * case.seconds
        print(
            f"{case.name:<36}{case.answers:>8}{outcome.lag / life:>8.1f}{best / life:>8.1f}"
            f"{outcome.lag / best:>7.2f}{outcome.first_text:>6.1f}s{outcome.last_text:>6.1f}s"
            f"{outcome.refused:>9}"
        )
    print("lag, best: unseen characters on average; first, end: of the slowest answer")
    for answers in (1, 40, 200):
        cost = asyncio.run(seconds_per_token(answers, 200))
        print(f"{answers} answers at 20 tokens a second: {cost * 1e6:.0f} µs of CPU a token")
    print_calls()


def cases(seconds: float) -> Iterator[Case]:
    for name, rate, burst, longer, max_units, sentences in (
        ("1 a second, 5 at once", 1.0, 5, 1, 100_000, PLAIN),
        ("1 a second, 1 at once", 1.0, 1, 1, 100_000, PLAIN),
        ("0.83 a second, 3 at once", 0.83, 3, 1, 100_000, PLAIN),
        ("1 a second, 5 at once, 2 messages", 1.0, 5, 3, 1900, PLAIN),
        ("1 a second, 5 at once, Markdown", 1.0, 5, 1, 100_000, MARKED),
    ):
        for answers in (1, 2, 4, 8):
            case = Case(name, rate, burst, answers, longer * seconds)
            yield replace(case, max_units=max_units, sentences=sentences)


if __name__ == "__main__":
    main()
