"""Slack on 127.0.0.1: the Web API, Socket Mode, HTTP events, response URLs, files and OAuth."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import WSMsgType, web

from bot.clock import Clock
from tests.slack_loopback.api import METHODS, check_blocks
from tests.slack_loopback.state import JSON, ApiError, Message, Team, TooFast
from tests.until import until

APP_TOKEN = "xapp-1-loopback-secret-token"
CLIENT_ID, CLIENT_SECRET = "111.222", "client-secret"
ACK_SECONDS = 3.0
"""What Slack waits for an acknowledgement, in seconds of the wall's clock."""


@dataclass
class Envelope:
    """Something that the app has to acknowledge."""

    id: str
    type: str
    payload: JSON
    tries: int = 0
    ack: JSON | None = None
    acked: asyncio.Event = field(default_factory=asyncio.Event)


class LoopbackSlack:
    """A Slack that several teams share. Use as an async context manager."""

    def __init__(self, clock: Clock, teams: Iterable[Team] = ()) -> None:
        self.clock = clock
        self.teams = {team.id: team for team in teams} or {"T1": Team(clock)}
        self.url = ""
        """What the app's ``base_url`` has to be."""
        self.sockets: list[web.WebSocketResponse] = []
        self.envelopes: dict[str, Envelope] = {}
        self.http: HttpEvents | None = None
        """Where events go instead of the socket, in HTTP mode."""
        self.responses: dict[str, list[JSON]] = {}
        """What was posted to each response URL."""
        self.connects = True
        """New sockets can be had; otherwise a request for one breaks off."""
        self.loses_events = False
        """Events reach nobody, as where the app did not acknowledge any attempt to deliver them."""
        self.refused_sockets = 0
        self.app_token = APP_TOKEN
        """The app-level token that Slack accepts."""
        self.broken_sockets = 0
        """New sockets that break before they are open; their addresses count as used."""
        self.socket_mode = True
        """Socket Mode is on for the app."""
        self.codes: dict[str, Team] = {}
        """OAuth codes and the team that each installs the app in."""
        self._numbers = count(1)
        self._tickets: set[str] = set()
        """Of WebSocket URLs that were used: each is good for one connection."""
        self._unsent: list[Envelope] = []
        self._runner: web.AppRunner | None = None

    @property
    def team(self) -> Team:
        """The only team, or the first."""
        return next(iter(self.teams.values()))

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/socket", self._socket)
        app.router.add_post("/upload/{team}/{file}", self._upload)
        app.router.add_get("/files/{team}/{file}", self._download)
        app.router.add_post("/response/{id}", self._respond)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = f"{self.origin}/api/"
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._runner is not None
        for socket in self.sockets:
            await socket.close()
        await self._runner.cleanup()

    # ---------------------------------------------------------------- the Web API

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        args = await _arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = token or str(args.get("token", ""))
        team: Team | None = None
        try:
            if method == "apps.connections.open":
                body = self._open_connection(token)
            elif method == "oauth.v2.access":
                body = self._oauth(request, args)
            else:
                team = self._team_of(token)
                body = self._call(team, method, args)
                if method in team.held:
                    await team.held[method].wait()
        except TooFast as limit:
            headers = {"Retry-After": str(limit.retry_after)}
            refusal = {"ok": False, "error": "ratelimited"}
            return web.json_response(refusal, status=429, headers=headers)
        except ApiError as error:
            return web.json_response({"ok": False, "error": error.code, **error.extra})
        except ConnectionError:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        headers = {"x-oauth-scopes": ",".join(sorted(team.scopes))} if team else {}
        return web.json_response({"ok": True, **body}, headers=headers)

    def _call(self, team: Team, method: str, args: JSON) -> JSON:
        function, scope = METHODS.get(method, (None, ""))
        if function is None:
            raise ApiError("unknown_method")
        if scope and scope not in team.scopes:
            provided = ",".join(sorted(team.scopes))
            raise ApiError("missing_scope", needed=scope, provided=provided)
        team.limit(method, str(args.get("channel", "")))
        trouble = team.troubles[method].popleft() if team.troubles[method] else None
        if isinstance(trouble, ApiError):
            raise trouble
        team.calls.append((method, args))
        body = function(team, args)
        if trouble is not None:
            raise trouble
        if "upload_url" in body:
            body["upload_url"] = f"{self.origin}{body['upload_url']}"
        return body

    def _team_of(self, token: str) -> Team:
        for team in self.teams.values():
            if team.bot_token == token:
                if team.revoked:
                    raise ApiError("token_revoked")
                return team
        raise ApiError("invalid_auth" if token else "not_authed")

    def _open_connection(self, token: str) -> JSON:
        if not self.connects:
            self.refused_sockets += 1
            raise ConnectionError
        if token != self.app_token:
            self.refused_sockets += 1
            raise ApiError("invalid_auth")
        return {"url": f"ws{self.origin.removeprefix('http')}/socket?ticket={next(self._numbers)}"}

    def _oauth(self, request: web.Request, args: JSON) -> JSON:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        given = request.headers.get("Authorization")
        if given != f"Basic {basic}" and args.get("client_secret") != CLIENT_SECRET:
            raise ApiError("invalid_client_id")
        team = self.codes.pop(str(args.get("code")), None)
        if team is None:
            raise ApiError("invalid_code")
        self.teams[team.id] = team
        return {
            "access_token": team.bot_token,
            "token_type": "bot",
            "scope": ",".join(sorted(team.scopes)),
            "bot_user_id": team.bot_user,
            "app_id": "A1",
            "team": None if team.organisation else {"id": team.id, "name": team.id},
            "enterprise": {"id": team.organisation} if team.organisation else None,
            "is_enterprise_install": bool(team.organisation),
            "authed_user": {"id": "U1"},
        }

    async def _upload(self, request: web.Request) -> web.Response:
        file = self.teams[request.match_info["team"]].files[request.match_info["file"]]
        file.content = await request.read()
        return web.Response(text="OK - 0")

    async def _download(self, request: web.Request) -> web.Response:
        team = self.teams[request.match_info["team"]]
        if request.headers.get("Authorization") != f"Bearer {team.bot_token}":
            return web.Response(status=302, headers={"Location": f"{self.origin}/sign-in"})
        file = team.files[request.match_info["file"]]
        if file.held is not None:
            await file.held.wait()
        return web.Response(body=file.content, content_type=file.mimetype)

    async def _respond(self, request: web.Request) -> web.Response:
        posted = self.responses.setdefault(request.match_info["id"], [])
        if len(posted) >= 5:
            return web.Response(status=404, text="used_url")
        body = await request.json()
        try:
            check_blocks(body.get("blocks") or [])
        except ApiError:
            return web.Response(status=400, text="invalid_blocks")
        posted.append(body)
        return web.Response(text="ok")

    def response_url(self) -> str:
        number = str(next(self._numbers))
        self.responses[number] = []
        return f"{self.origin}/response/{number}"

    def bodies(self, response_url: str) -> list[JSON]:
        """What was posted to a response URL."""
        return self.responses[response_url.rsplit("/", 1)[1]]

    def responded(self, response_url: str) -> list[str]:
        """The texts posted to a response URL."""
        posted = self.bodies(response_url)
        return [str(body.get("text") or body.get("markdown_text")) for body in posted]

    # ---------------------------------------------------------------- events

    async def send(self, kind: str, payload: JSON) -> Envelope:
        """Deliver an event, a command or an interaction; returns when the app acknowledged it."""
        envelope = Envelope(f"envelope-{next(self._numbers)}", kind, payload)
        self.envelopes[envelope.id] = envelope
        if self.loses_events:
            return envelope
        if self.http is not None:
            await self.http.deliver(envelope)
        else:
            await self._over_socket(envelope)
            await envelope.acked.wait()
        return envelope

    async def redeliver(self, envelope: Envelope) -> None:
        """Deliver the same once more, as after an acknowledgement that was lost."""
        envelope.acked.clear()
        if self.http is not None:
            await self.http.deliver(envelope)
        else:
            await self._over_socket(envelope)
            await envelope.acked.wait()

    async def disconnect(self, *, reason: str = "refresh_requested") -> None:
        """Ask the app to connect anew, and wait until it has."""
        before = len(self.sockets)
        await self.sockets[-1].send_json({"type": "disconnect", "reason": reason})
        await until(lambda: len(self.sockets) != before)

    async def _over_socket(self, envelope: Envelope) -> None:
        socket = self.sockets[-1] if self.sockets else None
        if socket is None or socket.closed:
            self._unsent.append(envelope)
            return
        envelope.tries += 1
        message: JSON = {
            "envelope_id": envelope.id,
            "type": envelope.type,
            "payload": envelope.payload,
            "accepts_response_payload": envelope.type != "events_api",
        }
        if envelope.type == "events_api":
            message |= {"retry_attempt": envelope.tries - 1, "retry_reason": ""}
        with contextlib.suppress(ConnectionError):
            await socket.send_json(message)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        ticket = request.query["ticket"]
        used, self.broken_sockets = ticket in self._tickets, self.broken_sockets - 1
        self._tickets.add(ticket)
        if used or self.broken_sockets >= 0:
            raise web.HTTPForbidden
        await socket.prepare(request)
        if not self.socket_mode:
            self.refused_sockets += 1
            await socket.send_json({"type": "disconnect", "reason": "link_disabled"})
            await socket.close()
            return socket
        await socket.send_json({"type": "hello", "num_connections": 1})
        self.sockets.append(socket)
        waiting, self._unsent = self._unsent, []
        for envelope in waiting:
            await self._over_socket(envelope)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self._acknowledge(json.loads(message.data))
        return socket

    def _acknowledge(self, ack: JSON) -> None:
        envelope = self.envelopes[ack["envelope_id"]]
        envelope.ack = ack.get("payload") or {}
        envelope.acked.set()


class HttpEvents:
    """Events by signed HTTP requests, tried again where the app does not answer with 200."""

    def __init__(self, url: str, signing_secret: str) -> None:
        self.url = url
        self.secret = signing_secret
        self.statuses: list[int] = []
        self.skew = 0
        """Seconds that Slack's clock is off."""

    async def deliver(self, envelope: Envelope) -> None:
        """Post it, three times at most."""
        for attempt in range(3):
            status, answer = await self.post(envelope, attempt)
            self.statuses.append(status)
            if status == 200:
                envelope.ack = _json_or_text(answer)
                envelope.acked.set()
                return

    async def post(self, envelope: Envelope, attempt: int = 0) -> tuple[int, str]:
        """One signed request; the status and the body of its answer."""
        if envelope.type == "events_api":
            body, kind = json.dumps(envelope.payload), "application/json"
        else:
            form = envelope.payload
            if envelope.type == "interactive":
                form = {"payload": json.dumps(envelope.payload)}
            body, kind = urllib.parse.urlencode(form), "application/x-www-form-urlencoded"
        stamp = str(int(time.time()) + self.skew)
        signed = f"v0:{stamp}:{body}".encode()
        digest = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
        }
        if attempt:
            headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": "http_error"}
        timeout = aiohttp.ClientTimeout(total=ACK_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(self.url, data=body.encode(), headers=headers) as response,
        ):
            return response.status, await response.text()


def _json_or_text(answer: str) -> JSON:
    try:
        return dict(json.loads(answer))
    except ValueError:
        return {"text": answer} if answer else {}


async def _arguments(request: web.Request) -> JSON:
    if request.content_type == "application/json":
        args = await request.json()
        return dict(args)
    posted: dict[str, Any] = {**request.query, **await request.post()}
    for name in ("blocks", "files", "metadata"):
        if isinstance(posted.get(name), str):
            posted[name] = json.loads(posted[name])
    return posted


__all__ = ["APP_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "HttpEvents", "LoopbackSlack", "Message"]
