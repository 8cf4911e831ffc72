"""Whatever Slack, or somebody who claims to be Slack, sends: no exception escapes, no traceback is
logged, nothing hangs.

The real listeners, desk, engine and HTTP handler, without a network: the Web API is played by a
gateway that answers every call. The number of examples is that of the hypothesis profile.
"""

import asyncio
import copy
import hashlib
import hmac
import json
import logging
import time
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook import WebhookResponse

from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.common.rules import Rules
from adapters.slack.api import JSON, Gateway
from adapters.slack.client import Listeners
from adapters.slack.desk import SlackPlatform
from adapters.slack.modals import SYSTEM_VIEW
from adapters.slack.shortcuts import ASK, SUMMARIZE
from adapters.slack.transports import EVENTS_PATH, Events
from adapters.slack.workspaces import Installed, Workspaces
from bot.clock import Clock
from bot.config import SlackSettings
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.window import WindowOptions
from bot.messages import Sampling
from bot.ports import Quota
from storage.in_memory import MemoryStore
from tests.scripted_generator import ScriptedGenerator, echo
from tests.virtual_clock import VirtualClock

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
BOT_USER = "UBOT"
RULES = Rules(answer_all=frozenset({"C9"}), ignore_prefix="//")
LIMIT = 20.0
"""Seconds of real time after which an example hangs."""

# ---------------------------------------------------------------- Parley without a network


HISTORY: list[Any] = [
    {"ts": "1700000000.000100", "user": "U2", "text": "Root", "attachments": "none", "blocks": [1]},
    {"ts": "1700000000.000150", "user": "U1", "text": "Before", "files": [{"mode": 1}]},
    {"ts": 7, "user": {}, "text": None},
    "nothing",
]
"""What conversations.history and …replies answer, of any shape."""


class QuietGateway(Gateway):
    """Answers every call of the Web API with success."""

    async def call(self, method: str, /, **arguments: Any) -> JSON:
        return {
            "ts": "1700000000.000100",
            "user": {"id": "U1", "name": "ana"},
            "messages": HISTORY,
            "upload_url": "x",
            "file_id": "F1",
        }

    async def upload(self, url: str, data: bytes) -> None:
        return None

    async def download(self, url: str, most: int) -> bytes:
        return b"a file"


class QuietWorkspaces(Workspaces):
    """Every workspace has the app."""

    def _gateway(self, token: str) -> Gateway:
        return QuietGateway(AsyncWebClient(token), self._session, self._clock)


class Everywhere:
    """The installation of every workspace."""

    async def find(self, enterprise: str, team: str) -> Installed | None:
        return Installed("xoxb-1", BOT_USER, "B1")

    async def forget(self, enterprise: str, team: str) -> None:
        return None


class Log(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def check(self) -> None:
        """Nothing was logged as a traceback or a defect, and each record is one line."""
        for record in self.records:
            line = record.getMessage()
            assert not record.exc_info, line
            assert "defect" not in line
            assert "never retrieved" not in line
            assert len(line.splitlines()) <= 1


@dataclass
class Parley:
    """A Parley on Slack."""

    listeners: Listeners
    handlers: Handlers
    engine: Engine
    clock: Clock

    async def settled(self) -> None:
        """Wait until nothing more happens."""
        while self.handlers.busy:
            await asyncio.sleep(0)
        await self.engine.finish()


@asynccontextmanager
async def parley() -> AsyncIterator[Parley]:
    clock, store = VirtualClock(), MemoryStore()
    options = EngineOptions(
        window=WindowOptions("Be kind.", True, Sampling()),
        slots=4,
        queue=20,
        queue_per_person=20,
        quota=Quota(),
        question_characters=20_000,
        checkpoint_interval=60.0,
    )
    generator = ScriptedGenerator(echo, context=100_000)
    async with (
        aiohttp.ClientSession() as session,
        Engine(generator, store, Delivery(clock, store), clock, options) as engine,
        Handlers() as handlers,
    ):
        workspaces = QuietWorkspaces(SlackSettings(), session, clock, Everywhere())
        platform = SlackPlatform(workspaces)
        platform.desk = desk = Desk(engine, store, platform, RULES)
        listeners = Listeners(desk, workspaces, handlers, AsyncWebClient())
        yield Parley(listeners, handlers, engine, clock)


def run(work: Callable[[Parley], Awaitable[None]]) -> None:
    """Run `work` on a Parley of its own, and check what was logged, also at the loop's end."""

    async def bounded() -> None:
        async with asyncio.timeout(LIMIT), parley() as made:
            await work(made)
            await made.settled()

    log = Log()
    logging.getLogger().addHandler(log)
    try:
        asyncio.run(bounded())
    finally:
        logging.getLogger().removeHandler(log)
    log.check()


@pytest.fixture(autouse=True)
def no_response_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(self: object, **body: Any) -> WebhookResponse:
        return WebhookResponse(url="", status_code=200, body="ok", headers={})

    monkeypatch.setattr("slack_sdk.webhook.async_client.AsyncWebhookClient.send", send)


# ---------------------------------------------------------------- what comes

MESSAGE: dict[str, Any] = {
    "type": "message", "channel": "C1", "channel_type": "channel", "ts": "1700000000.000200",
    "user": "U1", "team": "T1", "text": f"<@{BOT_USER}> Hello", "event_ts": "1700000000.000200",
}  # fmt: skip
RICH_TEXT = {
    "type": "rich_text",
    "elements": [
        {"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U2"}]},
        {"type": "rich_text_list", "elements": [{"type": "rich_text_section", "elements": []}]},
    ],
}
SHARE = {
    "is_share": True, "author_name": "Ben", "text": "Pi is <@U2>", "fallback": "[a day] Ben: Pi",
    "from_url": "https://x.slack.com/archives/C1/p1700000000000100", "files": [
        {"name": "a.txt", "preview": "A", "preview_is_truncated": True}, {"name": "b.txt"},
    ],
}  # fmt: skip
UNFURL = {**SHARE, "is_share": False, "is_msg_unfurl": True, "text": "", "message_blocks": [
    {"team": "T1", "message": {"blocks": [RICH_TEXT]}},
]}  # fmt: skip
CARD = {
    "title": "Build", "pretext": "x", "text": "<!here>", "footer": "now", "author_name": "CI",
    "fields": [{"title": "Branch", "value": "main"}], "blocks": [RICH_TEXT, {
        "type": "section", "text": {"type": "mrkdwn", "text": "x"}, "fields": [{"type": "mrkdwn"}],
    }],
}  # fmt: skip
LINK = "https://x.slack.com/archives/C1/p1700000000000100"
FILE = {"id": "F1", "name": "a.txt", "mimetype": "text/plain", "size": 5, "mode": "hosted"}
EVENTS: list[dict[str, Any]] = [
    {**MESSAGE, "type": "app_mention"},
    {**MESSAGE, "channel": "D1", "channel_type": "im", "text": "Hello"},
    {**MESSAGE, "thread_ts": "1700000000.000100", "parent_user_id": BOT_USER},
    {**MESSAGE, "subtype": "file_share", "files": [{**FILE, "url_private_download": "https://x"}]},
    {**MESSAGE, "attachments": [SHARE, CARD, UNFURL]},
    {**MESSAGE, "text": f"<@{BOT_USER}>", "files": [{**FILE, "mode": "external"}]},
    {**MESSAGE, "text": f"<@{BOT_USER}>", "thread_ts": "1700000000.000100"},
    {**MESSAGE, "text": f"<@{BOT_USER}> <{LINK}>", "ts": "1700000000.000300"},
    {**MESSAGE, "channel": "C9", "text": "Every message is one here"},
    {
        "type": "message", "subtype": "message_changed", "channel": "C1", "ts": "4.1",
        "message": {**MESSAGE, "attachments": [UNFURL]}, "previous_message": MESSAGE,
    },
    {
        "type": "message", "subtype": "message_changed", "channel": "C1", "hidden": True,
        "message": {**MESSAGE, "text": "Hello?"}, "previous_message": MESSAGE, "ts": "2.1",
    },
    {
        "type": "message", "subtype": "message_deleted", "channel": "C1", "ts": "3.1",
        "deleted_ts": MESSAGE["ts"], "previous_message": MESSAGE,
    },
    {
        "type": "message", "subtype": "message_changed", "channel": "C1", "ts": "3.1",
        "message": {"subtype": "tombstone", "ts": MESSAGE["ts"], "thread_ts": MESSAGE["ts"]},
    },
    {
        "type": "agent_session_stopped", "channel": "C1", "thread_ts": "1.1", "user": "U1",
        "streaming_message_ts": ["1700000000.000100"],
    },
    {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "messages"},
    {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "home"},
    {
        "type": "app_context_changed", "user": "U1", "channel": "D1",
        "context": {"entities": [{"type": "slack#/types/channel_id", "value": "C1"}]},
    },
    {
        "type": "assistant_thread_started", "assistant_thread": {
            "user_id": "U1", "context": {"channel_id": "C1"}, "channel_id": "D1",
            "thread_ts": "1700000000.000100",
        },
    },
    {"type": "tokens_revoked", "tokens": {"bot": ["UBOT"]}},
    {"type": "app_uninstalled"},
    {"type": "reaction_added", "user": "U1"},
]  # fmt: skip
AUTHORIZATION = {"enterprise_id": "E1", "team_id": None, "is_enterprise_install": True}
WRAPPED: list[dict[str, Any]] = [
    {
        "type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event,
        "authorizations": [AUTHORIZATION],
    }
    for event in EVENTS
]  # fmt: skip
COMMANDS: list[dict[str, Any]] = [
    {
        "command": command, "text": text, "team_id": "T1", "channel_id": "C1", "user_id": "U1",
        "trigger_id": "1.2", "response_url": "https://hooks.slack.com/x",
    }
    for command, text in (
        ("/ask", "Hello"), ("/ask", ""), ("/stop", "all"), ("/reset", ""), ("/parley", "system"),
        ("/parley", "settings temperature=0.5"), ("/parley", "forget me"), ("/other", ""),
    )
]  # fmt: skip
INTERACTIONS: list[dict[str, Any]] = [
    {
        "type": "block_actions", "user": {"id": "U1", "team_id": "T1"}, "team": None,
        "enterprise": {"id": "E1"}, "container": {"channel_id": "C1", "message_ts": "1.1"},
        "message": {"ts": "1.1", "thread_ts": "1.0"}, "response_url": "https://hooks.slack.com/x",
        "actions": [{"action_id": action, "value": value}],
    }
    for action, value in (
        ("parley_stop", "1:tag"), ("parley_regenerate", "1"), ("parley_continue", "1"),
        ("parley_rate", "1:tag 1"), ("other", "x"),
    )
] + [
    {
        "type": "view_submission", "user": {"id": "U1", "team_id": "T1"}, "team": {"id": "T1"},
        "view": {
            "type": "modal", "callback_id": SYSTEM_VIEW, "private_metadata": "slack:T1/C1",
            "state": {"values": {"text": {"text": {"value": "Be brief."}}}},
        },
    },
    {
        "type": "view_submission", "user": {"id": "U1", "team_id": "T1"}, "team": {"id": "T1"},
        "view": {
            "type": "modal", "callback_id": ASK, "private_metadata": "00",
            "state": {"values": {"question": {"question": {"value": "Why?"}}}},
        },
    },
] + [
    {
        "type": "message_action", "user": {"id": "U1", "team_id": "T1"}, "team": {"id": "T1"},
        "channel": {"id": "C1"}, "callback_id": callback, "trigger_id": "1.2",
        "message": {**MESSAGE, "attachments": [SHARE]}, "message_ts": MESSAGE["ts"],
        "response_url": "https://hooks.slack.com/x",
    }
    for callback in (ASK, SUMMARIZE)
]  # fmt: skip
VALID = WRAPPED + COMMANDS + INTERACTIONS

texts = st.text(max_size=12) | st.sampled_from(
    [
        "\ud800",
        "a\udc00b",
        "\0",
        "C/1",
        "<@",
        "<@U1|>",
        "<!",
        "&lt;",
        "message",
        "E1",
        "T1",
        "9" * 99,
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all that `value` holds."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    found = [path] if path else []
    for key, item in inner:
        found += places(item, (*path, key))
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid payload, in which some fields are missing or have another value."""
    payload = copy.deepcopy(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(payload)))
        holder = payload
        for key in path[:-1]:
            holder = holder[key]
        if draw(st.booleans()) and isinstance(holder, dict):
            del holder[path[-1]]
        else:
            holder[path[-1]] = draw(values)
        if not places(payload):
            break
    return payload


@given(payloads=st.lists(mutated() | values, min_size=1, max_size=5))
def test_whatever_is_sent_the_listeners_answer_it(payloads: list[Any]) -> None:
    async def work(made: Parley) -> None:
        for payload in payloads:
            response = await made.listeners.dispatch(payload)
            assert response.status in (200, 400)

    run(work)


# ---------------------------------------------------------------- HTTP bodies


def request(body: bytes, headers: dict[str, str]) -> web.Request:
    """A request as aiohttp would pass it to the handler."""
    loop = asyncio.get_running_loop()
    protocol = make_mocked_request("POST", EVENTS_PATH).protocol
    stream = StreamReader(protocol, 2**20, loop=loop)
    stream.feed_data(body)
    stream.feed_eof()
    return make_mocked_request("POST", EVENTS_PATH, headers=headers, payload=stream)


def signed(body: bytes, stamp: str) -> str:
    text = b"v0:%b:%b" % (stamp.encode("utf-8", "replace"), body)
    return f"v0={hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()}"


def as_json(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def as_form(payload: Any) -> bytes:
    return urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()


bodies = (
    st.binary(max_size=50)
    | (mutated() | values).map(as_json)
    | (mutated() | values).map(as_form)
    | st.sampled_from(
        [b"{x", b"", b"[" * 5000, b"payload=%7B", b"ssl_check=1", b"\xff", b"9" * 9999]
    )
)
kinds = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "text/xml", "", "a/b; charset=x"]
)


@given(body=bodies, kind=kinds)
def test_whatever_body_is_signed_it_gets_a_status_that_is_no_failure(
    body: bytes, kind: str
) -> None:
    async def work(made: Parley) -> None:
        events = Events(made.listeners.dispatch, SECRET, made.clock)
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signed(body, stamp),
        }
        response = await events.handle(request(body, headers))
        assert response.status in (200, 400, 401, 415)
        if response.status == 401:  # what is no UTF-8 cannot have Slack's signature
            with pytest.raises(UnicodeDecodeError):
                body.decode()

    run(work)


header_texts = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)


@given(
    body=bodies,
    stamp=header_texts | st.integers().map(str) | st.just("now"),
    signature=header_texts | st.just("right"),
)
def test_whatever_is_not_signed_by_slack_is_refused(
    body: bytes, stamp: str, signature: str
) -> None:
    if stamp == "now" and signature == "right":
        return

    async def work(made: Parley) -> None:
        heard: list[object] = []

        async def dispatch(sent: object) -> Any:
            heard.append(sent)

        events = Events(dispatch, SECRET, made.clock)
        when = str(int(time.time())) if stamp == "now" else stamp
        headers = {
            "Content-Type": "application/json",
            "X-Slack-Request-Timestamp": when,
            "X-Slack-Signature": signed(body, when) if signature == "right" else signature,
        }
        response = await events.handle(request(body, headers))
        assert response.status == (200 if body.startswith(b"ssl_check=1") else 401)
        assert heard == []

    run(work)
