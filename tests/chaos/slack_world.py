"""Slack in memory: the loopback's state machine and methods, below the adapter's own client."""

import html
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.slack.api import Gateway
from adapters.slack.desk import SlackPlatform
from adapters.slack.people import People as Profiles
from adapters.slack.rate_limits import Tiers
from adapters.slack.rendering import ACTION_IDS, action_of, reference
from adapters.slack.threads import Threads
from adapters.slack.workspaces import Workspace, Workspaces
from bot.engine import Engine
from bot.ports import Store, SurfaceFinder
from tests.chaos.faults import Faults
from tests.chaos.life import ChaosClock, Life, outside_of_lives
from tests.chaos.people import ANA, BOB, MOD
from tests.chaos.simulated import RULES, START, Button, Room, Rooms, Shown, Somebody, shielded
from tests.slack_loopback import ApiError, Message, Team, TooFast
from tests.slack_loopback.api import METHODS

TEAM = "T1"
EPOCH = 1_700_000_000.0
"""The time at which the virtual clock is 0, in seconds since 1970."""
EVERYBODY = frozenset(somebody.id for somebody in (ANA, BOB, MOD))
PLACES = ("chat.", "conversations.")
FAULTS = (
    "429",
    "429 without retry-after",
    "503",
    "502 HTML",
    "502 with effect",
    "404 HTML",
    "403 HTML",
    "invalid_blocks",
    "msg_too_long",
    "cant_update_message",
    "is_archived",
    "not_in_channel",
    "missing_scope",
    "channel_not_found",
    "fatal_error",
    "fatal_error with effect",
    "internal_error",
    "service_unavailable",
    "slow",
    "lost response",
    "connection refused",
    "deleted meanwhile",
    "stream ended",
)


@dataclass(frozen=True, slots=True)
class Answered:
    """A response, as slack_sdk's client returns it or has it in its error."""

    status_code: int
    data: object
    headers: Mapping[str, str] = field(default_factory=dict)


class SlackWorld:
    """`tests.chaos.simulated.World`."""

    name = "slack"

    def __init__(self, clock: ChaosClock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self._team = Team(clock, TEAM, now=lambda: EPOCH + clock.monotonic())
        self._stubborn: set[str] = set()
        for channel, kind in (("1001", "channel"), ("1002", "channel")):
            self._team.channel(channel, cast("Any", kind))
        for channel in ("2001", "2002"):
            self._team.channel(channel, "im")
        thread = self._post("1001", "301", "A thread")
        self.rooms = Rooms("slack", TEAM, thread)
        self.whispered: list[tuple[str, str]] = []
        self._given_up: set[str] = set()

    # ------------------------------------------------------------ what Parley sees

    def connect(
        self, engine: Engine, store: Store, clock: ChaosClock, life: Life
    ) -> tuple[Desk, SurfaceFinder]:
        async def api_call(method: str, **encoded: Any) -> Answered:
            args = {**(encoded.get("json") or {}), **(encoded.get("params") or {})}
            return await shielded(life, outside_of_lives(self._told(life, method, args)))

        client = cast("AsyncWebClient", SimpleNamespace(api_call=api_call, token="chaos"))
        session = cast("aiohttp.ClientSession", SimpleNamespace(post=_upload, closed=False))
        gateway = Gateway(client, session, life)
        tiers, bot = Tiers(life), frozenset({self._team.bot_user, self._team.bot_id})
        workspace = Workspace(
            TEAM,
            TEAM,
            self._team.bot_user,
            self._team.bot_id,
            "chaos",
            True,
            life,
            gateway,
            tiers,
            Profiles(gateway, life),
            Threads(gateway, tiers, bot),
        )

        async def by_key(_: str) -> Workspace:
            return workspace

        platform = SlackPlatform(cast("Workspaces", SimpleNamespace(by_key=by_key)))
        platform.desk = desk = Desk(engine, store, platform, RULES)
        return desk, platform.find

    async def _told(self, life: Life, method: str, args: dict[str, Any]) -> Answered:
        result = "no response"
        try:
            response = await self._request(life, method, args)
            result = str(response.data)[:60]
        except SlackApiError as error:
            result = f"{error.response.status_code} {str(error.response.data)[:60]}"
            raise
        finally:
            where = " ".join(str(args.get(name) or "-") for name in ("channel", "thread_ts", "ts"))
            text = str(args.get("markdown_text") or args.get("text") or "")[-40:]
            at = self._clock.monotonic() - START
            self._faults.tell(f"    {at:.2f} {method} {where} {text!r}: {result}")
        return response

    async def _request(self, life: Life, method: str, args: dict[str, Any]) -> Answered:
        where = str(args.get("ts") or args.get("channel") or args.get("channel_id") or "")
        draw = self._faults.random(method, where)
        await self._clock.sleep(draw.choice([0.02, 0.05, 0.15, 0.4]))
        fault = self._fault(method, where, draw.random())
        if fault == "slow":
            await self._clock.sleep(draw.choice([3.0, 12.0, 25.0]))
            life.check()  # the connection of a killed process is closed
        if fault == "connection refused":
            slack = SimpleNamespace(host="slack.com", port=443, ssl=True)
            raise aiohttp.ClientConnectorError(cast("Any", slack), OSError("refused"))
        self._meanwhile(fault, args)
        if refusal := _refusal(fault, draw.choice([1, 5, 30])):
            self._note(method, args, refused=True)
            raise refusal
        response = self._effect(method, args)
        await self._clock.sleep(draw.choice([0.02, 0.05, 0.15, 0.4]))
        if fault == "lost response":
            raise aiohttp.ServerDisconnectedError
        if fault == "fatal_error with effect":
            raise _error("fatal_error")
        if fault == "502 with effect":
            raise _api_error("bad gateway", Answered(502, "<html>"))
        return response

    def _fault(self, method: str, where: str, chance: float) -> str:
        rate = self._faults.rates.platform
        if not self._faults.active or rate == 0.0:
            return ""
        stubborn = self._faults.fixed("stubborn", method, where).random() < rate / 5
        if method == "chat.update" and stubborn and chance < 0.95:
            return self._faults.inject("cant_update_message", f"{method} {where} (stubborn)")
        if chance >= rate:
            return ""
        name = FAULTS[int(chance / rate * len(FAULTS))]
        if name == "deleted meanwhile" and method not in ("chat.update", "chat.appendStream"):
            name = "503"
        if method.startswith("conversations.") and not name.startswith(("429", "503", "slow")):
            name = "503"  # without history nobody can know what was posted
        if name == "stream ended" and "Stream" not in method:
            name = "429"
        return self._faults.inject(name, f"{method} {where}")

    def _meanwhile(self, fault: str, args: dict[str, Any]) -> None:
        message = self._team.messages.get((args.get("channel", ""), args.get("ts", "")))
        if message is None:
            return
        if fault == "deleted meanwhile":
            message.deleted = True
        if fault == "stream ended":
            message.streaming = False

    # ------------------------------------------------------------ effects

    def _effect(self, method: str, args: dict[str, Any]) -> Answered:
        given = {name: "1" if value is True else value for name, value in args.items()}
        try:
            self._check_rights(method, args)
            self._team.limit(method, str(args.get("channel", "")))
            if method == "chat.postMessage" and args["channel"] in EVERYBODY:
                # a person's id as the channel is the direct message with them
                self.whispered.append((args["channel"], args["text"]))
                return Answered(200, {"ok": True, "ts": "0.0"})
            if method in ("conversations.history", "conversations.replies"):
                body = self._page(given)
            else:
                body = METHODS[method][0](self._team, given)
        except TooFast as limit:
            raise _too_many(limit.retry_after) from None
        except ApiError as error:
            self._note(method, args, refused=True)
            raise _error(error.code) from None
        if method == "chat.postEphemeral":
            self.whispered.append((args["user"], args["text"]))
        self._note(method, args, refused=False)
        return Answered(200, {"ok": True, **body})

    def _note(self, method: str, args: dict[str, Any], *, refused: bool) -> None:
        if method == "chat.update":
            (self._given_up.add if refused else self._given_up.discard)(str(args["ts"]))

    def _check_rights(self, method: str, args: dict[str, Any]) -> None:
        room = self._room(args)
        if room is None or not method.startswith(PLACES):
            return
        if room.deleted or room.closed == "view":
            raise ApiError("channel_not_found")
        if room.closed and method in ("chat.postMessage", "chat.postEphemeral", "chat.startStream"):
            raise ApiError("restricted_action")

    def _room(self, args: dict[str, Any]) -> Room | None:
        channel = str(args.get("channel", ""))
        thread = str(args.get("thread_ts") or "")
        found = [room for room in self.rooms.by_name.values() if room.key.channel == channel]
        of_thread = next((room for room in found if room.key.thread == thread), None)
        return of_thread or next((room for room in found if not room.key.thread), None)

    def _page(self, args: dict[str, Any]) -> dict[str, Any]:
        """With both bounds exact, as `inclusive` means on Slack."""
        channel, thread = args["channel"], str(args.get("ts") or "")
        oldest, latest = str(args.get("oldest") or "0"), str(args.get("latest") or "9")
        found = [
            message
            for message in self._team.visible(channel, thread)
            if (oldest < message.ts < latest)
            or (args.get("inclusive") and message.ts in (oldest, latest))
        ]
        if not thread:
            found.reverse()
        payloads = [message.payload() for message in found[: int(args.get("limit", 100))]]
        return {"messages": payloads}

    # ------------------------------------------------------------ what people do and see

    def question(self, room: Room, person: Somebody, text: str) -> str:
        return self._post(room.key.channel, person.id, text, room.key.thread)

    def asked_in(self, room: Room, message_id: str) -> Place:
        """In the channel "general" questions are answered in threads below them."""
        below = room is self.rooms.by_name["general"]
        return replace(room.place, answers_in=message_id) if below else room.place

    def _post(self, channel: str, user: str, text: str, thread: str = "") -> str:
        message = Message(self._team.next_ts(), channel, user, text=text, thread_ts=thread)
        self._team.messages[channel, message.ts] = message
        return message.ts

    def delete(self, ref: str) -> None:
        for message in self._team.messages.values():
            if message.ts == ref:
                message.deleted = True

    def delete_room(self, room: Room) -> None:
        self.rooms.delete(room)

    def shown(self) -> list[Shown]:
        return [
            _shown(message, room, message.ts in self._given_up)
            for room in self.rooms.by_name.values()
            if not room.deleted
            for thread in self._threads(room)
            for message in self._team.answers(room.key.channel, thread)
        ]

    def _threads(self, room: Room) -> list[str]:
        """The threads whose messages are the room's: its own, and those below its questions."""
        if room.key.thread:
            return [room.key.thread]
        messages = [m for m in self._team.messages.values() if m.channel == room.key.channel]
        opened = dict.fromkeys(m.thread_ts for m in messages if m.thread_ts)
        return ["", *(ts for ts in opened if ts != self.rooms.thread)]


def _shown(message: Message, room: Room, given_up: bool) -> Shown:
    text, note = message.shown, message.small_print
    if not (message.blocks or message.markdown):  # the simplest form: all in one text
        *lines, last = text.split("\n")
        if last.startswith("_") and last.endswith("_"):
            text, note = "\n".join(lines), last.strip("_")
        text = html.unescape(text)  # mrkdwn's escapes
    return Shown(
        message.ts,
        room.key,
        text,
        note,
        tuple(_buttons(message)),
        tuple(map(html.unescape, message.history)),  # of the simplest form, too
        question=str(((message.metadata or {}).get("event_payload") or {}).get("part", "")).split(
            " "
        )[0],
        given_up=given_up,
        streaming=message.streaming,
        thread="" if room.key.thread else message.thread_ts,
    )


def _buttons(message: Message) -> list[Button]:
    found = []
    for element in message.elements():
        assert element["action_id"] in ACTION_IDS
        values = (
            [element["value"]]
            if "value" in element
            else [element[side]["value"] for side in ("positive_button", "negative_button")]
        )
        for value in values:
            answer, tag, verdict = reference(value)
            found.append(Button(action_of(element["action_id"], verdict), answer, tag))
    return found


def _refusal(fault: str, seconds: int) -> SlackApiError | None:
    status, _, detail = fault.partition(" ")
    if detail == "with effect" or fault in ("", "slow", "lost response", "deleted meanwhile"):
        return None
    if fault == "stream ended":
        return None
    if status == "429":
        return _too_many(None if detail else seconds)
    if status.isdigit():
        return _api_error("refused", Answered(int(status), "<html>no</html>"))
    return _error(fault)


def _too_many(seconds: int | None) -> SlackApiError:
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    body = {"ok": False, "error": "ratelimited"}
    return _api_error("too many", Answered(429, body, headers))


def _api_error(message: str, response: Answered) -> SlackApiError:
    error: SlackApiError = SlackApiError(message, response)  # type: ignore[no-untyped-call]
    return error


def _error(code: str) -> SlackApiError:
    return _api_error(code, Answered(200, {"ok": False, "error": code}))


@asynccontextmanager
async def _upload(_: str, data: bytes):  # type: ignore[no-untyped-def]
    yield SimpleNamespace(raise_for_status=lambda: None)
