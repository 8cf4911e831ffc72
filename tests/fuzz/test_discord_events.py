"""Whatever the gateway sends, the client neither ends nor hangs, and the log has lines only.

The real discord.py client parses the events; there is no network. The number of examples is that
of the hypothesis profile.
"""

import asyncio
import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import discord
import pytest
from discord.webhook.async_ import AsyncWebhookAdapter
from hypothesis import given
from hypothesis import strategies as st

from adapters.common.rules import Rules
from adapters.discord.api import MessageWrites, Payload, Response, Upload
from adapters.discord.client import ParleyClient
from bot.delivery import Delivery
from bot.engine import Engine
from storage.in_memory import MemoryStore
from tests.adapters.discord.scene import options
from tests.discord_loopback.world import BOT, GUILD, Message, World, new_id
from tests.scripted_generator import ScriptedGenerator
from tests.virtual_clock import VirtualClock

WORLD = World()
ANA = WORLD.user("Ana")
GENERAL = WORLD.channel("general")
DIRECT = WORLD.direct(ANA)
ASKED = Message(GENERAL, ANA, f"{BOT.mention} Hello?")
TYPED = Message(DIRECT, ANA, "stop")
ANSWERED = Message(GENERAL, BOT, "Yes?", replies_to=ASKED)
ANSWERED.components = [
    {
        "type": 1,
        "components": [
            {"type": 2, "style": 2, "label": "Again", "custom_id": "parley:regenerate:1"}
        ],
    }
]
REPLIED = Message(GENERAL, ANA, "Why?", replies_to=ANSWERED)
ASKED.attachments = [
    {"id": new_id(), "filename": "a.txt", "size": 3, "url": "http://x/a", "proxy_url": "http://x/a"}
]
MENTION = f"{BOT.mention} Why?"
CARD = {
    "type": "rich", "title": "Build", "description": "<#1> failed", "author": {"name": "CI"},
    "fields": [{"name": "Branch", "value": "main"}], "footer": {"text": "now"}, "url": "http://x",
}  # fmt: skip
POLL = {
    "question": {"text": "Lunch?"}, "expiry": "2030-01-01T00:00:00+00:00",
    "answers": [{"answer_id": 1, "poll_media": {"text": "Pizza", "emoji": {"name": "x"}}}],
    "results": {"is_finalized": True, "answer_counts": [{"id": 1, "count": 3}]},
}  # fmt: skip
LAYOUT = [
    {
        "type": 17,
        "components": [
            {"type": 10, "content": "Words"},
            {
                "type": 9,
                "components": [{"type": 10, "content": "more"}],
                "accessory": {"type": 11, "media": {"url": "http://x"}},
            },
        ],
    }
]
STICKER = {"id": "7", "name": "wave", "format_type": 1}
RICH = Message(GENERAL, ANA, "See", embeds=[CARD], poll=POLL, stickers=[STICKER], components=LAYOUT)
DEAD = Message(GENERAL, ANA, "gone", deleted=True)
POINTING = [
    Message(GENERAL, ANA, MENTION, replies_to=RICH),
    Message(GENERAL, ANA, MENTION, replies_to=DEAD),
    Message(GENERAL, ANA, MENTION, replies_to=RICH, unresolved=True),
    Message(GENERAL, ANA, BOT.mention),
    Message(DIRECT, ANA, "", forwards=RICH),
    Message(DIRECT, ANA, "", replies_to=Message(DIRECT, ANA, "", forwards=ASKED)),
    Message(GENERAL, ANA, "Every message is one here", embeds=[CARD]),
]
"""Questions that point at something, in each way."""
RULES = Rules(answer_all=frozenset({GENERAL.id}), ignore_prefix="//")


def interaction(kind: int, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": new_id(),
        "application_id": BOT.id,
        "type": kind,
        "token": "token",
        "version": 1,
        "data": data,
        "channel": GENERAL.payload(),
        "channel_id": GENERAL.id,
        "guild_id": str(GUILD),
        "member": ANA.member() | {"user": ANA.payload(), "permissions": "8192"},
        "message": ANSWERED.payload(WORLD),
        "locale": "en-US",
        "entitlements": [],
        "attachment_size_limit": 1000,
        "app_permissions": "2048",
        "authorizing_integration_owners": {},
    }


def command(name: str, *given: dict[str, Any]) -> dict[str, Any]:
    return {"id": new_id(), "name": name, "type": 1, "options": list(given)}


QUESTION = {"name": "question", "type": 3, "value": "Why?"}
DELETED = {"id": ASKED.id, "channel_id": GENERAL.id, "guild_id": str(GUILD)}
EVENTS: list[tuple[str, dict[str, Any]]] = [
    *(("MESSAGE_CREATE", message.payload(WORLD)) for message in (ASKED, TYPED, REPLIED)),
    ("MESSAGE_UPDATE", ASKED.payload(WORLD) | {"edited_timestamp": "2026-01-01T00:00:00+00:00"}),
    ("MESSAGE_DELETE", DELETED),
    ("MESSAGE_DELETE_BULK", {"ids": [ASKED.id], "channel_id": GENERAL.id}),
    ("INTERACTION_CREATE", interaction(2, command("ask", QUESTION))),
    ("INTERACTION_CREATE", interaction(2, command("stop"))),
    ("INTERACTION_CREATE", interaction(2, command("settings"))),
    (
        "INTERACTION_CREATE",
        interaction(3, {"component_type": 2, "custom_id": "parley:regenerate:1"}),
    ),
    (
        "INTERACTION_CREATE",
        interaction(5, {"custom_id": "parley:system", "components": []}),
    ),
    *(("MESSAGE_CREATE", message.payload(WORLD)) for message in POINTING),
]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
texts = st.text(max_size=40) | st.sampled_from(
    [
        "stop",
        "<@1>",
        f"<@{BOT.id}>",
        "`" * 50,
        "\ud800",
        "\0",
        "<@&9>",
        "||x||",
        f"<@!{BOT.id}> stop",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """A valid event of which up to three fields, somewhere inside, are others or gone."""
    name, event = copy.deepcopy(draw(st.sampled_from(EVENTS)))
    for _ in range(draw(st.integers(0, 3))):
        inside: Any = event
        while isinstance(inside, (dict, list)) and inside:
            keys = sorted(inside) if isinstance(inside, dict) else range(len(inside))
            key = draw(st.sampled_from(list(keys)))
            if isinstance(inside[key], (dict, list)) and inside[key] and draw(st.booleans()):
                inside = inside[key]
                continue
            if isinstance(inside, dict) and draw(st.booleans()):
                del inside[key]
            else:
                inside[key] = draw(texts if isinstance(inside[key], str) else anything)
            break
    return name, event


events = mutated() | st.tuples(st.sampled_from(sorted({name for name, _ in EVENTS})), anything)


async def no_wire(
    method: str, path: str, payload: Payload | None, upload: Upload | None
) -> Response:
    return Response(200, {}, {"id": new_id()})


async def no_webhook(_: object, route: Any, **__: object) -> dict[str, Any]:
    if route.path.endswith("/callback"):
        return {"interaction": {"id": "1", "type": 2}, "resource": {"type": 4}}
    return ANSWERED.payload(WORLD)


async def no_request(*_: object, **__: object) -> object:
    response: Any = type("Response", (), {"status": 403, "reason": "Forbidden"})()
    raise discord.Forbidden(response, "no network")


@contextmanager
def watched() -> Iterator[list[str]]:
    """What a log must not have: tracebacks, defects, and several lines in one."""
    wrong: list[str] = []

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if record.exc_info or "defect" in text or "Traceback" in text:
                wrong.append(f"{text} {record.exc_info}")

    handler = Watch()
    logging.getLogger().addHandler(handler)
    try:
        yield wrong
    finally:
        logging.getLogger().removeHandler(handler)


async def handled(received: list[tuple[str, Any]]) -> None:
    """Parse the events and wait until all of their handlers are done."""
    clock = VirtualClock()
    store = MemoryStore()
    engine = Engine(ScriptedGenerator(), store, Delivery(clock, store), clock, options())
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with engine:
        client = ParleyClient(engine, store, MessageWrites(no_wire, clock), RULES)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client.http, "request", no_request)
            patch.setattr(client.http, "get_from_cdn", no_request)
            patch.setattr(AsyncWebhookAdapter, "request", no_webhook)
            await client._async_setup_hook()
            client._connection.user = discord.ClientUser(
                state=client._connection,
                data=BOT.payload(),  # type: ignore[arg-type]
            )
            client._connection.application_id = int(BOT.id)
            await client.setup_hook()
            client._connection.parsers["GUILD_CREATE"](WORLD.guild())
            for name, event in received:
                client._connection.parsers[name](event)
            async with asyncio.timeout(30):
                while running := [task for task in asyncio.all_tasks() if of_discord(task)]:
                    await asyncio.wait(running)
                await engine.finish()
    assert failures == []


def of_discord(task: "asyncio.Task[Any]") -> bool:
    """Whether discord.py started it: a handler of an event, a command or a button."""
    return "discord" in task.get_name() or "CommandTree" in task.get_name()


@given(st.lists(events, min_size=1, max_size=4))
def test_a_gateway_event_of_any_shape_ends_neither_the_client_nor_its_handlers(
    received: list[tuple[str, Any]],
) -> None:
    with watched() as wrong:
        asyncio.run(handled(received))
    assert wrong == []


def test_the_events_as_they_are_are_answered(caplog: pytest.LogCaptureFixture) -> None:
    with watched() as wrong:
        asyncio.run(handled(EVENTS))
    assert wrong == []
    assert not any("malformed" in message for message in caplog.messages)
