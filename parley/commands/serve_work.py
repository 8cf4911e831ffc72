"""Runs `parley run`: one adapter task for each platform that has a token."""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

import typer

from bot.clock import SystemClock
from bot.config import Settings
from bot.errors import ConfigError, ParleyError
from bot.generation import LoadProgress
from bot.observer import Event, PlatformConnected, PlatformLost
from parley.app import Parley, open_parley
from parley.locks import StatusFiles, instance_lock
from parley.platforms import configured_platforms
from parley.service.notify import Notifier
from parley.service.pulse import Pulse
from parley.service.readiness import Readiness

if TYPE_CHECKING:
    from parley.web.live import Live

logger = logging.getLogger(__name__)


class Serve(Protocol):
    """The function ``serve`` of ``adapters.<platform>.serve``."""

    async def __call__(
        self, parley: Parley, settings: Settings, *, ready: Callable[[str], None]
    ) -> None:
        """Answer on the platform until cancelled. Calls `ready` once, with a line about the
        connection, when it is connected. Raises ParleyError where it cannot go on."""
        ...


async def serve_platforms(settings: Settings, *, log_only: bool = False) -> None:
    """Answer on every platform that has a token, until cancelled. What it does is told to systemd
    and `parley health`, and on the terminal unless `log_only` or the log is JSON.

    Raises ConfigError where no platform has a token, Busy where another `parley run` serves one of
    them with this database, and the last platform's error when all have failed.
    """
    platforms = load_platforms(settings)
    notifier = Notifier()
    readiness = Readiness(platforms, notifier.ready)
    with instance_lock(settings, platforms) as files:
        pulse = Pulse(notifier, files, readiness, SystemClock())
        # Lines of text between the objects would spoil a log in JSON.
        plain = settings.log.format == "text" and not log_only
        say = typer.echo if plain else logger.info
        serving = _Serving(settings, files, readiness, notifier, say)
        await pulse.during(serving.run(platforms))


class _Serving:
    """Loads the model and serves the platforms, and says on the terminal, to systemd and in the
    status files how far that is."""

    def __init__(
        self,
        settings: Settings,
        files: StatusFiles,
        readiness: Readiness,
        notifier: Notifier,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._files = files
        self._readiness = readiness
        self._notifier = notifier
        self._live: Live | None = None
        self._say = say

    async def run(self, platforms: dict[str, Serve]) -> None:
        """Until cancelled. Raises what `serve_all` and `open_parley` raise."""
        if not self._settings.web.listen:
            await self._answer(platforms)
            return
        # Imported only here: the web server takes memory, and time to import.
        from parley.web.live import Live
        from parley.web.server import serving_web

        self._live = Live(self._settings, platforms)
        async with serving_web(self._live) as url:
            if url:
                self._say(f"Web server: {url}")
            await self._answer(platforms)

    async def _answer(self, platforms: dict[str, Serve]) -> None:
        name = self._settings.model.name
        self._say(f"Loading {name} …")
        self._notifier.status(f"Loading {name}")
        observer = self._live.observers if self._live else None
        async with open_parley(
            self._settings, on_progress=self._progress, observer=observer
        ) as parley:
            _spare_the_collector()
            with self._shown(parley):
                await self._serve(parley, platforms)

    @contextmanager
    def _shown(self, parley: Parley) -> Iterator[None]:
        """Let the web server show `parley` while the body runs."""
        if self._live:
            self._live.parley = parley
        try:
            yield
        finally:
            if self._live:
                self._live.parley = None

    async def _serve(self, parley: Parley, platforms: dict[str, Serve]) -> None:
        self._files.loaded(parley.engine.status.model)
        self._notifier.status(self._readiness.summary)
        await serve_all(
            parley, self._settings, platforms, ready=self._connected, failed=self._failed
        )

    def _progress(self, progress: LoadProgress) -> None:
        share = f" {100 * progress.done // progress.total} %" if progress.total else ""
        self._notifier.status(f"{progress.what}{share}")

    def _connected(self, platform: str, line: str) -> None:
        self._say(line)
        self._observe(PlatformConnected(platform.lower()))
        self._files.connected(platform, True)
        self._readiness.connected(platform)
        self._notifier.status(self._readiness.summary)

    def _failed(self, platform: str) -> None:
        self._observe(PlatformLost(platform.lower()))
        self._files.connected(platform, False)
        self._readiness.failed(platform)
        self._notifier.status(self._readiness.summary)

    def _observe(self, event: Event) -> None:
        if self._live:
            self._live.observers.observe(event)


def _spare_the_collector() -> None:
    """Let the garbage collector look no more at what was made by now and stays for good: a full
    collection of it stops the event loop for 50 to 100 ms."""
    gc.collect()
    gc.freeze()


def load_platforms(settings: Settings) -> dict[str, Serve]:
    """Import the adapters of the platforms that have a token, and only those. Raises ConfigError
    where there is none."""
    names = [name for name, on in configured_platforms(settings).items() if on]
    if not names:
        raise ConfigError(
            "No platform is configured. Set PARLEY_DISCORD__TOKEN, or PARLEY_SLACK__BOT_TOKEN and "
            "PARLEY_SLACK__APP_TOKEN, or let “parley setup” ask for them and say where they are. "
            "To try Parley without a platform: parley chat."
        )
    return {name: import_module(f"adapters.{name.lower()}.serve").serve for name in names}


async def serve_all(
    parley: Parley,
    settings: Settings,
    platforms: dict[str, Serve],
    *,
    ready: Callable[[str, str], None],
    failed: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve all platforms until cancelled. `ready` is called with the name of each platform that is
    connected and a line about the connection, `failed` with each that has failed. A platform that
    raises is logged and stopped, and the others continue. When all have failed, raises the last
    error in a group."""
    errors: list[Exception] = []

    async def serve_one(name: str, serve: Serve) -> None:
        try:
            await serve(parley, settings, ready=partial(ready, name))
        except ParleyError as error:
            errors.append(error)
            failed(name)
            if len(errors) < len(platforms):
                logger.error("%s stopped, the other platforms continue: %s", name, error)
        except Exception as error:  # a defect of one adapter ends no other
            errors.append(error)
            failed(name)
            logger.exception("%s stopped by a defect of Parley", name)

    async with asyncio.TaskGroup() as tasks:
        for name, serve in platforms.items():
            tasks.create_task(serve_one(name, serve), name=name)
    if errors:
        raise ExceptionGroup("all platforms have failed", errors[-1:])
