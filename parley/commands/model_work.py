"""Runs `parley model`: downloads, conversions, and what lies on the disk."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from bot.config import Settings
from bot.errors import ConfigError, ModelError
from bot.generation import LoadProgress
from bot.models.converted import ConvertedModel, converted_models
from bot.models.find import DEMO, find_model, hub_cache, split_name
from bot.models.hub import HubModel
from bot.models.installed import Installed, find_installed, list_installed, remove
from bot.models.kind import Kind, ModelKind, kind_of, require_suited
from bot.models.needs import disk_for_conversion, loaded_size, require_disk, require_memory
from bot.models.pull import pull
from bot.models.repository import read_repository
from bot.worker.backends.ipex.low_bit import converted_kinds as ipex_kinds
from bot.worker.backends.openvino.exporter import kind_of as export_kind
from bot.worker.conversion.model_cache import converted_kinds
from parley.app import open_generator
from parley.commands.model_choice import find_machine, setting_lines
from parley.environments.export import exporter
from parley.environments.llamacpp import NAME, is_installed
from parley.options import confirm

Report = Callable[[str, int, int], None]
"""``report(what, done, total)``, in bytes; ``total`` is 0 if unknown."""


_SMALL = 1_000_000_000
"""Bytes of a model in memory that every machine is expected to have."""


async def pull_model(settings: Settings, name: str, *, force: bool) -> None:
    """Say what a model is and what would run it, download it into the Hugging Face cache, and print
    how to use it. What nothing runs, and what is too large for this machine, is refused before
    anything large is downloaded, unless `force`. Raises ModelError."""
    if name == DEMO:
        typer.echo("The demo model is part of Parley: there is nothing to download.")
        return
    folder = await download(settings, name, force=force)
    typer.echo(f"{name} is in {folder}")
    typer.echo("To use it, write into config.toml (if it has [model] already, below that):")
    for line in setting_lines(name):
        typer.echo(line)


async def download(settings: Settings, name: str, *, force: bool) -> Path:
    """Say what a model is and what would run it, and download it with a progress bar; its folder.
    Raises ModelError as `pull_model` does."""

    async def examined(model: HubModel) -> None:
        _say_what_it_is(model)
        if model.kind.kind is Kind.GGUF and not is_installed(settings):
            typer.echo(f"{NAME} is not installed yet; build it: parley backend install llamacpp")
        if not force:
            await _require_enough(settings, model.name, model.kind, model.weights, model.config)

    with _progress_bar(Console(stderr=True)) as report:
        return await pull(name, hub_cache(os.environ), report, examined=examined, force=force)


def _say_what_it_is(model: HubModel) -> None:
    typer.echo(f"{model.name} is {model.kind.title}, {_gigabytes(model.size)} to download.")
    if model.kind.routes:
        routes = ", or ".join(map(str, model.kind.routes))
        typer.echo(f"It runs with: {routes}.")
    if model.kind.note:
        typer.echo(f"{model.kind.note}.")


async def _require_enough(
    settings: Settings, name: str, kind: ModelKind, weights: int, config: Mapping[str, Any]
) -> None:
    """Raise ModelError where a model with `weights` bytes of weights is too large for this
    machine's memory, or converted for its disk. The devices are only searched for a model that is
    not small."""
    section, low_bit = settings.model, settings.model.low_bit
    if section.backend == "torch" and low_bit == "auto":
        low_bit = "fp16"
    needed = loaded_size(kind, weights, config, low_bit)
    if needed > _SMALL:
        require_memory(name, needed, await find_machine(settings))
    if section.backend in ("auto", "openvino"):
        disk = disk_for_conversion(kind, weights, config, low_bit)
        require_disk(name, disk, settings.cache_folder)


async def _require_enough_for(settings: Settings, folder: Path) -> None:
    """`_require_enough` for the model in `folder`, before anything is converted."""
    model = await asyncio.to_thread(read_repository, folder)
    kind = kind_of(model)
    weights = model.size_of(kind.weights)
    await _require_enough(settings, settings.model.name, kind, weights, model.config)


async def prepare(
    settings: Settings, name: str | None, low_bit: str | None, environment: Path | None = None
) -> None:
    """Convert a model by loading it once, and print what was converted. `name` and `low_bit`
    override the settings; None keeps them. A model that Parley's own converter does not know is
    exported by the environment of `parley backend install export` (in the folder `environment`, or
    in its default folder), if that is installed. Raises ConfigError where the backend runs no model
    here, and ModelError."""
    changes: dict[str, object] = {"max_parallel": 1}
    changes |= {"name": name} if name is not None else {}
    changes |= {"low_bit": low_bit} if low_bit is not None else {}
    section = settings.model.model_copy(update=changes)
    settings = settings.model_copy(update={"model": section})
    if section.backend in ("openai", "scripted"):
        raise ConfigError(
            f'[model] backend = "{section.backend}" runs no model on this machine, so there is '
            "nothing to convert; choose another backend first."
        )
    folder, python = find_model(settings), exporter(environment)
    require_suited(folder, section.backend)
    before = _converted_models(settings, folder)
    if not before:
        await _require_enough_for(settings, folder)
    with _progress_bar(Console(stderr=True)) as report:

        def on_progress(progress: LoadProgress) -> None:
            report(progress.what, progress.done, progress.total)

        report(f"Loading {section.name}", 0, 0)
        opened = open_generator(settings, on_progress, chat=False, exporter=python)
        async with opened as generator:
            info = await generator.start()
    after = _converted_models(settings, folder)
    made = [each for path, each in after.items() if path not in before]
    how = f"{info.backend}, {info.low_bit}, {info.device}"
    if made:
        sizes = ", ".join(f"{_gigabytes(each.size)} in {each.folder}" for each in made)
        typer.echo(f"{section.name} is converted for {how}: {sizes}")
    else:
        typer.echo(f"{section.name} loads with {how}; there was nothing left to convert.")


def _converted_models(settings: Settings, folder: Path) -> dict[Path, ConvertedModel]:
    """The converted models that a start with the model in `folder` can use, by their folders."""
    converted = converted_models(settings, [folder])
    return {each.folder: each for each in converted if not each.stale}


def list_models(settings: Settings, *, as_json: bool) -> None:
    """Print one line for each model, and one for each converted model that is no longer used; or
    all of it as JSON."""
    found = list_installed(settings)
    if as_json:
        facts = {
            "models": [_as_json(model, settings) for model in found.models],
            "stale": [_converted_as_json(each) for each in found.stale],
        }
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    table = Table("", "Model", "Size", "Runs with", "Converted", "Folder", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    chosen, _ = split_name(settings.model.name)
    for model in found.models:
        converted = [each for each in model.converted if not each.stale]
        table.add_row(
            "*" if model.name == chosen else "",
            Text(model.name),
            _gigabytes(model.size),
            ", ".join(model.kind.backends) or "-",
            ", ".join(f"{each.low_bit} {_gigabytes(each.size)}" for each in converted) or "-",
            Text(str(model.folder), overflow="fold"),
        )
    console = Console(highlight=False)
    console.print(table)
    for model in found.models:
        if model.missing:
            console.print(
                f"{model.name} is incomplete. Resume with: parley model pull {model.name}",
                soft_wrap=True,
            )
        elif model.kind.refusal:
            console.print(Text(model.kind.refusal), soft_wrap=True)
    if found.stale:
        size = _gigabytes(sum(each.size for each in found.stale))
        console.print(
            f"No longer used ({size}); delete these converted models with: parley model prune"
        )
        for each in found.stale:
            console.print(Text(f"  {_stale(each)}"), soft_wrap=True)


def remove_model(
    settings: Settings, name: str, *, only_converted: bool, low_bit: str | None, yes: bool
) -> None:
    """Delete a model, after confirmation. With `only_converted`, only what was converted from it;
    with `low_bit`, only that with this quantization. Raises ModelError where there is nothing to
    delete."""
    model = find_installed(settings, name)
    if only_converted or low_bit is not None:
        converted = model.converted
        if low_bit is not None:
            kinds = (*converted_kinds(low_bit), export_kind(low_bit), *ipex_kinds(low_bit))
            converted = tuple(each for each in converted if each.low_bit in kinds)
        model = replace(model, download=None, converted=converted)
    size = sum(each.size for each in model.converted) + (model.size if model.download else 0)
    if not size:
        raise ModelError(_nothing_to_delete(model, only_converted=only_converted, low_bit=low_bit))
    parts = [_count(model.converted)] if model.converted else []
    parts = [f"the download of {name}", *parts] if model.download else parts
    confirm(f"Permanently delete {' and '.join(parts)} ({_gigabytes(size)})?", yes=yes)
    download = [model.download] if model.download else []
    remove([*(each.folder for each in model.converted), *download])
    typer.echo(f"{name}: {_gigabytes(size)} freed.")


def prune(settings: Settings, *, yes: bool) -> None:
    """List the converted models that are no longer used, and delete them after confirmation."""
    stale = list_installed(settings).stale
    if not stale:
        typer.echo(
            f"Nothing to delete: every converted model in {settings.cache_folder} is in use."
        )
        return
    for each in stale:
        typer.echo(_stale(each))
    size = _gigabytes(sum(each.size for each in stale))
    confirm(f"Permanently delete {_count(stale)} ({size})?", yes=yes)
    remove(each.folder for each in stale)
    typer.echo(f"{size} freed.")


def _stale(converted: ConvertedModel) -> str:
    return f"{converted.folder} ({_gigabytes(converted.size)}): {converted.stale}"


def _count(converted: Sequence[ConvertedModel]) -> str:
    return f"{len(converted)} converted model{'' if len(converted) == 1 else 's'}"


def _nothing_to_delete(model: Installed, *, only_converted: bool, low_bit: str | None) -> str:
    if low_bit is not None:
        return f"{model.name} has no converted model with low_bit {low_bit}."
    if model.name == DEMO and not only_converted:
        return "The demo model is part of Parley and cannot be deleted; it has no converted models."
    if only_converted:
        return f"{model.name} has no converted models."
    return (
        f"{model.folder} is your own folder, which Parley does not delete, and it has no converted "
        "models."
    )


def _as_json(model: Installed, settings: Settings) -> dict[str, object]:
    return {
        "name": model.name,
        "folder": str(model.folder),
        "bytes": model.size,
        "kind": model.kind.kind.value,
        "backends": list(model.kind.backends),
        "refusal": model.kind.refusal,
        "whole": not model.missing,
        "in_settings": model.name == split_name(settings.model.name)[0],
        "prepared": [_converted_as_json(each) for each in model.converted],
    }


def _converted_as_json(converted: ConvertedModel) -> dict[str, object]:
    return {
        "low_bit": converted.low_bit,
        "folder": str(converted.folder),
        "bytes": converted.size,
        "stale": converted.stale,
    }


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


@contextmanager
def _progress_bar(console: Console) -> Iterator[Report]:
    """Show a progress bar while the body runs, if `console` is a terminal. Yields the function
    that updates it."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal or console.is_dumb_terminal,
        transient=True,
    )
    with progress:
        task = progress.add_task("", total=None)

        def report(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total or None)

        yield report
