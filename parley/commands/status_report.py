"""What `parley status` says, and how it is shown."""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.config import Settings, load
from bot.errors import ConfigError, ModelError, StorageError
from bot.messages import ModelInfo
from bot.models.choose import interpreter
from bot.models.find import find_model
from parley.commands.serve_work import set_up
from parley.doctor.backends import device_for
from parley.doctor.choose import chosen
from parley.doctor.probe import Probe, probe
from parley.locks import Run, run_of
from parley.runtime import log_file
from storage.inspection import Kept, count_kept, name_of


@dataclass(frozen=True, slots=True)
class Model:
    """The model, and what a start would take to run it."""

    name: str
    folder: str
    """ "" where it is not on this machine."""
    backend: str
    """What would be taken; "auto" only where that cannot be told."""
    configured: str
    """As ``[model] backend`` has it."""
    reason: str
    """Why "auto" means that one; "" where the settings name one."""
    device: str
    """ "" where it is not known."""
    errors: tuple[str, ...]
    """Why it cannot run, a line each."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where conversations are, and how many."""

    name: str
    kept: Kept | None
    """None where nothing is kept yet, or where it cannot be read."""
    error: str


@dataclass(frozen=True, slots=True)
class Platform:
    """Discord or Slack."""

    name: str
    on: bool
    """The settings give a token for it."""
    run: Run | None
    """The `parley run` that serves it now with this database."""


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it. Paths are texts, so that JSON takes them."""

    settings: str
    """The file; "" where the defaults count."""
    model: Model
    database: Database
    converted: str
    """The folder of converted models."""
    log: str
    platforms: tuple[Platform, ...]


async def show_standing(config: Path | None, *, as_json: bool) -> None:
    """Print it. Raises ConfigError."""
    settings = load(config)
    found = await standing(settings)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        show(found, Console(highlight=False))


async def standing(settings: Settings) -> Standing:
    """Look. Nothing is loaded, written or made; no server and no platform is asked."""
    model, database = await asyncio.gather(_model(settings), _database(settings))
    return Standing(
        settings=str(settings.file or ""),
        model=model,
        database=database,
        converted=str(settings.cache_folder),
        log=str(log_file()),
        platforms=tuple(
            Platform(name, on, run_of(settings, name)) for name, on in set_up(settings).items()
        ),
    )


async def _model(settings: Settings) -> Model:
    section = settings.model
    if section.backend == "openai":
        where = ", ".join(section.openai.base_urls)
        name = section.openai.model or "the server's own"
        errors = () if where else ("[model.openai] base_urls names no server",)
        return Model(name, "", "openai", "openai", "", where, errors)
    if section.backend == "scripted":
        return Model("scripted", "", "scripted", "scripted", "", "", ())
    folder, device, against = "", "", []
    try:
        folder = str(await asyncio.to_thread(find_model, settings))
    except ModelError as error:
        against.append(str(error))
    found = await chosen(settings)
    if found.error:
        against.append(f"no back end can be chosen: {found.error}")
    else:
        there = await probe(found.backend, interpreter(settings), section.environment)
        device, why_not = _device(there, found.settings.model.device)
        against += [why_not] if why_not else []
    return Model(
        name=section.name,
        folder=folder,
        backend=found.backend,
        configured=section.backend,
        reason=found.reason,
        device=device,
        errors=tuple(against),
    )


def _device(there: Probe, wanted: str) -> tuple[str, str]:
    """The device's name for people, and why the back end cannot run; one of both is ""."""
    if there.error:
        return "", f"{there.library} cannot run: {there.error}"
    device = device_for(there, wanted)
    if device is None:
        return "", f'{there.library} has no device = "{wanted}"'
    return f"{device.name} ({device.title})", ""


async def _database(settings: Settings) -> Database:
    name = name_of(settings.database_url)
    try:
        return Database(name, await count_kept(settings.database_url), "")
    except (StorageError, ConfigError) as error:  # the latter where its driver is missing
        return Database(name, None, str(error))


# ---------------------------------------------------------------- showing


def show(found: Standing, console: Console) -> None:
    """A table of names and what there is."""
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    table.columns[1].overflow = "fold"
    for what, said in _lines(found):
        table.add_row(Text(what, style="bold"), Text(said))
    console.print(table)


def _lines(found: Standing) -> list[tuple[str, str]]:
    model, database = found.model, found.database
    backend = model.backend + (f" on {model.device}" if model.device else "")
    lines = [
        ("Settings", found.settings or "no file: the defaults, and what the environment sets"),
        ("Model", f"{model.name}, in {model.folder}" if model.folder else model.name),
        ("Back end", f"{backend} (chosen: {model.reason})" if model.reason else backend),
    ]
    lines += [("", f"✗ {error} (parley doctor says more)") for error in model.errors]
    lines += [("Database", f"{database.name}: {_kept(database)}")]
    lines += [("Converted models", found.converted), ("Log of the terminal", found.log)]
    lines += [(platform.name, _serving(platform)) for platform in found.platforms]
    return lines


def _kept(database: Database) -> str:
    if database.error:
        return f"✗ {database.error}"
    if database.kept is None:
        return "nothing is kept yet"
    conversations, exchanges = database.kept.conversations, database.kept.exchanges
    return f"{conversations:,} conversations, {exchanges:,} questions"


def _serving(platform: Platform) -> str:
    run = platform.run
    if run is None:
        return "set up, not running (parley run)" if platform.on else "off: no token is set"
    process = f"process {run.pid}, since {run.since}" if run.pid else "a process"
    return f"running: {process}, {_loaded(run.model)}"


def _loaded(model: ModelInfo | None) -> str:
    if model is None:
        return "loading the model"
    where = f"{model.name} ({model.low_bit}) by {model.backend} on {model.device}"
    return f"{where}; {model.note}" if model.note else where
