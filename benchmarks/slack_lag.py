"""Measures how old what people see of growing answers is on Slack, compared with the optimum.

    python -m benchmarks.slack_lag

One to thirty answers are asked for at once, each in a channel of its own, and written in virtual
time at 20 words a second, eight at the same time, through everything that answers on Slack pass:
delivery, the Slack surface, and the methods of a Slack that enforces its limits by the minute and
workspace (50 updates, 100 appends, 20 starts and 20 ends of streams).

The age is the time since the shown text was the whole text, averaged over the time in which the
answer is written, up to its end. The optimum shares the minute's calls of the method (50 updates or
100 appends) evenly among the answers that are written at the same time, without a gap, a first
message or an end of its own, with the same latency: no schedule that keeps to the limits over the
whole time is better for texts that grow steadily.
"""

import argparse
import asyncio
from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.api import Gateway
from adapters.slack.people import People
from adapters.slack.rate_limits import Tiers
from adapters.slack.surface import SlackSurface
from adapters.slack.threads import Threads
from adapters.slack.workspaces import Workspace
from bot.delivery import Delivery
from bot.messages import ConversationKey
from bot.ports import AnswerState
from tests.bot.delivery.recording_ledger import RecordingLedger, stored
from tests.slack_loopback import ApiError, Message, Team, TooFast
from tests.slack_loopback.api import METHODS
from tests.virtual_clock import VirtualClock

WORDS_PER_SECOND = 20.0
WORD = "word "
SLOTS = 8
"""Answers that are written at the same time."""
LATENCY = 0.15
"""Seconds per call."""
LIMITS = {"edits": 50 / 60, "streams": 100 / 60}
"""Calls a second that show text."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`age`: seconds, the mean over all answers and the time in which they were written. `first`:
    seconds from the model's first word until people see some, of the slowest answer. `calls` that
    Slack took by method, and those that it `refused`."""

    age: float
    first: float
    calls: dict[str, int]
    refused: int


class Slack:
    """The methods of the loopback Slack without HTTP, in virtual time."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.team = Team(clock, now=lambda: 1_700_000_000.0 + clock.monotonic())
        self.seen: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        """By channel: from when on how many characters were visible."""

    async def call(self, method: str, **encoded: Any) -> SimpleNamespace:
        args = {**(encoded.get("json") or {}), **(encoded.get("params") or {})}
        await self.clock.sleep(LATENCY / 2)
        try:
            self.team.limit(method, str(args.get("channel", "")))
            body = METHODS[method][0](self.team, args)
        except TooFast as limit:
            headers = {"Retry-After": str(limit.retry_after)}
            raise _refused(429, "ratelimited", headers) from None
        except ApiError as error:
            raise _refused(200, error.code, {}) from None
        self.team.calls.append((method, args))
        await self.clock.sleep(LATENCY / 2)
        if message := self.team.messages.get((str(args.get("channel")), str(body.get("ts")))):
            self._note(message)
        return SimpleNamespace(data={"ok": True, **body})

    def _note(self, message: Message) -> None:
        shown = message.shown.count(WORD.strip()) * len(WORD)
        self.seen[message.channel].append((self.clock.monotonic(), shown))

    def workspace(self, *, streaming: bool) -> Workspace:
        client = cast("AsyncWebClient", SimpleNamespace(api_call=self.call, token=""))
        gateway = Gateway(client, cast("aiohttp.ClientSession", None), self.clock)
        team, tiers = self.team, Tiers(self.clock)
        ours = frozenset({team.bot_user, team.bot_id})
        return Workspace(
            team.id, team.id, team.bot_user, team.bot_id, "", streaming, self.clock, gateway,
            tiers, People(gateway, self.clock), Threads(gateway, tiers, ours),
        )  # fmt: skip


def _refused(status: int, code: str, headers: dict[str, str]) -> SlackApiError:
    data = {"ok": False, "error": code}
    response = SimpleNamespace(status_code=status, data=data, headers=headers)
    return SlackApiError("refused", response)  # type: ignore[no-untyped-call]


async def saved_at_once() -> bool:
    """Stands for the engine's saving of the text, without which no stream is begun."""
    return True


async def measure(answers: int, seconds: float, *, streaming: bool) -> Outcome:
    """Show so many answers, each of which takes so many seconds to write."""
    clock = VirtualClock()
    slack = Slack(clock)
    workspace = slack.workspace(streaming=streaming)
    delivery = Delivery(clock, RecordingLedger())
    slots = asyncio.Semaphore(SLOTS)
    words = round(seconds * WORDS_PER_SECOND)
    ages, firsts = list[float](), list[float]()

    async def answer(number: int) -> None:
        channel = slack.team.channel(f"C{number}")
        question = Message(slack.team.next_ts(), channel, "U1", text="?")
        slack.team.messages[channel, question.ts] = question
        place = ConversationKey("slack", channel, question.ts, slack.team.id)
        surface = SlackSurface(workspace, place, asker="U1", seed=question.ts)
        async with delivery.open(stored(number), surface, save=saved_at_once) as live:
            if slots.locked():
                live.place(max(1, number - SLOTS))
            async with slots:
                live.place(0)
                begun = clock.monotonic()
                for _ in range(words):
                    live.write(WORD)
                    await clock.sleep(1 / WORDS_PER_SECOND)
            await live.finish(AnswerState.DONE)
        ages.append(_age(slack.seen[channel], begun, seconds))
        firsts.append(next(at for at, shown in slack.seen[channel] if shown) - begun)

    async with asyncio.TaskGroup() as tasks:
        for number in range(answers):
            tasks.create_task(answer(number))
    calls = defaultdict[str, int](int)
    for method, _ in slack.team.calls:
        calls[method] += 1
    mean = sum(ages) / len(ages)
    return Outcome(mean, max(firsts), dict(calls), sum(slack.team.refused.values()))


def _age(seen: list[tuple[float, int]], begun: float, seconds: float) -> float:
    """The mean age while one answer is written: the unseen characters over the speed."""
    speed = WORDS_PER_SECOND * len(WORD)
    total, shown, since = 0.0, 0, begun
    for at, now_shown in [*seen, (begun + seconds, 0)]:
        until = min(max(at, begun), begun + seconds)
        # what was written from `begun` on, minus what is visible, integrated until `until`
        written = ((until - begun) ** 2 - (since - begun) ** 2) / 2 * speed
        total += written - shown * (until - since)
        since, shown = until, now_shown
    return total / speed / seconds


def best_age(answers: int, per_second: float) -> float:
    """Of the optimum: answers are written in waves of at most `SLOTS`."""
    waves = [SLOTS] * (answers // SLOTS) + ([answers % SLOTS] if answers % SLOTS else [])
    return sum(wave * wave / (2 * per_second) for wave in waves) / answers + LATENCY


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the age of shown text on Slack.")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the answers")
    parser.add_argument("--answers", type=int, nargs="*", default=[1, 2, 4, 8, 30])
    arguments = parser.parse_args()
    print(
        f"{'way':<9}{'answers':>8}{'age':>8}{'best':>8}{'ratio':>7}{'first':>7}{'refused':>9}"
        "  calls"
    )
    for way, per_second in LIMITS.items():
        for answers in arguments.answers:
            streaming = way == "streams"
            outcome = asyncio.run(measure(answers, arguments.seconds, streaming=streaming))
            best = best_age(answers, per_second)
            made = ", ".join(f"{name.partition('.')[2]} {n}" for name, n in outcome.calls.items())
            print(
                f"{way:<9}{answers:>8}{outcome.age:>7.2f}s{best:>7.2f}s{outcome.age / best:>7.2f}"
                f"{outcome.first:>6.1f}s{outcome.refused:>9}  {made}",
                flush=True,
            )
    print("age, best: seconds, on average; first: until the slowest answer's first words are seen")


if __name__ == "__main__":
    main()
