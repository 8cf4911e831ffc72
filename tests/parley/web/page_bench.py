"""The operator's page of a Parley that answers in memory, reached over the loopback interface."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
from aiohttp.test_utils import TestServer

from bot.clock import SystemClock
from bot.config import Settings
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.job import Job
from bot.engine.window import WindowOptions
from bot.messages import ConversationKey, Person, Question, Sampling
from bot.ports import Quota, Store, SurfaceLimits
from parley.app import Parley
from parley.history import History
from parley.web.app import create_app
from parley.web.forms import SESSION_COOKIE
from parley.web.live import Live
from parley.web.state import STATE
from storage.in_memory import MemoryStore
from tests.fake_surface import FakeSurface
from tests.scripted_generator import ScriptedGenerator

GENERAL = ConversationKey("discord", "10", workspace="1")
ANA = Person("discord", "1", "Ana")
BEN = Person("slack", "2", "Ben")


@dataclass
class Scene:
    """A running Parley with its page."""

    live: Live
    engine: Engine
    store: Store
    generator: ScriptedGenerator
    history: History
    url: str
    session: str
    """The token of a session."""
    http: aiohttp.ClientSession
    questions: int = 0
    surfaces: list[FakeSurface] = field(default_factory=list)

    async def ask(self, text: str, by: Person = ANA, where: ConversationKey = GENERAL) -> Job:
        self.questions += 1
        limits = SurfaceLimits(1900, edits_per_second=1e4, burst=10_000)
        number = f"{self.questions}"
        job = await self.engine.ask(
            Question(where, by, text, number, number), FakeSurface(SystemClock(), limits)
        )
        assert job is not None
        return job

    async def answer(self, text: str, by: Person = ANA, where: ConversationKey = GENERAL) -> Job:
        job = await self.ask(text, by, where)
        await job.ended()
        await self.history.save()
        return job

    async def get(self, path: str, *, logged_in: bool = True) -> str:
        """The page at `path`; it has to be there."""
        status, text = await self.fetch(path, logged_in=logged_in)
        assert status == 200, (path, status, text)
        return text

    async def fetch(self, path: str, *, logged_in: bool = True) -> tuple[int, str]:
        async with self.http.get(
            self.url + path, cookies=self._cookies(logged_in), allow_redirects=False
        ) as response:
            return response.status, await response.text()

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        """Send a form, with the session and the token of a page that was opened before."""
        found = re.search(r'name="csrf" value="(\w+)"', await self.get("/settings"))
        assert found is not None
        return await self.send(path, form | {"csrf": found[1]})

    async def send(
        self, path: str, form: dict[str, str], *, logged_in: bool = True
    ) -> tuple[int, str]:
        """Send a form as it is."""
        async with self.http.post(
            self.url + path, data=form, cookies=self._cookies(logged_in), allow_redirects=False
        ) as response:
            return response.status, await response.text()

    def _cookies(self, logged_in: bool) -> dict[str, str]:
        return {SESSION_COOKIE: self.session} if logged_in else {}


@asynccontextmanager
async def a_scene(
    *,
    paced: bool = False,
    store: Store | None = None,
    settings: Settings | None = None,
    reply: str = "So be it.",
) -> AsyncIterator[Scene]:
    clock, store = SystemClock(), store or MemoryStore()
    live = Live(
        settings or Settings.model_validate({"web": {"listen": "127.0.0.1:0"}}), ["Discord"]
    )
    generator = ScriptedGenerator(lambda _: reply, paced=paced)
    history = History(store, lambda: datetime.now(UTC), "scripted", live.observers)
    engine = Engine(
        generator,
        store,
        Delivery(clock, store, edit_interval=0.0, max_messages=8, tag=store.tag),
        clock,
        EngineOptions(
            window=WindowOptions("Be brief.", True, Sampling(max_new_tokens=100)),
            slots=2,
            queue=20,
            queue_per_person=20,
            quota=Quota(),
            question_characters=1000,
            checkpoint_interval=60.0,
        ),
        history,
    )
    async with engine:
        live.parley = Parley(engine, store, generator)
        app = create_app(live, clock)
        server = TestServer(app, host="127.0.0.1")
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http, server:
            url = f"http://127.0.0.1:{server.port}"
            session = app[STATE].sessions.open()
            yield Scene(live, engine, store, generator, history, url, session, http)
