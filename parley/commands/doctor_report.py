"""What `parley doctor` does: all checks, and how their results are shown."""

import asyncio
import json
from collections.abc import Iterable, Sequence
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


async def check_up(config: Path | None, *, as_json: bool) -> int:
    """Check everything and print it; how many checks failed."""
    results = await all_checks(config)
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False))
    else:
        show(results, Console(highlight=False))
    return sum(result.state is State.FAILED for result in results)


async def all_checks(config: Path | None) -> list[Result]:
    """Every check that the settings allow: without readable settings, what does not need them."""
    results = [check_python(), *check_packages()]
    try:
        settings = load(config)
    except ConfigError as error:
        results += [
            Result("Settings", "file", State.FAILED, line, "Correct it; the rest is not checked.")
            for line in str(error).splitlines()
        ]
        return [*results, *check_driver(Machine(), needed=False), check_oneapi(Machine())]
    results.append(Result("Settings", "file", State.OK, "can be read"))
    groups = await asyncio.gather(
        _model(settings),
        _database(settings),
        check_discord(settings.discord),
        check_slack(settings.slack),
    )
    return [*results, *(result for group in groups for result in group)]


async def _model(settings: Settings) -> list[Result]:
    """The way from the driver to the model."""
    section = settings.model
    if section.backend == "openai":
        return await backends.check_servers(settings)
    if section.backend == "scripted":
        return [Result(backends.AREA, "scripted", State.OK, "chosen; it runs no model")]
    found = await choosing.chosen(settings)
    python = interpreter(settings)
    probes = await asyncio.gather(
        *(probe(name, python, section.environment) for name in backends.LIBRARIES)
    )
    taken = found.settings.model
    needed = backends.wants_intel_gpu(section)
    said = [backends.check_choice(found, section)] if found.reason or found.error else []
    return [
        *check_driver(Machine(), needed=needed),
        check_oneapi(Machine()),
        *said,
        *(backends.check_library(one, taken) for one in probes),
        *backends.check_devices(probes),
        *await asyncio.to_thread(_on_device, settings, taken, probes),
    ]


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


def show(results: Iterable[Result], console: Console) -> None:
    """A table: a sign, what was checked, what was found, and below it the remedy."""
    table = Table("", "", "", "", box=None, pad_edge=False, show_header=False)
    table.columns[3].overflow = "fold"
    area = ""
    for result in results:
        sign, style = SIGNS[result.state]
        shown = result.area if result.area != area else ""
        area = result.area
        text = Text(result.detail, style="dim" if result.state is State.SKIPPED else "")
        if result.remedy:
            text.append(f"\n→ {result.remedy}", style="bold")
        table.add_row(Text(sign, style=style), Text(shown, style="bold"), Text(result.what), text)
    console.print(table)
