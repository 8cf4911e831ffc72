"""The work of `parley service`, and what it prints."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import typer

from parley import options
from parley.service.choose import service_account, service_manager
from parley.service.manager import ServiceManager, ServiceState
from parley.service.plan import make_plan
from parley.service.programs import show


async def install(config: Path | None, *, system: bool = False, user: str = "") -> None:
    """Install the service for the settings file `config` (None: the one that is found), start it,
    and print what it is and where to look. `system` and `user` are those of the command. Raises
    ConfigError where that is not possible; then nothing is installed."""
    manager = service_manager(system=system)
    account = service_account(system=system, user=user)
    plan = make_plan(config, account, own=not system)
    notes = await manager.install(plan)
    typer.echo(f"Installed and started: {manager.name}, with the settings of {plan.config}")
    for note in (*plan.notes, *notes):
        typer.echo(note)
    option = " --system" if system else ""
    typer.echo(f"See how it does with: parley service status{option}")


async def status(*, system: bool | None, as_json: bool) -> None:
    """Print the state of the service. Exits with code 1 where it does not run. Raises
    ConfigError."""
    manager = service_manager(system=system)
    state = await manager.state()
    if as_json:
        typer.echo(json.dumps({"service": manager.name, "log": manager.log, **asdict(state)}))
    else:
        for label, text in _lines(manager, state):
            typer.echo(f"{label:<12}{text}")
    if not state.running:
        raise typer.Exit(1)


async def logs(*, system: bool | None, follow: bool, lines: int) -> None:
    """Show the service's log, and exit with the code of the program that shows it. Raises
    ConfigError."""
    code = await show(*service_manager(system=system).show_log(follow=follow, lines=lines))
    if code:
        raise typer.Exit(code)


async def remove(*, system: bool | None, yes: bool) -> None:
    """Remove the service, after a question. Raises ConfigError."""
    manager = service_manager(system=system)
    if not (await manager.state()).installed:
        typer.echo("No service is installed.")
        return
    options.confirm(f"Stop Parley and remove the {manager.name}?", yes=yes)
    await manager.remove()
    typer.echo(f"Removed: {manager.name}. Conversations, models and settings are still there.")


def _lines(manager: ServiceManager, state: ServiceState) -> Iterator[tuple[str, str]]:
    if not state.installed:
        yield "Service", "not installed (parley service install)"
        return
    yield "Service", manager.name
    yield "State", f"{'running' if state.running else 'not running'}: {state.state}"
    optional = {
        "Since": state.since,
        "Does": state.doing,
        "Process": str(state.pid or ""),
        "Last exit": state.last_exit,
        "Restarts": str(state.restarts or ""),
    }
    yield from ((label, text) for label, text in optional.items() if text)
    yield "Starts", "by itself" if state.at_start else "not by itself"
    yield "Log", manager.log
