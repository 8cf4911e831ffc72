"""The doctor's findings on the operator's page.

The checks are `parley doctor` in a process of its own: they import much that a server rarely needs,
and would keep some 15 MB of its memory.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from bot.checks import Result, State
from bot.config import Settings
from parley.python_process import ProcessFailed, result_of
from parley.web.state import STATE

logger = logging.getLogger(__name__)

PATIENCE = 600.0
"""Seconds after which the checks are ended."""


def register(app: web.Application) -> None:
    """Add the handlers."""
    app[DOCTOR] = Doctor(app[STATE].live.settings)
    app.on_cleanup.append(_stop_doctor)
    app.router.add_get("/doctor", doctor)
    app.router.add_post("/doctor", examine)


@dataclass(slots=True)
class Doctor:
    """Runs the checks of `parley doctor` in the background, once at a time."""

    of: Settings
    results: list[Result] = field(default_factory=list)
    at: datetime | None = None
    """When the results were complete."""
    failed: bool = False
    """Whether the last run was ended by a defect."""
    task: "asyncio.Task[None] | None" = None

    @property
    def running(self) -> bool:
        """Whether the checks run now."""
        return self.task is not None and not self.task.done()

    def examine(self) -> None:
        """Begin the checks, unless they run already."""
        if not self.running:
            self.task = asyncio.create_task(self._run(), name="doctor")

    async def _run(self) -> None:
        file = ["--config", str(self.of.file)] if self.of.file else []
        command = ("-m", "parley", "doctor", "--json", *file)
        try:
            self.results = _results(await result_of(*command, seconds=PATIENCE))
            self.failed = False
        except (ProcessFailed, LookupError, TypeError, ValueError) as error:
            self.failed = True
            logger.error("the doctor's checks failed: %s", error)
        self.at = datetime.now(UTC)

    async def stop(self) -> None:
        """End the checks, if they run."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])


def _results(found: Any) -> list[Result]:
    """What ``parley doctor --json`` printed."""
    return [Result(**{**one, "state": State(one["state"])}) for one in found]


DOCTOR: web.AppKey[Doctor] = web.AppKey("doctor", Doctor)


async def _stop_doctor(app: web.Application) -> None:
    await app[DOCTOR].stop()


async def doctor(request: web.Request) -> web.Response:
    """The doctor's last findings."""
    found = request.app[DOCTOR]
    return await request.app[STATE].render(request, "doctor.html", {"doctor": found})


async def examine(request: web.Request) -> web.Response:
    """Begin the checks, and show the page again."""
    request.app[DOCTOR].examine()
    raise web.HTTPSeeOther("/doctor")
