"""What a set-up meets: Discord, Slack and Ollama on the loopback interface, and an empty home."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from bot.clock import SystemClock
from tests.discord_loopback import TOKEN as DISCORD_TOKEN
from tests.discord_loopback import Channel, Loopback
from tests.parley.parley_program import MAIN, REPOSITORY
from tests.slack_loopback import APP_TOKEN, LoopbackSlack
from tests.terminal import TerminalProgram

OLLAMA_MODEL = "qwen3:8b"


class FakeOllama:
    """The requests of Ollama's API that a set-up makes."""

    def __init__(self) -> None:
        self.models = [(OLLAMA_MODEL, ["completion", "tools"]), ("all-minilm:22m", ["embedding"])]
        self.host = ""
        """As the variable OLLAMA_HOST has it."""

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator["FakeOllama"]:
        ollama = cls()
        app = web.Application()
        app.router.add_get("/v1/models", ollama._models)
        app.router.add_get("/api/tags", ollama._tags)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ollama.host = f"127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield ollama
        finally:
            await runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://{self.host}/v1"

    async def _models(self, _: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model", "owned_by": "library"} for name, _ in self.models]
        return web.json_response({"object": "list", "data": listed})

    async def _tags(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"models": [{"name": name, "capabilities": can} for name, can in self.models]}
        )


@dataclass
class Scene:
    """An empty home, and the platforms around it."""

    home: Path
    discord: Loopback
    slack: LoopbackSlack
    ollama: FakeOllama
    general: Channel
    more: dict[str, str] = field(default_factory=dict)
    """Further environment variables."""

    @property
    def slack_token(self) -> str:
        return self.slack.team.bot_token

    @property
    def config(self) -> Path:
        return self.home / "config" / "parley" / "config.toml"

    @property
    def secrets(self) -> Path:
        return self.config.with_name("secrets.toml")

    @property
    def environment(self) -> dict[str, str]:
        """Everything that the program sees: the addresses of the loopbacks, no token."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "HF_HUB_CACHE": str(self.home / "hub"),
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUTF8": "1",
            "OLLAMA_HOST": self.ollama.host,
            "PARLEY_DISCORD__API_URL": self.discord.api_url,
            "PARLEY_DISCORD__GATEWAY_URL": self.discord.gateway.url,
            "PARLEY_SLACK__BASE_URL": self.slack.url,
            **self.more,
        }

    def setup(self, *options: str, columns: int = 100, lines: int = 40) -> TerminalProgram:
        """Start `parley setup` in a terminal."""
        command = [*MAIN, "setup", *options]
        return TerminalProgram(command, self.environment, columns=columns, lines=lines)


@asynccontextmanager
async def scene(home: Path) -> AsyncIterator[Scene]:
    """The loopbacks run while the body does; `home` is empty."""
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(Loopback.open())
        slack = await stack.enter_async_context(LoopbackSlack(SystemClock()))
        ollama = await stack.enter_async_context(FakeOllama.open())
        discord.rest.flags = 1 << 19
        slack.team.channel("C000001")
        yield Scene(home, discord, slack, ollama, discord.world.channel("general"))


__all__ = ["APP_TOKEN", "DISCORD_TOKEN", "OLLAMA_MODEL", "FakeOllama", "Scene", "scene"]
