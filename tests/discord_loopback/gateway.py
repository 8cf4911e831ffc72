"""The gateway: hello, identify, dispatch with sequence numbers, resume, and ways to break.

https://discord.com/developers/docs/events/gateway; frames are uncompressed text.
"""

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from tests.discord_loopback.world import BOT, TOKEN, World, new_id

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
INTENTS_NOT_ALLOWED = 4014
MESSAGE_CONTENT = 1 << 15


class Session:
    """What a client may resume."""

    def __init__(self) -> None:
        self.id = new_id()
        self.events: list[str] = []
        """All that was dispatched in it; the sequence number is the position, from 1."""
        self.socket: web.WebSocketResponse | None = None


class Gateway:
    """Dispatches events to the session that is connected; keeps them while none is."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.url = ""
        self.sessions: dict[str, Session] = {}
        self.current: Session | None = None
        self.identified = 0
        self.resumed = 0
        self.content_allowed = True
        """Whether the Message Content intent is switched on for the bot."""
        self.intents = 0
        self.identifies = asyncio.Event()
        """Whether sessions can begin; a client waits for it."""
        self.identifies.set()
        self.replays_last = 0
        """How many events before the asked one a resume replays: a duplicate for the client."""

    # ------------------------------------------------------------ what happens

    async def dispatch(self, event: str, data: dict[str, Any]) -> None:
        """Send an event; it waits in the session where the socket is gone."""
        session = self.current
        if session is None:
            return
        frame = {"op": DISPATCH, "t": event, "s": len(session.events) + 1, "d": data}
        session.events.append(json.dumps(frame))
        if session.socket is not None and not session.socket.closed:
            await session.socket.send_str(session.events[-1])

    async def again(self, events: int = 1) -> None:
        """Send the newest events a second time, as a resume may."""
        assert self.current is not None
        assert self.current.socket is not None
        for frame in self.current.events[-events:]:
            await self.current.socket.send_str(frame)

    async def drop(self, code: int = 1006) -> None:
        """The connection breaks."""
        session = self.current
        assert session is not None
        assert session.socket is not None
        socket, session.socket = session.socket, None
        if code == 1006:
            assert socket._req is not None
            transport = socket._req.transport
            assert transport is not None
            transport.abort()
        else:
            await socket.close(code=code)

    async def ask_to_reconnect(self) -> None:
        """Opcode 7."""
        await self._send({"op": RECONNECT, "d": None})

    async def invalidate(self, *, resumable: bool) -> None:
        """Opcode 9."""
        assert self.current is not None
        if not resumable:
            self.sessions.pop(self.current.id, None)
        await self._send({"op": INVALID, "d": resumable})

    @property
    def connected(self) -> bool:
        """Whether a client takes events now."""
        socket = self.current.socket if self.current else None
        return socket is not None and not socket.closed

    async def _send(self, frame: dict[str, Any]) -> None:
        assert self.current is not None
        assert self.current.socket is not None
        await self.current.socket.send_str(json.dumps(frame))

    # ------------------------------------------------------------ the connection

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(json.dumps({"op": HELLO, "d": {"heartbeat_interval": 40_000}}))
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            await self._received(socket, json.loads(message.data))
        return socket

    async def _received(self, socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        match frame["op"]:
            case 1:
                await socket.send_str(json.dumps({"op": ACK}))
            case 2:
                await self._identify(socket, frame["d"])
            case 6:
                await self._resume(socket, frame["d"])

    async def _identify(self, socket: web.WebSocketResponse, data: dict[str, Any]) -> None:
        assert data["token"] == TOKEN
        self.intents = data["intents"]
        if self.intents & MESSAGE_CONTENT and not self.content_allowed:
            await socket.close(code=INTENTS_NOT_ALLOWED)
            return
        await self.identifies.wait()
        self.identified += 1
        session = self.current = Session()
        self.sessions[session.id] = session
        session.socket = socket
        guild = self._world.guild()
        ready = {
            "v": 10,
            "user": BOT.payload(),
            "guilds": [{"id": guild["id"], "unavailable": True}],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "shard": data.get("shard", [0, 1]),
            "application": {"id": BOT.id, "flags": 0},
        }
        await self.dispatch("READY", ready)
        await self.dispatch("GUILD_CREATE", guild)

    async def _resume(self, socket: web.WebSocketResponse, data: dict[str, Any]) -> None:
        session = self.sessions.get(data["session_id"])
        if session is None:
            await socket.send_str(json.dumps({"op": INVALID, "d": False}))
            return
        self.resumed += 1
        session.socket = socket
        self.current = session
        for frame in session.events[max(0, data["seq"] - self.replays_last) :]:
            await socket.send_str(frame)
        await self.dispatch("RESUMED", {})
