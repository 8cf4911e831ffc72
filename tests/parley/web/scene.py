"""A web server as `parley run` has it, beside an engine with a scripted generator."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from yarl import URL

from bot.clock import Clock, SystemClock
from bot.config import Settings, load
from bot.delivery import Delivery
from bot.engine import Engine
from bot.engine.job import Job
from bot.engine.models import ModelSlots
from bot.messages import ConversationKey, Person, Question
from bot.observer import PlatformConnected
from bot.ports import Store, SurfaceLimits
from parley.app import Parley, engine_options
from parley.web.live import Live
from parley.web.server import serving_web
from storage.in_memory import MemoryStore
from tests.fake_surface import FakeSurface
from tests.scripted_generator import ScriptedGenerator

PASSWORD = "correct horse battery staple"
HASH = (
    "$argon2id$v=19$m=8,t=1,p=1$g45p2YZfUMfAe1FTeCRUPQ$un6AH1qRzFTavI+8Fb41k5nbdcJj1TmSbuykJIiu5Ak"
)
"""Of PASSWORD, with the least memory and time, so that tests are quick."""

SECRET_CHANNEL, SECRET_NAME = "channel-4711", "Anastasia"


def web_settings(folder: Path, **changes: str) -> Settings:
    """Settings with the server on a free port; `changes` are those of ``[web]``."""
    variables = {
        "PARLEY_STORAGE__URL": f"sqlite:///{folder / 'parley.sqlite3'}",
        "PARLEY_WEB__LISTEN": "127.0.0.1:0",
        "PARLEY_WEB__PASSWORD_HASH": HASH,
    }
    return load(None, variables | {f"PARLEY_WEB__{key.upper()}": changes[key] for key in changes})


class Browser:
    """A client that keeps cookies and follows no redirect."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def ask(
        self, method: str, path: str, data: dict[str, str] | None = None, **headers: str
    ) -> aiohttp.ClientResponse:
        """Send a request; ``_`` in the names of `headers` stands for ``-``. The body is read."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self._session.request(
            method, self.url + path, data=data, headers=named, allow_redirects=False
        )
        await response.read()
        return response

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        return await self.ask("GET", path, None, **headers)

    async def post(
        self, path: str, data: dict[str, str] | None = None, **headers: str
    ) -> aiohttp.ClientResponse:
        return await self.ask("POST", path, data, **headers)

    async def csrf(self, path: str = "/login") -> str:
        """The CSRF token of the forms on a page."""
        found = re.search(r'name="csrf" value="(\w+)"', await (await self.get(path)).text())
        assert found
        return found[1]

    async def log_in(self, password: str = PASSWORD) -> aiohttp.ClientResponse:
        data = {"csrf": await self.csrf(), "password": password}
        return await self.post("/login", data)

    def plant(self, name: str, value: str) -> None:
        """Put a cookie into the browser, as somebody might who can."""
        self._session.cookie_jar.update_cookies({name: value}, URL(self.url))

    def cookies(self) -> dict[str, str]:
        return {cookie.key: cookie.value for cookie in self._session.cookie_jar}


@dataclass
class Scene:
    """The server, and what it looks at."""

    live: Live
    url: str
    store: Store
    generator: ScriptedGenerator
    stack: AsyncExitStack
    surface: FakeSurface
    asked: int = 0

    async def browser(self) -> Browser:
        """A new browser without cookies."""
        jar = aiohttp.CookieJar(unsafe=True)  # keeps cookies of IP addresses, too
        session = await self.stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        return Browser(self.url, session)

    async def ask(self, text: str = "how are you") -> Job:
        assert self.live.parley is not None
        self.asked += 1
        where = ConversationKey("discord", SECRET_CHANNEL, workspace="guild")
        person = Person("discord", "42", SECRET_NAME)
        question = Question(where, person, text, f"event {self.asked}")
        job = await self.live.parley.engine.ask(question, self.surface)
        assert job is not None
        return job

    async def answer(self, text: str = "how are you") -> None:
        await (await self.ask(text)).ended()


@asynccontextmanager
async def web_scene(
    settings: Settings,
    *,
    store: Store | None = None,
    generator: ScriptedGenerator | None = None,
    clock: Clock | None = None,
    loaded: bool = True,
    engine_clock: Clock | None = None,
    further: dict[str, ModelSlots] | None = None,
) -> AsyncIterator[Scene]:
    """A server with `settings`; with ``loaded=False`` the model is still being loaded."""
    store = store or MemoryStore()
    generator = generator or ScriptedGenerator()
    live = Live(settings, ["Discord"])
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving_web(live, clock))
        if loaded:
            engine_clock = engine_clock or SystemClock()
            delivery = Delivery(engine_clock, store, edit_interval=0, observer=live.observers)
            engine = Engine(
                generator,
                store,
                delivery,
                engine_clock,
                engine_options(settings),
                live.observers,
                further,
            )
            await stack.enter_async_context(engine)
            live.parley = Parley(engine, store, generator)
            live.observers.observe(PlatformConnected("discord"))
        limits = SurfaceLimits(1900, edits_per_second=1e4, burst=10_000)
        surface = FakeSurface(SystemClock(), limits)
        yield Scene(live, url, store, generator, stack, surface)
