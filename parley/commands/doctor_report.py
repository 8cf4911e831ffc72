"""What `parley doctor` does: all checks, and how their results are shown."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.discord.checkup import check_discord
from adapters.slack.checkup import check_slack
from bot.checks import Result, State
from bot.config import ModelSettings, Settings, load
from bot.errors import ConfigError, ParleyError
from bot.models.choose import interpreter
from parley.doctor import backends
from parley.doctor import choose as choosing
from parley.doctor import fit as fitting
from parley.doctor.machine import Machine, check_driver, check_oneapi
from parley.doctor.packages import check_packages, check_python
from parley.doctor.probe import Probe, probe
from storage.inspection import inspect_database

SIGNS = {
    State.OK: ("✓", "green"),
    State.WARNING: ("!", "yellow"),
    State.FAILED: ("✗", "red"),
    State.SKIPPED: ("–", "dim"),
}


_WIDTHS = (1, 10, 24)
"""Characters of the columns before the last, which takes the rest."""


class Findings:
    """Collects the results of the checks and shows each one as soon as it is there.

    On a terminal, a line on standard error says meanwhile what is being examined.
    """

    def __init__(self, *, show: bool) -> None:
        self.results: list[Result] = []
        self._out = Console(highlight=False) if show else None
        waiting = Console(stderr=True)
        drawable = show and waiting.is_terminal and not waiting.is_dumb_terminal
        self._status = waiting.status("", spinner_style="dim") if drawable else None

    @contextmanager
    def examining(self, what: str) -> Iterator[None]:
        """Show `what` is examined while the body runs."""
        if self._status is None:
            yield
            return
        self._status.update(Text(f"{what} …", style="dim"))
        self._status.start()
        try:
            yield
        finally:
            self._status.stop()

    def add(self, results: Iterable[Result]) -> None:
        """Add and show `results`. Not to be called within `examining`, whose line is in the way."""
        for result in results:
            if self._out is not None:
                previous = self.results[-1].area if self.results else ""
                show(result, self._out, with_area=result.area != previous)
            self.results.append(result)


async def check_up(config: Path | None, *, as_json: bool) -> int:
    """Check everything and print it; how many checks failed."""
    results = await all_checks(config, Findings(show=not as_json))
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False))
    return sum(result.state is State.FAILED for result in results)


async def all_checks(config: Path | None, findings: Findings) -> list[Result]:
    """Every check that the settings allow: without readable settings, what does not need them."""
    findings.add([check_python(), *check_packages()])
    try:
        settings = load(config)
    except ConfigError as error:
        findings.add(
            Result("Settings", "file", State.FAILED, line, "Correct it; the rest is not checked.")
            for line in str(error).splitlines()
        )
        findings.add([*check_driver(Machine(), needed=False), check_oneapi(Machine())])
        return findings.results
    findings.add([Result("Settings", "file", State.OK, "can be read")])
    async with asyncio.TaskGroup() as tasks:
        others = {
            "Examining the database": tasks.create_task(_database(settings)),
            "Asking Discord": tasks.create_task(check_discord(settings.discord)),
            "Asking Slack": tasks.create_task(check_slack(settings.slack)),
        }
        await _model(settings, findings)
        for what, task in others.items():
            with findings.examining(what):
                results = await task
            findings.add(results)
    return findings.results


async def _model(settings: Settings, findings: Findings) -> None:
    """The way from the driver to the model."""
    section = settings.model
    if section.backend == "openai":
        with findings.examining("Asking the model server"):
            results = await backends.check_servers(settings)
        findings.add(results)
        return
    if section.backend == "scripted":
        findings.add([Result(backends.AREA, "scripted", State.OK, "chosen; it runs no model")])
        return
    findings.add(check_driver(Machine(), needed=backends.wants_intel_gpu(section)))
    findings.add([check_oneapi(Machine())])
    with findings.examining("Choosing the back end"):
        found = await choosing.chosen(settings)
    taken = found.settings.model
    if found.reason or found.error:
        findings.add([backends.check_choice(found, section)])
    probes = await _probed(settings, taken, findings)
    findings.add(backends.check_devices(probes))
    with findings.examining("Examining the model"):
        results = await asyncio.to_thread(_on_device, settings, taken, probes)
    findings.add(results)


async def _probed(settings: Settings, taken: ModelSettings, findings: Findings) -> list[Probe]:
    """What each library finds. They are asked at once, and shown in order."""
    python, passed_on = interpreter(settings), settings.model.environment
    probes = []
    async with asyncio.TaskGroup() as tasks:
        asked = {
            name: tasks.create_task(probe(name, python, passed_on)) for name in backends.LIBRARIES
        }
        for name, task in asked.items():
            with findings.examining(f"Asking {name} for its devices"):
                probes.append(await task)
            findings.add([backends.check_library(probes[-1], taken)])
    return probes


def _on_device(settings: Settings, taken: ModelSettings, probes: Sequence[Probe]) -> list[Result]:
    """The device that is chosen, and the model on it. `taken` is ``[model]`` with the back end and
    the device that a start would take."""
    results, folder = fitting.check_model(settings)
    chosen = next((found for found in probes if found.library == taken.backend), None)
    if chosen is None or chosen.error:
        return results
    # Named as the settings have it, though the demo model's "auto" may mean the CPU.
    what = f"[model] device = {settings.model.device}"
    on_device = replace(backends.check_device(chosen, taken), what=what)
    device = backends.device_for(chosen, taken.device)
    if folder is not None and device is not None:
        refused = fitting.check_weights(folder, taken, chosen.library, device)
        fits = refused or fitting.check_fit(folder, taken, chosen.library, device)
        results.append(fits)
    return [on_device, *results]


async def _database(settings: Settings) -> list[Result]:
    try:
        found = await inspect_database(settings.database_url)
    except ParleyError as error:
        detail, _, remedy = str(error).rpartition("; ")
        remedy = f"{remedy[:1].upper()}{remedy[1:]}."
        return [Result("Database", "storage", State.FAILED, detail or remedy, remedy)]
    return [Result("Database", "storage", State.OK, found)]


# ---------------------------------------------------------------- showing


def show(result: Result, console: Console, *, with_area: bool) -> None:
    """One line: a sign, what was checked, what was found, and below it the remedy."""
    sign, style = SIGNS[result.state]
    text = Text(result.detail, style="dim" if result.state is State.SKIPPED else "")
    if result.remedy:
        text.append(f"\n→ {result.remedy}", style="bold")
    table = Table("", "", "", "", box=None, pad_edge=False, show_header=False)
    for column, width in zip(table.columns, _WIDTHS, strict=False):
        column.width = width
        column.overflow = "fold"
    table.columns[3].overflow = "fold"
    area = Text(result.area if with_area else "", style="bold")
    table.add_row(Text(sign, style=style), area, Text(result.what), text)
    console.print(table)
    console.file.flush()
