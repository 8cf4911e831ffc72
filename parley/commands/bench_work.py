"""Runs `parley bench`."""

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from rich.console import Console

from bot.config import Settings
from bot.errors import ConfigError
from parley.bench.comparison import FULL, QUICK, Plan, compare
from parley.bench.machine import this_machine
from parley.bench.report import as_json, as_tables
from parley.failures import print_error

STOPPED = "Stopped before all was measured: there is no report."


@dataclass(frozen=True, slots=True)
class Chosen:
    """The command's options."""

    quick: bool = False
    as_json: bool = False
    model: str | None = None
    gguf: Path | None = None
    rounds: int | None = None
    verbose: bool = False


async def measure(settings: Settings, chosen: Chosen) -> None:
    """Measure, and print the report on stdout; what is being done goes to stderr. Raises
    ConfigError and ModelError."""
    if chosen.gguf is not None and chosen.quick:
        raise ConfigError("--quick measures no other programs: leave out --gguf, or --quick.")
    if chosen.model is not None:
        section = settings.model.model_copy(update={"name": chosen.model})
        settings = settings.model_copy(update={"model": section})
    plan = _plan(chosen)
    progress = Console(stderr=True, highlight=False)
    try:
        machine = await asyncio.to_thread(this_machine)
        with progress.status("Starting", spinner="line") as status:
            results = await compare(
                settings, plan, lambda what: status.update(what), verbose=chosen.verbose
            )
    except asyncio.CancelledError:  # Ctrl-C, or SIGTERM
        print_error(STOPPED)
        raise
    if chosen.as_json:
        typer.echo(json.dumps(as_json(results, machine, plan), indent=2))
    else:
        Console(highlight=False).print(as_tables(results, machine, plan))


def _plan(chosen: Chosen) -> Plan:
    plan = QUICK if chosen.quick else FULL
    if chosen.rounds is not None:
        plan = replace(plan, rounds=chosen.rounds)
    return replace(plan, gguf=str(chosen.gguf.absolute()) if chosen.gguf is not None else "")
