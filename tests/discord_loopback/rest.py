"""The REST interface: messages, threads, interactions, commands.

https://discord.com/developers/docs/reference. Every request is counted, may be met by trouble that
a test ordered, and takes `latency` seconds.
"""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.discord_loopback.gateway import Gateway
from tests.discord_loopback.limits import Limits
from tests.discord_loopback.world import BOT, TOKEN, Channel, Interaction, Message, World, now

MESSAGE, DEFERRED = 4, 5
"""Types of an interaction's callback."""
GATEWAY_ONLY = ("channels", "threads", "members", "presences", "voice_states", "member_count")
"""What a server's payload has in the gateway's event alone."""
UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, MISSING_PERMISSIONS = 10003, 10008, 50013


@dataclass(frozen=True, slots=True)
class Call:
    """One request for a message, as it ended."""

    method: str
    channel: str
    status: int
    begun: float
    done: float


@dataclass(slots=True)
class Trouble:
    """What requests of a kind meet instead of what they want."""

    method: str
    status: int
    retry_after: float = 0.0
    everywhere: bool = False
    delay: float = 0.0
    takes_effect: bool = False
    """The request does what it should, and its answer is lost."""
    html: bool = False
    """It comes from Cloudflare: no JSON."""


@dataclass(slots=True)
class Rest:
    world: World
    gateway: Gateway
    limits: Limits = field(default_factory=Limits)
    latency: float = 0.0
    trouble: deque[Trouble] = field(default_factory=deque)
    calls: list[Call] = field(default_factory=list)
    interactions: dict[str, Interaction] = field(default_factory=dict)
    nonces: dict[str, Message] = field(default_factory=dict)
    synced: list[str] = field(default_factory=list)
    """Where commands were told: a server's id, or "" for everywhere."""
    commands_read: int = 0
    """How many times the commands were listed."""
    creates_left: int = 200
    """New commands that Discord creates today."""
    commands_refused: int = 0
    """The status with which Discord refuses to list the commands; 0: it lists them."""
    held: asyncio.Event | None = None
    """Messages are posted at once, and Parley is told only when this is set."""
    invited: bool = True
    """The bot is in the server."""
    flags: int = 0
    """The application's: 1 << 19 is the Message Content intent."""
    logins_refused: int = 0
    """How many of the next logins meet a server that is down."""
    members_refused: int = 0
    """How many of the next requests for a member meet one."""

    def routes(self) -> list[web.AbstractRouteDef]:
        message = "/channels/{channel}/messages/{message}"
        original = "/webhooks/{app}/{token}/messages/@original"
        return [
            web.get("/users/@me", self.me),
            web.get("/oauth2/applications/@me", self.application),
            web.get("/gateway/bot", self.gateway_address),
            web.post("/users/@me/channels", self.open_direct),
            web.get("/channels/{channel}", self.get_channel),
            web.get("/channels/{channel}/messages", self.list_messages),
            web.get("/guilds/{guild}/members/{user}", self.get_member),
            web.post("/channels/{channel}/messages", self.create_message),
            web.get(message, self.get_message),
            web.patch(message, self.edit_message),
            web.delete(message, self.delete_message),
            web.post(message + "/threads", self.create_thread),
            web.post("/interactions/{id}/{token}/callback", self.respond),
            web.post("/webhooks/{app}/{token}", self.follow_up),
            web.delete(original, self.delete_original),
            web.get("/users/@me/guilds", self.my_guilds),
            web.get("/guilds/{guild}", self.get_guild),
            web.get("/guilds/{guild}/roles", self.roles),
            web.get("/guilds/{guild}/channels", self.channels),
            web.get("/applications/{app}/commands", self.commands),
            web.put("/applications/{app}/commands", self.sync),
            web.put("/applications/{app}/guilds/{guild}/commands", self.sync),
        ]

    @web.middleware
    async def watched(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Check the token, keep the limits, make trouble, count."""
        public = ("/interactions/", "/webhooks/", "/files/", "/gateway/ws")
        needs_token = not any(part in request.path for part in public)
        if needs_token and request.headers.get("Authorization") != f"Bot {TOKEN}":
            return _error(401, 0, "401: Unauthorized")
        if "/messages" not in request.path or "/channels/" not in request.path:
            response: web.StreamResponse = await handler(request)
            return response
        loop = asyncio.get_running_loop()
        begun = loop.time()
        channel = request.match_info["channel"]
        response = await self._limited(request, handler, channel)
        self.calls.append(Call(request.method, channel, response.status, begun, loop.time()))
        return response

    async def _limited(
        self, request: web.Request, handler: Any, channel: str
    ) -> web.StreamResponse:
        trouble = self._trouble_for(request.method)
        await asyncio.sleep(trouble.delay if trouble and trouble.delay else self.latency)
        if trouble and trouble.status and not trouble.takes_effect:
            return _in_trouble(trouble)
        verdict = self.limits.take(request.method, channel)
        if not verdict.allowed:
            return _too_many(verdict.retry_after, headers=verdict.headers)
        response: web.StreamResponse = await handler(request)
        response.headers.update(verdict.headers)
        if self.held is not None and request.method == "POST":
            await self.held.wait()
        return _in_trouble(trouble) if trouble and trouble.takes_effect else response

    def _trouble_for(self, method: str) -> Trouble | None:
        if self.trouble and self.trouble[0].method in ("", method):
            return self.trouble.popleft()
        return None

    # ------------------------------------------------------------ who and where

    async def me(self, _: web.Request) -> web.Response:
        if self.logins_refused:
            self.logins_refused -= 1
            return _error(503, 0, "down")
        return _json(BOT.payload())

    async def application(self, _: web.Request) -> web.Response:
        owner = {"id": "1", "username": "owner", "discriminator": "0000", "avatar": None}
        return _json(
            {
                "id": BOT.id,
                "name": "Parley",
                "description": "",
                "icon": None,
                "bot_public": True,
                "bot_require_code_grant": False,
                "owner": owner,
                "verify_key": "",
                "flags": self.flags,
            }
        )

    async def gateway_address(self, _: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        return _json({"url": self.gateway.url, "shards": 1, "session_start_limit": limit})

    async def open_direct(self, request: web.Request) -> web.Response:
        user = self.world.users[str((await request.json())["recipient_id"])]
        return _json(self.world.direct(user).payload())

    async def get_channel(self, request: web.Request) -> web.Response:
        channel = self.world.channels.get(request.match_info["channel"])
        if channel is None:
            return _error(404, UNKNOWN_CHANNEL, "Unknown Channel")
        return _json(channel.payload())

    async def get_member(self, request: web.Request) -> web.Response:
        if self.members_refused:
            self.members_refused -= 1
            return _error(503, 0, "down")
        user = self.world.users.get(request.match_info["user"])
        if user is None:
            return _error(404, 10007, "Unknown Member")
        return _json(user.member() | {"user": user.payload()})

    async def my_guilds(self, _: web.Request) -> web.Response:
        whole = self.world.guild()
        mine = [{"id": whole["id"], "name": whole["name"]}] if self.invited else []
        return _json(mine)

    async def get_guild(self, _: web.Request) -> web.Response:
        return _json({k: v for k, v in self.world.guild().items() if k not in GATEWAY_ONLY})

    async def roles(self, _: web.Request) -> web.Response:
        return _json(self.world.guild()["roles"])

    async def channels(self, _: web.Request) -> web.Response:
        return _json(self.world.guild()["channels"])

    # ------------------------------------------------------------ messages

    async def list_messages(self, request: web.Request) -> web.Response:
        channel = self.world.channels.get(request.match_info["channel"])
        if channel is None:
            return _error(404, UNKNOWN_CHANNEL, "Unknown Channel")
        if channel.hides_history:
            return _json([])
        before, after = (request.query.get(name) for name in ("before", "after"))
        shown = self.world.history(
            channel,
            limit=int(request.query.get("limit", 50)),
            before=int(before) if before else None,
            after=int(after) if after else None,
        )
        for body in shown:
            self._hide_content(body, channel)
            if body.get("referenced_message"):
                self._hide_content(body["referenced_message"], channel)
        return _json(shown)

    async def get_message(self, request: web.Request) -> web.Response:
        message = self._existing(request)
        if message is None or message.channel.id != request.match_info["channel"]:
            return _error(404, UNKNOWN_MESSAGE, "Unknown Message")
        if message.channel.hides_history:
            return _error(403, MISSING_PERMISSIONS, "Missing Access")
        body = message.payload(self.world)
        self._hide_content(body, message.channel)
        return _json(body)

    def _hide_content(self, body: dict[str, Any], channel: Channel) -> None:
        """Without the Message Content intent a message has no content, unless it concerns the
        bot."""
        if self.gateway.intents & (1 << 15):
            return
        named = any(user["id"] == BOT.id for user in body["mentions"])
        if not (named or channel.direct_with or body["author"]["id"] == BOT.id):
            body["content"], body["attachments"] = "", []

    async def create_message(self, request: web.Request) -> web.Response:
        channel = self.world.channels.get(request.match_info["channel"])
        if channel is None:
            return _error(404, UNKNOWN_CHANNEL, "Unknown Channel")
        if channel.closed and channel.direct_with:
            return _error(403, 50007, "Cannot send messages to this user")
        if channel.closed:
            return _error(403, MISSING_PERMISSIONS, "Missing Permissions")
        body, files = await _body(request)
        known = self.nonces.get(str(body.get("nonce", "")))
        if known is not None and body.get("enforce_nonce"):
            return _json(known.payload(self.world))
        if fault := _fault(body, files):
            return fault
        message = self._message(channel, body)
        message.files = files
        if message.nonce:
            self.nonces[message.nonce] = message
        self.world.messages[message.id] = message
        await self.gateway.dispatch("MESSAGE_CREATE", message.payload(self.world))
        return _json(message.payload(self.world))

    async def edit_message(self, request: web.Request) -> web.Response:
        message = self._existing(request)
        if message is None:
            return _error(404, UNKNOWN_MESSAGE, "Unknown Message")
        if message.author is not BOT:
            return _error(403, 50005, "Cannot edit a message authored by another user")
        body, _ = await _body(request)
        if fault := _fault(body, {}):
            return fault
        message.content = body.get("content", message.content)
        message.components = body.get("components", message.components)
        message.allowed_mentions = body.get("allowed_mentions")
        message.flags = body.get("flags", message.flags)
        message.edited = now()
        message.versions.append((asyncio.get_running_loop().time(), message.content))
        await self.gateway.dispatch("MESSAGE_UPDATE", message.payload(self.world))
        return _json(message.payload(self.world))

    async def delete_message(self, request: web.Request) -> web.Response:
        message = self._existing(request)
        if message is None:
            return _error(404, UNKNOWN_MESSAGE, "Unknown Message")
        message.deleted = True
        return web.Response(status=204)

    async def create_thread(self, request: web.Request) -> web.Response:
        message = self._existing(request)
        if message is None:
            return _error(404, UNKNOWN_MESSAGE, "Unknown Message")
        if message.id in self.world.channels:
            return _error(400, 160004, "A thread has already been created for this message")
        name = (await request.json())["name"]
        thread = self.world.thread(message.channel, message.id, name, BOT)
        await self.gateway.dispatch("THREAD_CREATE", thread.payload())
        return _json(thread.payload())

    def _existing(self, request: web.Request) -> Message | None:
        message = self.world.messages.get(request.match_info["message"])
        return None if message is None or message.deleted else message

    def _message(self, channel: Channel, body: dict[str, Any]) -> Message:
        reference = body.get("message_reference") or {}
        message = Message(
            channel,
            BOT,
            body.get("content") or "",
            components=body.get("components") or [],
            allowed_mentions=body.get("allowed_mentions"),
            replies_to=self.world.messages.get(str(reference.get("message_id"))),
            flags=body.get("flags") or 0,
            nonce=str(body.get("nonce") or ""),
        )
        message.ephemeral = bool(message.flags & 64)
        message.versions.append((asyncio.get_running_loop().time(), message.content))
        return message

    # ------------------------------------------------------------ interactions

    async def respond(self, request: web.Request) -> web.Response:
        interaction = self.interactions[request.match_info["token"]]
        if interaction.callback is not None:
            return _error(400, 40060, "Interaction has already been acknowledged.")
        body, _ = await _body(request)
        interaction.callback = body
        facts: dict[str, Any] = {"id": interaction.id, "type": 2}
        resource: dict[str, Any] = {"type": body["type"]}
        if body["type"] in (MESSAGE, DEFERRED):
            message = self._message(interaction.channel, body.get("data") or {})
            interaction.original = message
            self.world.messages[message.id] = message
            facts["response_message_id"] = message.id
            facts["response_message_ephemeral"] = message.ephemeral
            resource["message"] = message.payload(self.world)
        return _json({"interaction": facts, "resource": resource})

    async def follow_up(self, request: web.Request) -> web.Response:
        interaction = self.interactions[request.match_info["token"]]
        body, files = await _body(request)
        if interaction.callback is None:
            return _error(404, 10015, "Unknown Webhook")
        message = self._message(interaction.channel, body)
        message.files = files
        original = interaction.original
        if interaction.callback["type"] == DEFERRED and original and not original.content:
            original.content = message.content  # the first one takes the place of "thinking"
            return _json(original.payload(self.world))
        self.world.messages[message.id] = message
        interaction.followups.append(message)
        return _json(message.payload(self.world))

    async def delete_original(self, request: web.Request) -> web.Response:
        interaction = self.interactions[request.match_info["token"]]
        assert interaction.original is not None
        interaction.original.deleted = True
        return web.Response(status=204)

    # ------------------------------------------------------------ commands

    async def commands(self, _: web.Request) -> web.Response:
        self.commands_read += 1
        if self.commands_refused:
            return _error(self.commands_refused, 0, "no commands now")
        return _json(self.world.commands)

    async def sync(self, request: web.Request) -> web.Response:
        """Replace all commands. New names count towards the most that may be created in a day."""
        given = await request.json()
        known = {command["name"] for command in self.world.commands}
        new = [command for command in given if command["name"] not in known]
        if len(new) > self.creates_left:
            most = "Max number of daily application command creates has been reached (200)"
            return _error(400, 30034, most)
        self.creates_left -= len(new)
        self.world.commands = [_registered(n, command) for n, command in enumerate(given, 1)]
        self.synced.append(request.match_info.get("guild", ""))
        return _json(self.world.commands)


def _registered(number: int, command: dict[str, Any]) -> dict[str, Any]:
    """As Discord returns it: with ids and what is the default, without what is empty.
    https://discord.com/developers/docs/interactions/application-commands
    """
    kept = {name: value for name, value in command.items() if value not in (None, [])}
    if "options" in kept:
        kept["options"] = [_option(option) for option in kept["options"]]
    return {
        "id": str(number),
        "application_id": BOT.id,
        "version": str(number),
        "description": "",
        "default_member_permissions": None,
        "dm_permission": True,
        "nsfw": False,
    } | kept


def _option(option: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in option.items() if value not in (None, [], False)}


async def _body(request: web.Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    if not request.content_type.startswith("multipart/"):
        assert request.headers["Content-Type"].startswith("application/json")
        body: dict[str, Any] = await request.json()
        return body, {}
    form = await request.post()
    files = {
        part.filename: part.file.read()
        for name, part in form.items()
        if name.startswith("files[") and isinstance(part, web.FileField)
    }
    payload = form["payload_json"]
    assert isinstance(payload, (str, bytes, bytearray))
    return json.loads(payload), files


def _fault(body: dict[str, Any], files: dict[str, bytes]) -> web.Response | None:
    """What Discord refuses of a message."""
    text = body.get("content") or ""
    if len(text.encode("utf-16-le")) // 2 > 2000:
        return _error(400, 50035, "Invalid Form Body: Must be 2000 or fewer in length.")
    if not text.strip() and not files and "content" in body:
        return _error(400, 50006, "Cannot send an empty message")
    if len(str(body.get("nonce", ""))) > 25:
        return _error(400, 50035, "Invalid Form Body: nonce")
    return None


def _json(data: object, status: int = 200) -> web.Response:
    """discord.py reads JSON only where the type is exactly this, without a charset."""
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(data).encode(), status=status, headers=headers)


def _error(status: int, code: int, message: str) -> web.Response:
    return _json({"code": code, "message": message}, status=status)


def _too_many(
    retry_after: float, *, headers: dict[str, str] | None = None, everywhere: bool = False
) -> web.Response:
    body = {
        "message": "You are being rate limited.",
        "retry_after": retry_after,
        "global": everywhere,
    }
    response = _json(body, status=429)
    response.headers.update(headers or {})
    response.headers["Via"] = "1.1 loopback"
    response.headers["Retry-After"] = f"{retry_after:.3f}"
    return response


def _in_trouble(trouble: Trouble) -> web.Response:
    if trouble.html:
        return web.Response(
            status=trouble.status, text="<html>Cloudflare</html>", content_type="text/html"
        )
    if trouble.status == 429:
        return _too_many(trouble.retry_after, everywhere=trouble.everywhere)
    return _error(trouble.status, 0, "in trouble")
