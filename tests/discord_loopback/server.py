"""The loopback Discord as a server, and what people do in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from aiohttp import web

from tests.discord_loopback.gateway import Gateway
from tests.discord_loopback.rest import Rest, Trouble
from tests.discord_loopback.world import (
    BOT,
    GUILD,
    Channel,
    Interaction,
    Message,
    User,
    World,
    new_id,
    now,
)

MODAL = 9


class Loopback:
    """A running loopback Discord. `Loopback.open` starts it on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.world = World()
        self.gateway = Gateway(self.world)
        self.rest = Rest(self.world, self.gateway)
        self.files: dict[str, bytes] = {}
        self.api_url = ""

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        loopback = cls()
        api = web.Application(middlewares=[loopback.rest.watched])
        api.add_routes(loopback.rest.routes())
        api.router.add_get("/files/{name}", loopback._file)
        root = web.Application()
        root.add_subapp("/api/v10", api)
        root.router.add_get("/gateway/ws", loopback.gateway.connect)
        runner = web.AppRunner(root, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        loopback.api_url = f"http://{host}:{port}/api/v10"
        loopback.gateway.url = f"ws://{host}:{port}/gateway/ws"
        try:
            yield loopback
        finally:
            await runner.cleanup()

    async def _file(self, request: web.Request) -> web.Response:
        data = self.files.get(request.match_info["name"])
        return web.Response(body=data) if data is not None else web.Response(status=404)

    # ------------------------------------------------------------ what people do

    async def say(
        self,
        channel: Channel,
        user: User,
        text: str,
        *,
        reply_to: Message | None = None,
        files: dict[str, bytes] | None = None,
        webhook: bool = False,
        ago: float = 0.0,
        **parts: Any,
    ) -> Message:
        """Post a message, `ago` seconds before now. `parts`: other fields of `Message`."""
        made = new_id(ago)
        message = Message(channel, user, text, made, replies_to=reply_to, webhook=webhook, **parts)
        message.attachments = [self._attached(name, data) for name, data in (files or {}).items()]
        self.world.messages[message.id] = message
        await self.gateway.dispatch("MESSAGE_CREATE", self._seen(message))
        return message

    async def tell(self, message: Message) -> None:
        """Deliver a message that was posted before."""
        await self.gateway.dispatch("MESSAGE_CREATE", self._seen(message))

    async def ask(self, channel: Channel, user: User, text: str) -> Message:
        """Post a message that mentions the bot."""
        return await self.say(channel, user, f"{BOT.mention} {text}")

    async def change(self, message: Message, text: str) -> None:
        """Edit a message."""
        message.content, message.edited = text, now()
        await self.gateway.dispatch("MESSAGE_UPDATE", self._seen(message))

    async def delete(self, message: Message) -> None:
        message.deleted = True
        data = {"id": message.id, "channel_id": message.channel.id}
        if not message.channel.direct_with:
            data["guild_id"] = str(GUILD)
        await self.gateway.dispatch("MESSAGE_DELETE", data)

    async def press(self, user: User, message: Message, action: str) -> Interaction:
        """Press a button below a message."""
        data = {"component_type": 2, "custom_id": message.custom_id(action)}
        extra = {"message": message.payload(self.world)}
        return await self._interact(user, message.channel, 3, data, extra)

    async def press_forged(self, user: User, channel: Channel, custom_id: str) -> Interaction:
        """Press a button with any id, below a message of the bot in `channel` that shows nothing
        else. Discord delivers such a press only for a message that the bot posted there itself."""
        button = {"type": 2, "style": 2, "label": "Forged", "custom_id": custom_id}
        message = Message(channel, BOT, "", components=[{"type": 1, "components": [button]}])
        data = {"component_type": 2, "custom_id": custom_id}
        extra = {"message": message.payload(self.world)}
        return await self._interact(user, channel, 3, data, extra)

    async def command(
        self, user: User, channel: Channel, name: str, /, *, sub: str = "", **options: Any
    ) -> Interaction:
        """Use a slash command."""
        kinds = {bool: 5, str: 3}
        values: list[dict[str, Any]] = [
            {"name": key, "type": kinds[type(value)], "value": value}
            for key, value in options.items()
        ]
        if sub:
            values = [{"name": sub, "type": 1, "options": values}]
        data = {"id": new_id(), "name": name, "type": 1, "options": values}
        return await self._interact(user, channel, 2, data)

    async def suggestions(
        self, user: User, channel: Channel, name: str, option: str, typed: str
    ) -> Interaction:
        """Type into an option of a slash command that is completed by the bot."""
        values = [{"name": option, "type": 3, "value": typed, "focused": True}]
        data = {"id": new_id(), "name": name, "type": 1, "options": values}
        return await self._interact(user, channel, 4, data)

    async def message_command(self, user: User, message: Message, name: str) -> Interaction:
        """Use a command of a message's menu."""
        found = {message.id: message.payload(self.world)}
        data = {
            "id": new_id(),
            "name": name,
            "type": 3,
            "target_id": message.id,
            "resolved": {"messages": found},
        }
        return await self._interact(user, message.channel, 2, data)

    async def submit(self, user: User, opened: Interaction, text: str) -> Interaction:
        """Fill in the window that an interaction opened."""
        assert opened.callback is not None
        assert opened.callback["type"] == MODAL
        window = opened.callback["data"]
        field = window["components"][0]["components"][0]
        row = {
            "type": 1,
            "components": [{"type": 4, "custom_id": field["custom_id"], "value": text}],
        }
        data = {"custom_id": window["custom_id"], "components": [row]}
        return await self._interact(user, opened.channel, 5, data)

    async def _interact(
        self,
        user: User,
        channel: Channel,
        kind: int,
        data: dict[str, Any],
        extra: dict[str, Any] | None = None,
    ) -> Interaction:
        interaction = Interaction(user, channel)
        self.rest.interactions[interaction.token] = interaction
        body: dict[str, Any] = {
            "id": interaction.id,
            "application_id": BOT.id,
            "type": kind,
            "token": interaction.token,
            "version": 1,
            "data": data,
            "channel": channel.payload(),
            "channel_id": channel.id,
            "locale": "en-US",
            "entitlements": [],
            "attachment_size_limit": 10_485_760,
            "app_permissions": str(self.world.rights(BOT, channel)),
            "authorizing_integration_owners": {},
            **(extra or {}),
        }
        if channel.direct_with:
            body["user"] = user.payload()
        else:
            body["guild_id"] = str(GUILD)
            rights = str(self.world.rights(user, channel))
            body["member"] = user.member() | {"user": user.payload(), "permissions": rights}
        await self.gateway.dispatch("INTERACTION_CREATE", body)
        return interaction

    # ------------------------------------------------------------ what goes wrong

    def trouble(self, method: str, status: int, times: int = 1, **how: Any) -> None:
        """Let the next requests for messages (of that method, "" any) fail."""
        self.rest.trouble.extend(Trouble(method, status, **how) for _ in range(times))

    def _seen(self, message: Message) -> dict[str, Any]:
        """The message as the bot's intents let it see it."""
        body = message.payload(self.world)
        reads_all = self.gateway.intents & (1 << 15)
        for_bot = BOT.mention in message.content or message.channel.direct_with
        replied = message.replies_to is not None and message.replies_to.author is BOT
        if not (reads_all or for_bot or replied):
            body["content"], body["attachments"], body["embeds"] = "", [], []
            body.pop("poll", None)
            body.pop("message_snapshots", None)
        return body

    def _attached(self, name: str, data: bytes) -> dict[str, Any]:
        self.files[name] = data
        return {
            "id": new_id(),
            "filename": name,
            "size": len(data),
            "url": f"{self.api_url}/files/{name}",
            "proxy_url": f"{self.api_url}/files/{name}",
            "content_type": "image/png" if name.endswith(".png") else "text/plain; charset=utf-8",
        }
