"""Which models are on this machine, what they take, and removing them."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bot.config import Settings
from bot.errors import ModelError
from bot.models.converted import Prepared, belongs, prepared_forms, size_of
from bot.models.find import DEMO, hub_cache, in_cache, missing_weights


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on this machine."""

    name: str
    """What ``[model] name`` takes."""
    folder: Path
    size: int
    """Bytes on the disk, older versions and what is half downloaded included."""
    missing: str
    """The first file that it lacks; "" where it is whole."""
    prepared: tuple[Prepared, ...]
    """The forms that were made of it, those of older versions included."""
    download: Path | None
    """The folder in Hugging Face's cache; None where the owner put the model somewhere."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is on this machine."""

    models: tuple[Installed, ...]
    stale: tuple[Prepared, ...]
    """Prepared forms that no start would use any more, of whichever model."""


def look_around(settings: Settings) -> Found:
    """The model that comes with Parley, what was downloaded, the one that the settings name by its
    folder, and all prepared forms. Blocks. Raises ModelError where a folder cannot be read."""
    try:
        models = list(_models(settings))
        forms = prepared_forms(settings, [model.folder for model in models])
    except OSError as exc:
        raise ModelError(f"{exc.filename} cannot be read: {exc.strerror}.") from exc
    with_forms = (
        replace(model, prepared=tuple(f for f in forms if belongs(f, model.folder, model.download)))
        for model in models
    )
    return Found(tuple(with_forms), tuple(form for form in forms if form.stale))


def find(settings: Settings, name: str) -> Installed:
    """The installed model of that name. Raises ModelError where there is none."""
    named = settings.model.model_copy(update={"name": name})
    for model in look_around(settings.model_copy(update={"model": named})).models:
        if model.name == name:
            return model
    raise ModelError(f"There is no model {name} here; parley model list shows those that are.")


def remove(folders: Iterable[Path]) -> None:
    """Delete these downloads and forms. Blocks. Raises ModelError where something cannot be."""
    try:
        for folder in folders:
            shutil.rmtree(folder)
    except OSError as exc:
        raise ModelError(f"{exc.filename} cannot be deleted: {exc.strerror}.") from exc


def _models(settings: Settings) -> Iterator[Installed]:
    from bot import demo_model

    yield _model(DEMO, demo_model.directory(), None)
    cache = hub_cache(os.environ)
    for download in sorted(cache.glob("models--*--*")):
        name = download.name.removeprefix("models--").replace("--", "/", 1)
        snapshot = in_cache(cache, name)
        if snapshot is not None and _is_model(snapshot, download):
            yield _model(name, snapshot, download)
    chosen = settings.model.name
    folder = settings.path(chosen)
    if chosen != DEMO and (folder / "config.json").is_file():
        yield _model(chosen, folder, None)


def _is_model(snapshot: Path, download: Path) -> bool:
    """Of what lies in the cache, only what may hold text: other programs keep others there."""
    return (snapshot / "config.json").is_file() or any(download.glob("blobs/*.incomplete"))


def _model(name: str, folder: Path, download: Path | None) -> Installed:
    return Installed(
        name=name,
        folder=folder,
        size=size_of(download or folder),
        missing=missing_weights(folder),
        prepared=(),
        download=download,
    )
