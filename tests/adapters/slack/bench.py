"""A Parley on a loopback Slack: the real Bolt app, a scripted model, a clock that runs fast."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.common.handlers import Handlers
from adapters.slack.serve import serve
from bot.config import Settings
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.models import ModelSlots
from bot.engine.window import WindowOptions
from bot.messages import Prompt, Sampling
from bot.ports import Generator, Quota, Store
from storage.in_memory import MemoryStore
from tests.scaled_clock import ScaledClock
from tests.scripted_generator import Reply, ScriptedGenerator, echo
from tests.slack_loopback import APP_TOKEN, HttpEvents, LoopbackSlack, Message, Someone, Team
from tests.until import until

FEW = 12
"""Refusals that the jitter of a busy machine may cause (5 were seen with three jobs beside): a
millisecond of the wall's clock is a sixteenth of a second here. Without pacing there are hundreds;
the exact limits are tested in virtual time (test_tiers, tests/bot/delivery)."""

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
"""A Friday; what ``{date}`` in a system prompt says."""

POEM = " ".join(f"word{n}" for n in range(400))


def poem(prompt: Prompt) -> str:
    """A model's reply that is long enough to grow."""
    return POEM


@dataclass
class Bench:
    """All that a test needs. `team` has the channel C1 (joined), the private G1 (not joined) and
    the direct message D1 of Ana; Ana is nobody special, Ada is an admin."""

    slack: LoopbackSlack
    team: Team
    engine: Engine
    store: Store
    generator: Generator
    ana: Someone
    ada: Someone
    handlers: Handlers

    @property
    def scripted(self) -> ScriptedGenerator:
        assert isinstance(self.generator, ScriptedGenerator)
        return self.generator

    async def answered(self) -> None:
        """Wait until every question that came is answered and shown."""
        await until(lambda: not self.busy())
        await self.engine.finish()

    def busy(self) -> bool:
        """Work of the handlers that has not reached the engine yet."""
        return self.handlers.busy

    def calls(self, method: str) -> list[dict[str, Any]]:
        """The arguments of all calls of a method that Slack took."""
        return [args for name, args in self.team.calls if name == method]

    def joined(self, channel: str, thread: str = "") -> str:
        """All that the bot says in a place."""
        return "\n".join(m.shown for m in self.team.answers(channel, thread))


def settings_for(where: LoopbackSlack, team: Team, /, **changes: Any) -> Settings:
    section = {
        "bot_token": team.bot_token,
        "app_token": APP_TOKEN,
        "base_url": where.url,
        "reply_in": "channel",
        **changes.pop("slack", {}),
    }
    return Settings.model_validate({"slack": section, **changes})


def options(**changes: Any) -> EngineOptions:
    values: dict[str, Any] = {
        "window": WindowOptions(
            "Be kind.",
            True,
            Sampling(max_new_tokens=20_000, max_thinking_tokens=1000),
            now=lambda: NOON,
        ),
        "slots": 64,
        "queue": 100,
        "queue_per_person": 100,
        "quota": Quota(),
        "question_characters": 20_000,
        "checkpoint_interval": 60.0,
    }
    return EngineOptions(**{**values, **changes})


@asynccontextmanager
async def bench(
    reply: Reply = echo,
    *,
    generator: Generator | None = None,
    paced: bool = False,
    factor: float = 60.0,
    store: Store | None = None,
    at: LoopbackSlack | None = None,
    engine: dict[str, Any] | None = None,
    edit_interval: float = 0.5,
    further: dict[str, ModelSlots] | None = None,
    **settings: Any,
) -> AsyncIterator[Bench]:
    """A Parley that serves one team, on a Slack of its own or `at` one. `factor`: seconds of the
    clock in one of the wall's. The rest are the settings."""
    clock = at.clock if at else ScaledClock(factor)
    generator = generator or ScriptedGenerator(reply, context=100_000, paced=paced)
    store = store or MemoryStore()
    fold = settings.get("conversation", {}).get("thinking") == "fold"
    delivery = Delivery(clock, store, edit_interval=edit_interval, fold=fold)
    async with AsyncExitStack() as stack:
        if at is None:
            at = await stack.enter_async_context(LoopbackSlack(clock))
            at.team.trigger_seconds *= factor  # three of the wall's: the machine may be busy
        serving = _serving(at, generator, store, delivery, engine or {}, settings, further)
        yield await stack.enter_async_context(serving)


@asynccontextmanager
async def _serving(
    slack: LoopbackSlack,
    generator: Generator,
    store: Store,
    delivery: Delivery,
    changes: dict[str, Any],
    settings: dict[str, Any],
    further: dict[str, ModelSlots] | None,
) -> AsyncIterator[Bench]:
    team = slack.team
    ana, ada = Someone(slack, "U1", "Ana"), Someone(slack, "U2", "Ada", is_admin=True)
    if "C1" not in team.channels:
        team.channel("C1")
        team.channel("G1", "group", joined=False)
        team.channel("D1", "im")
    chosen = settings_for(slack, team, **settings)
    up = asyncio.Event()

    def ready(how: str) -> None:
        if chosen.slack.mode == "http":
            secret = chosen.slack.signing_secret.get_secret_value()
            slack.http = HttpEvents(f"{how.rpartition(' ')[2]}/slack/events", secret)
        up.set()

    chosen_options = options(**changes)
    engine = Engine(generator, store, delivery, slack.clock, chosen_options, further=further)
    failure: BaseException | None = None
    async with engine:
        handlers = Handlers()
        running = Bench(slack, team, engine, store, generator, ana, ada, handlers)
        serving = asyncio.create_task(
            serve(running, chosen, ready=ready, clock=slack.clock, handlers=handlers)
        )
        waiting = asyncio.create_task(up.wait())
        await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            if up.is_set():
                yield running
        finally:
            serving.cancel()
            await asyncio.wait([serving])
            failure = None if serving.cancelled() else serving.exception()
    if failure is not None:
        raise failure


def labels(message: Message) -> list[str]:
    """The labels of a message's buttons."""
    return [
        element["text"]["text"] for element in message.elements() if element["type"] == "button"
    ]
