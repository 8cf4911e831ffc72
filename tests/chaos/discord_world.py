"""Discord in memory, below the adapter's own client of message endpoints."""

import re
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import aiohttp
import discord

from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.discord.api import TIMEOUT, MessageWrites, Payload, Response, Upload
from adapters.discord.desk import DiscordPlatform
from adapters.discord.rendering import CUSTOM_ID
from bot.engine import Engine
from bot.ports import Store, SurfaceFinder
from tests.chaos.faults import Faults
from tests.chaos.life import ChaosClock, Life, outside_of_lives
from tests.chaos.simulated import RULES, START, Button, Room, Rooms, Shown, Somebody, shielded

GUILD = "9000"
HTML = "<html>Cloudflare</html>"
_PATH = re.compile(r"/channels/(?P<channel>[^/]+)/messages(?:/(?P<message>[^?]+))?(?:\?.*)?")


@dataclass(slots=True)
class Posted:
    """A message of the bot."""

    id: str
    channel: str
    content: str
    components: list[Any]
    reply_to: str
    deleted: bool = False
    file: bool = False
    refused: bool = False
    history: list[str] = field(default_factory=list)


class DiscordWorld:
    """`tests.chaos.simulated.World`."""

    name = "discord"

    def __init__(self, clock: ChaosClock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self.rooms = Rooms("discord", GUILD, "1003")
        self.whispered: list[tuple[str, str]] = []
        self.messages: dict[str, Posted] = {}
        self._nonces: dict[str, str] = {}
        self._ids = count(5001)

    # ------------------------------------------------------------ what Parley sees

    def connect(
        self, engine: Engine, store: Store, clock: ChaosClock, life: Life
    ) -> tuple[Desk, SurfaceFinder]:
        async def wire(
            method: str, path: str, payload: Payload | None, upload: Upload | None
        ) -> Response:
            return await shielded(
                life, outside_of_lives(self._told(life, method, path, payload, upload))
            )

        async def fetch_channel(channel: int) -> object:
            return await shielded(life, outside_of_lives(self._fetch_channel(str(channel))))

        client = SimpleNamespace(fetch_channel=fetch_channel, get_channel=lambda _: None)
        platform = DiscordPlatform(cast("discord.Client", client), MessageWrites(wire, life))
        return Desk(engine, store, platform, RULES), platform.find

    async def _fetch_channel(self, channel: str) -> object:
        draw = self._faults.random("GET channel", channel)
        await self._clock.sleep(0.05)
        room = self.rooms.of_channel(channel)
        if room is None or room.deleted:
            raise discord.NotFound(_response(404), {"code": 10003, "message": "Unknown Channel"})
        if room.closed == "view":
            raise discord.Forbidden(_response(403), {"code": 50001, "message": "Missing Access"})
        if self._faults.active and draw.random() < self._faults.rates.platform:
            self._faults.inject("channel lookup fails", channel)
            raise discord.DiscordServerError(_response(503), "down")
        return object()

    async def _told(
        self, life: Life, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Response:
        response: Response | None = None
        try:
            response = await self._request(life, method, path, payload, upload)
        finally:
            text = str((payload or {}).get("content", ""))
            result = (
                f"{response.status} {str(response.body)[:60]}"
                if response is not None
                else "no response"
            )
            at = self._clock.monotonic() - START
            self._faults.tell(f"    {at:.2f} {method} {path} {text[-40:]!r}: {result}")
        return response

    async def _request(
        self, life: Life, method: str, path: str, payload: Payload | None, upload: Upload | None
    ) -> Response:
        if path == "/users/@me/channels":
            assert payload is not None
            return Response(200, {}, {"id": f"whisper {payload['recipient_id']}"})
        match = _PATH.fullmatch(path)
        assert match is not None, path
        channel, message = match["channel"], match["message"] or ""
        draw = self._faults.random(method, message or channel)
        await self._clock.sleep(draw.choice([0.02, 0.05, 0.15, 0.4]))
        fault = self._fault(method, message or channel, draw.random(), payload or {})
        if fault == "deleted meanwhile" and message in self.messages:
            self.messages[message].deleted = True
        if fault == "slow":
            await self._clock.sleep(draw.choice([3.0, 12.0, 19.0]))
            life.check()  # the connection of a killed process is closed
        if response := _refusal(fault, draw.choice([0.5, 3.0, 20.0, 60.0])):
            self._mark_refused(message, payload or {})
            return response
        if fault == "connection refused":
            raise aiohttp.ClientConnectionError("refused")
        if fault == "timeout without effect":
            await self._clock.sleep(TIMEOUT)
            raise TimeoutError
        response = self._effect(method, path, dict(payload or {}), upload)
        await self._clock.sleep(draw.choice([0.02, 0.05, 0.15, 0.4]))
        if fault == "lost response":
            raise aiohttp.ServerDisconnectedError
        if fault == "timeout with effect":
            await self._clock.sleep(TIMEOUT)
            raise TimeoutError
        if fault == "502 with effect":
            return Response(502, {}, HTML)
        if fault == "200 without JSON" and response.status == 200:
            return Response(200, {}, HTML)
        return response

    def _fault(self, method: str, where: str, chance: float, payload: Payload) -> str:
        stubborn = self._faults.fixed("stubborn", method, where)
        rate = self._faults.rates.platform
        if not self._faults.active or rate == 0.0:
            return ""
        if method == "PATCH" and stubborn.random() < rate / 5 and chance < 0.95:
            return self._faults.inject("403 50013", f"{method} {where} (stubborn)")
        if chance >= rate:
            return ""
        names = [name for name in FAULTS if name != "403 160002" or "message_reference" in payload]
        if method != "PATCH":
            names.remove("deleted meanwhile")
        return self._faults.inject(names[int(chance / rate * len(names))], f"{method} {where}")

    def _mark_refused(self, message: str, payload: Payload) -> None:
        if message in self.messages:
            self.messages[message].refused = True

    # ------------------------------------------------------------ effects

    def _effect(
        self,
        method: str,
        path: str,
        payload: dict[str, Any],
        upload: Upload | None,
    ) -> Response:
        match = _PATH.fullmatch(path)
        assert match is not None, path
        channel, message = match["channel"], match["message"] or ""
        if channel.startswith("whisper "):
            self.whispered.append((channel.partition(" ")[2], payload["content"]))
            return Response(200, {}, {"id": str(next(self._ids))})
        room = self.rooms.of_channel(channel)
        if room is None or room.deleted:
            return Response(404, {}, {"code": 10003, "message": "Unknown Channel"})
        if room.closed == "view":
            return Response(403, {}, {"code": 50001, "message": "Missing Access"})
        if method == "GET":
            return Response(200, {}, self._listed(channel, path))
        if method == "POST":
            if room.closed:
                return Response(403, {}, {"code": 50013, "message": "Missing Permissions"})
            return self._post(channel, payload, upload)
        posted = self.messages.get(message)
        if posted is None or posted.deleted or posted.channel != channel:
            return Response(404, {}, {"code": 10008, "message": "Unknown Message"})
        if method == "DELETE":
            posted.deleted = True
            return Response(204)
        posted.content = payload.get("content", posted.content)
        posted.components = payload.get("components", posted.components)
        posted.refused = False
        posted.history.append(posted.content)
        return Response(200, {}, {"id": message})

    def _listed(self, channel: str, path: str) -> list[dict[str, Any]]:
        query = parse_qs(urlsplit(path).query)
        after, limit = int(query["after"][0]), int(query["limit"][0])
        found = [
            {"id": one.id, "content": one.content, "components": one.components}
            for one in self.messages.values()
            if one.channel == channel and not one.deleted and int(one.id) > after
        ]
        return found[:limit][::-1]

    def _post(self, channel: str, payload: dict[str, Any], upload: Upload | None) -> Response:
        nonce = payload.get("nonce", "")
        assert payload.get("enforce_nonce"), "a message without a nonce can be posted twice"
        if known := self._nonces.get(nonce):
            return Response(200, {}, {"id": known})
        reference = payload.get("message_reference", {}).get("message_id", "")
        message = Posted(
            str(next(self._ids)),
            channel,
            payload.get("content", ""),
            payload.get("components", []),
            reference,
            file=upload is not None,
        )
        message.history.append(message.content)
        self._nonces[nonce] = message.id
        self.messages[message.id] = message
        return Response(200, {}, {"id": message.id})

    # ------------------------------------------------------------ what people do and see

    def question(self, room: Room, person: Somebody, text: str) -> str:
        return str(next(self._ids))

    def asked_in(self, room: Room, message_id: str) -> Place:
        return room.place

    def delete(self, ref: str) -> None:
        self.messages[ref].deleted = True

    def delete_room(self, room: Room) -> None:
        self.rooms.delete(room)

    def shown(self) -> list[Shown]:
        found = []
        for message in self.messages.values():
            room = self.rooms.of_channel(message.channel)
            if room is None or room.deleted or message.deleted or message.file:
                continue
            lines = message.content.split("\n")
            note = lines.pop()[3:] if lines[-1].startswith("-# ") else ""
            found.append(
                Shown(
                    message.id,
                    room.key,
                    "\n".join(lines),
                    note,
                    _buttons(message),
                    tuple(message.history),
                    question=message.reply_to,
                    given_up=message.refused,
                )
            )
        return found


FAULTS = (
    "429",
    "429 without retry-after",
    "429 global",
    "429 Cloudflare",
    "500",
    "502 HTML",
    "502 with effect",
    "400 50035",
    "401",
    "403 50001",
    "403 50013",
    "403 160002",
    "403 HTML",
    "404 HTML",
    "slow",
    "lost response",
    "timeout with effect",
    "timeout without effect",
    "connection refused",
    "200 without JSON",
    "deleted meanwhile",
)


def _refusal(fault: str, seconds: float) -> Response | None:
    if fault == "502 with effect":
        return None
    status, _, detail = fault.partition(" ")
    if not status.isdigit() or status == "200":
        return None
    if status == "429":
        return _too_many(detail, seconds)
    if detail == "HTML":
        return Response(int(status), {}, HTML)
    return Response(int(status), {}, {"code": int(detail or 0), "message": "refused"})


def _too_many(detail: str, seconds: float) -> Response:
    match detail:
        case "Cloudflare":
            return Response(429, {"Retry-After": f"{seconds:g}"}, HTML)
        case "without retry-after":
            return Response(429, {}, {"message": "You are being rate limited."})
        case "global":
            body = {"message": "limited", "retry_after": seconds, "global": True}
            return Response(429, {"X-RateLimit-Global": "true"}, body)
        case _:
            return Response(429, {}, {"message": "limited", "retry_after": seconds})


def _buttons(message: Posted) -> tuple[Button, ...]:
    ids = [button["custom_id"] for row in message.components for button in row["components"]]
    found = []
    for custom_id in ids:
        match = re.fullmatch(CUSTOM_ID, custom_id)
        assert match is not None, custom_id
        found.append(Button(match["action"], int(match["answer"]), match["tag"] or ""))
    return tuple(found)


def _response(status: int) -> Any:
    return SimpleNamespace(status=status, reason="chaos")
