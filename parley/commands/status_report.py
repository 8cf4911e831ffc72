"""What `parley status` finds, and how it prints it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.common.texts import tokens_text
from bot.config import Settings, load
from bot.errors import ConfigError, ModelError, StorageError
from bot.messages import ModelInfo
from bot.models.choose import interpreter, without_effect
from bot.url_passwords import without_passwords
from parley.doctor.backends import device_for
from parley.doctor.interpreter import Probe, probe
from parley.doctor.resolve import read_model, resolve_backend
from parley.environments.llamacpp import server_path
from parley.locks import Instance, running_instance
from parley.platforms import configured_platforms
from parley.runtime import log_file
from parley.web.local import ask_status
from storage.inspection import NEWEST, Kept, count_kept, name_of

FIRST_LISTED = "the first that the server lists"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The model, and what a start would use to run it."""

    name: str
    folder: str
    """ "" where the model is not on this machine, or cannot be used."""
    backend: str
    """The backend that a start would use; "auto" only where it cannot be resolved."""
    configured: str
    """``[model] backend`` as configured."""
    reason: str
    """Why "auto" means this backend; "" where the settings name one."""
    device: str
    """ "" if unknown."""
    errors: tuple[str, ...]
    """Why it cannot run, one line each."""
    advice: str = ""
    """How the model would be faster on this CPU, with the command; "" where nothing is known to
    make it so."""
    note: str = ""
    """What is lost with this model where this backend runs it; "" where nothing is."""


@dataclass(frozen=True, slots=True)
class FurtherModelStatus:
    """One of ``[models.NAME]``."""

    name: str
    model: str
    """What its servers call it; "" is the first chat model that they list."""
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """The database, and how much it holds."""

    name: str
    kept: Kept | None
    """None where nothing is stored yet, or where the database cannot be read."""
    error: str


@dataclass(frozen=True, slots=True)
class PlatformStatus:
    """A platform, and the process that serves it."""

    name: str
    on: bool
    """The settings hold a token for it."""
    run: Instance | None
    """The `parley run` that serves it now with this database."""


@dataclass(frozen=True, slots=True)
class WebStatus:
    """The web server, and what the running Parley says through it."""

    listen: str
    """``[web] listen``; "" where it is off."""
    running: bool = False
    """Whether a Parley with these settings answers there."""
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Those of /readyz, by name: ``ok``, and ``detail`` about what is not."""
    now: dict[str, Any] | None = None
    """What it is doing: ``writing``, ``waiting``, ``tokens_per_second``; None while it loads."""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that `parley status` prints. The fields are those of ``--json``; paths are
    strings."""

    settings: str
    """The settings file; "" where there is none."""
    model: ModelStatus
    database: DatabaseStatus
    converted: str
    """The folder of converted models."""
    log: str
    platforms: tuple[PlatformStatus, ...]
    web: WebStatus
    further_models: tuple[FurtherModelStatus, ...] = ()
    warnings: tuple[str, ...] = ()
    """What should be changed although it works, such as secrets that others can read."""


async def report_status(config: Path | None, *, as_json: bool) -> None:
    """Collect the status and print it. Raises ConfigError."""
    settings = load(config)
    found = await _collect(settings)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        _print_table(found, Console(highlight=False))


async def _collect(settings: Settings) -> Status:
    """Loads and writes nothing, and contacts no model server and no platform."""
    model, database, web = await asyncio.gather(
        _model_status(settings), _database_status(settings), _web_status(settings)
    )
    return Status(
        settings=str(settings.file or ""),
        model=model,
        database=database,
        converted=str(settings.cache_folder),
        log=str(log_file()),
        platforms=tuple(
            PlatformStatus(name, on, running_instance(settings, name))
            for name, on in configured_platforms(settings).items()
        ),
        web=web,
        further_models=tuple(
            FurtherModelStatus(name, section.model, _shown(section.base_urls))
            for name, section in settings.models.items()
        ),
        warnings=(*settings.warnings, *without_effect(settings.model, model.backend)),
    )


async def _web_status(settings: Settings) -> WebStatus:
    facts = await ask_status(settings) if settings.web.listen else None
    if facts is None:
        return WebStatus(settings.web.listen)
    return WebStatus(settings.web.listen, True, facts.get("checks", {}), facts.get("now"))


async def _model_status(settings: Settings) -> ModelStatus:
    section = settings.model
    if section.backend == "openai":
        where = ", ".join(_shown(section.openai.base_urls))
        name = section.openai.model or FIRST_LISTED
        errors = () if where else ("[model.openai] base_urls is empty: set a server's address",)
        return ModelStatus(name, "", "openai", "openai", "", where, errors)
    if section.backend == "scripted":
        return ModelStatus("scripted", "", "scripted", "scripted", "", "", ())
    folder, device, problems = "", "", []
    try:
        folder = str((await asyncio.to_thread(read_model, settings)).path)
    except ModelError as error:
        problems.append(str(error))
    resolved = await resolve_backend(settings)
    if resolved.damaged:
        problems = problems or [resolved.error]
    elif resolved.error:
        problems.append(f"no backend can be chosen: {resolved.error}")
    else:
        found = await probe(
            resolved.backend,
            interpreter(settings),
            section.environment,
            server=server_path(settings),
        )
        device, problem = _device(found, resolved.settings.model.device)
        problems += [problem] if problem else []
    return ModelStatus(
        name=section.name,
        folder=folder,
        backend=resolved.backend,
        configured=section.backend,
        reason=resolved.reason,
        device=device,
        errors=tuple(problems),
        advice=resolved.advice if device.startswith("CPU") else "",
        note=resolved.note,
    )


def _shown(addresses: Sequence[str]) -> tuple[str, ...]:
    """Addresses without the passwords in them."""
    return tuple(without_passwords(address) for address in addresses)


def _device(found: Probe, wanted: str) -> tuple[str, str]:
    """The device's name for people, and why the backend cannot run; one of the two is ""."""
    if found.error:
        return "", f"{found.library} cannot run: {found.error}"
    device = device_for(found, wanted)
    if device is None:
        return "", f'{found.library} has no device = "{wanted}"'
    return f"{device.name} ({device.title})", ""


async def _database_status(settings: Settings) -> DatabaseStatus:
    name = name_of(settings.database_url)
    try:
        return DatabaseStatus(name, await count_kept(settings.database_url), "")
    except (StorageError, ConfigError) as error:  # ConfigError: its driver is not installed
        return DatabaseStatus(name, None, str(error))


# ---------------------------------------------------------------- printing


def _print_table(found: Status, console: Console) -> None:
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    table.columns[1].overflow = "fold"
    for label, text in _lines(found):
        table.add_row(Text(label, style="bold"), Text(text))
    console.print(table)


def _lines(found: Status) -> list[tuple[str, str]]:
    model, database = found.model, found.database
    backend = model.backend + (f" on {model.device}" if model.device else "")
    no_file = "no file: defaults and environment variables"
    lines = [("Settings", found.settings or no_file)]
    lines += [("", f"! {warning}") for warning in found.warnings]
    lines += [
        ("Model", f"{model.name}, in {model.folder}" if model.folder else model.name),
        ("Backend", f"{backend} (auto: {model.reason})" if model.reason else backend),
    ]
    lines += [("", f"✗ {error} (parley doctor tells more)") for error in model.errors]
    lines += [("", f"! {model.note}")] if model.note else []
    lines += [("Faster", model.advice)] if model.advice else []
    up = {one["name"]: one["up"] for one in (found.web.now or {}).get("further", ())}
    lines += [(f"Model {one.name}", _further(one, up)) for one in found.further_models]
    lines += [("Database", f"{database.name}: {_stored(database)}")]
    lines += [("Converted models", found.converted), ("Log file", found.log)]
    lines += [(platform.name, _running(platform)) for platform in found.platforms]
    lines += [("Web server", _web(found.web))]
    if found.web.now is not None:
        lines += [("Now", _doing(found.web.now))]
    return lines


def _further(model: FurtherModelStatus, up: Mapping[str, bool]) -> str:
    """With what the running Parley knows of its servers."""
    name = model.model or FIRST_LISTED
    answers = {True: "; it answers", False: "; ✗ it does not answer"}
    known = answers[up[model.name]] if model.name in up else ""
    return f"{name}, on {', '.join(model.servers)}{known}"


def _web(web: WebStatus) -> str:
    if not web.running:
        return f"{web.listen}, not running" if web.listen else "off ([web] listen)"
    faults = [
        f"{name} ({check['detail']})" for name, check in web.checks.items() if not check["ok"]
    ]
    return f"{web.listen}: " + (f"not ready: {', '.join(faults)}" if faults else "ready")


def _doing(now: dict[str, Any]) -> str:
    speed = f", last at {now['tokens_per_second']:.1f} tokens/s" if now["tokens_per_second"] else ""
    return f"{now['writing']} being answered, {now['waiting']} waiting{speed}"


def _stored(database: DatabaseStatus) -> str:
    if database.error:
        return f"✗ {database.error}"
    if database.kept is None:
        return "nothing stored yet"
    kept = database.kept
    stored = f"{kept.conversations:,} conversations, {kept.exchanges:,} questions"
    tokens = tokens_text(kept.tokens, kept.thinking_tokens)
    return f"{stored}; the newest answers (up to {NEWEST:,}) have {tokens}"


def _running(platform: PlatformStatus) -> str:
    instance = platform.run
    if instance is None:
        return "configured, not running (parley run)" if platform.on else "off: no token is set"
    process = f"process {instance.pid}, since {instance.since}" if instance.pid else "a process"
    return f"running: {process}, {_loaded(instance.model)}"


def _loaded(model: ModelInfo | None) -> str:
    if model is None:
        return "loading the model"
    where = f"{model.name} ({model.low_bit}) by {model.backend} on {model.device}"
    return f"{where}; {model.note}" if model.note else where
