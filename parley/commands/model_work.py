"""What `parley model` does."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.config import Settings
from bot.errors import ConfigError, ModelError
from bot.generation import LoadProgress
from bot.models.converted import ConvertedModel, converted_models
from bot.models.find import DEMO, find_model, hub_cache
from bot.models.installed import Installed, find_installed, list_installed, remove
from bot.models.pull import pull
from bot.worker.backends.ipex.low_bit import converted_kinds
from parley.app import model as generator_of
from parley.options import confirm
from parley.progress import bar


async def pull_model(name: str) -> None:
    """Download a model and say how to use it."""
    if name == DEMO:
        typer.echo("The demo model comes with Parley: nothing is to be downloaded.")
        return
    with bar(Console(stderr=True)) as report:
        folder = await pull(name, hub_cache(os.environ), report)
    typer.echo(f"{name} is in {folder}")
    typer.echo(f'To use it, write into the settings: [model] name = "{name}"')


async def prepare(settings: Settings, name: str | None, low_bit: str | None) -> None:
    """Let the worker load the model once, which converts it; say what there is then."""
    changes: dict[str, object] = {"max_parallel": 1}
    changes |= {"name": name} if name is not None else {}
    changes |= {"low_bit": low_bit} if low_bit is not None else {}
    section = settings.model.model_copy(update=changes)
    settings = settings.model_copy(update={"model": section})
    if section.backend in ("openai", "scripted"):
        raise ConfigError(
            f'[model] backend = "{section.backend}" runs no model here, so there is nothing to '
            "prepare; choose another back end first."
        )
    folder = find_model(settings)
    before = _forms_of(settings, folder)
    with bar(Console(stderr=True)) as report:

        def on_progress(progress: LoadProgress) -> None:
            report(progress.what, progress.done, progress.total)

        report(f"Loading {section.name}", 0, 0)
        async with generator_of(settings, on_progress, chat=False) as generator:
            info = await generator.start()
    made = [form for name, form in _forms_of(settings, folder).items() if name not in before]
    how = f"{info.backend}, {info.low_bit}, {info.device}"
    if made:
        sizes = ", ".join(f"{_gigabytes(form.size)} in {form.folder}" for form in made)
        typer.echo(f"{section.name} is prepared for {how}: {sizes}")
    else:
        typer.echo(f"{section.name} loads for {how}; there was nothing more to prepare.")


def _forms_of(settings: Settings, folder: Path) -> dict[Path, ConvertedModel]:
    """The prepared forms that a start with the model in `folder` could use."""
    forms = converted_models(settings, [folder])
    return {form.folder: form for form in forms if not form.stale}


def list_models(settings: Settings, *, as_json: bool) -> None:
    """Print a line for each model, and one for each form that no start would use any more."""
    found = list_installed(settings)
    if as_json:
        facts = {
            "models": [_as_json(model, settings) for model in found.models],
            "stale": [_form_as_json(form) for form in found.stale],
        }
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    table = Table("", "Model", "Size", "Prepared", "Where", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for model in found.models:
        forms = [form for form in model.converted if not form.stale]
        table.add_row(
            "*" if model.name == settings.model.name else "",
            Text(model.name),
            _gigabytes(model.size),
            ", ".join(f"{form.low_bit} {_gigabytes(form.size)}" for form in forms) or "-",
            Text(str(model.folder), overflow="fold"),
        )
    console = Console(highlight=False)
    console.print(table)
    for model in found.models:
        if model.missing:
            console.print(
                f"{model.name} is not whole. Go on with: parley model pull {model.name}",
                soft_wrap=True,
            )
    if found.stale:
        size = _gigabytes(sum(form.size for form in found.stale))
        console.print(
            f"No start uses these any more ({size}); delete them with: parley model prune"
        )
        for form in found.stale:
            console.print(Text(f"  {_stale(form)}"), soft_wrap=True)


def remove_model(
    settings: Settings, name: str, *, only_prepared: bool, low_bit: str | None, yes: bool
) -> None:
    """Delete a model after having asked; with `low_bit`, only its forms of that kind."""
    model = find_installed(settings, name)
    if only_prepared or low_bit is not None:
        forms = model.converted
        if low_bit is not None:
            kinds = (low_bit, *converted_kinds(low_bit))
            forms = tuple(form for form in forms if form.low_bit in kinds)
        model = replace(model, download=None, converted=forms)
    size = sum(form.size for form in model.converted) + (model.size if model.download else 0)
    if not size:
        raise ModelError(_nothing(model, only_prepared=only_prepared, low_bit=low_bit))
    parts = [_count(model.converted, "prepared form")] if model.converted else []
    parts = [f"the download of {name}", *parts] if model.download else parts
    confirm(f"Delete {' and '.join(parts)} ({_gigabytes(size)}) for good?", yes=yes)
    download = [model.download] if model.download else []
    remove([*(form.folder for form in model.converted), *download])
    typer.echo(f"{name}: {_gigabytes(size)} are free again.")


def prune(settings: Settings, *, yes: bool) -> None:
    """Delete, after having shown and asked, all prepared forms that no start would use any more."""
    stale = list_installed(settings).stale
    if not stale:
        typer.echo(f"Nothing is left over in {settings.cache_folder}.")
        return
    for form in stale:
        typer.echo(_stale(form))
    size = _gigabytes(sum(form.size for form in stale))
    confirm(f"Delete {_count(stale, 'prepared form')} ({size}) for good?", yes=yes)
    remove(form.folder for form in stale)
    typer.echo(f"{size} are free again.")


def _stale(form: ConvertedModel) -> str:
    return f"{form.folder} ({_gigabytes(form.size)}): {form.stale}"


def _count(forms: Sequence[ConvertedModel], what: str) -> str:
    return f"{len(forms)} {what}{'' if len(forms) == 1 else 's'}"


def _nothing(model: Installed, *, only_prepared: bool, low_bit: str | None) -> str:
    if low_bit is not None:
        return f"There is no prepared form {low_bit} of {model.name}."
    if model.name == DEMO and not only_prepared:
        return "The demo model comes with Parley and stays; there are no prepared forms of it."
    if only_prepared:
        return f"There are no prepared forms of {model.name}."
    return (
        f"{model.folder} is a folder of your own, which Parley doesn't delete, and there are no "
        "prepared forms of it."
    )


def _as_json(model: Installed, settings: Settings) -> dict[str, object]:
    return {
        "name": model.name,
        "folder": str(model.folder),
        "bytes": model.size,
        "whole": not model.missing,
        "in_settings": model.name == settings.model.name,
        "prepared": [_form_as_json(form) for form in model.converted],
    }


def _form_as_json(form: ConvertedModel) -> dict[str, object]:
    return {
        "low_bit": form.low_bit,
        "folder": str(form.folder),
        "bytes": form.size,
        "stale": form.stale,
    }


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
