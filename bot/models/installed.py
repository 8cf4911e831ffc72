"""Which models are on this machine, what they take, and removing them."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.config import Settings
from bot.errors import ModelError
from bot.installed_models import DEMO, hub_cache, in_cache, missing_weights

_FORM = re.compile(r"(?P<source>.+)-(?P<low_bit>[a-z0-9_]+)-[0-9a-f]{16}")
"""What `bot.worker.models.model_cache` calls the prepared form of a folder."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model converted ahead, as the worker keeps it."""

    low_bit: str
    folder: Path
    size: int
    """Bytes on the disk."""


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
    download: Path | None
    """The folder in Hugging Face's cache; None where the owner put the model somewhere."""


def installed(settings: Settings) -> list[Installed]:
    """The model that comes with Parley, what was downloaded, and the one that the settings name
    by its folder. Blocks. Raises ModelError where a folder cannot be read."""
    try:
        return list(_installed(settings))
    except OSError as exc:
        raise ModelError(f"{exc.filename} cannot be read: {exc.strerror}.") from exc


def find(settings: Settings, name: str) -> Installed:
    """The installed model of that name. Raises ModelError where there is none."""
    models = installed(settings.model_copy(update={"model": _named(settings, name)}))
    for model in models:
        if model.name == name:
            return model
    raise ModelError(f"There is no model {name} here; parley model list shows those that are.")


def remove(model: Installed) -> None:
    """Delete a download and all prepared forms; a folder of the owner's own stays. Blocks. Raises
    ModelError where something cannot be deleted."""
    gone = [form.folder for form in model.prepared]
    if model.download is not None:
        gone.append(model.download)
    try:
        for folder in gone:
            shutil.rmtree(folder)
    except OSError as exc:
        raise ModelError(f"{exc.filename} cannot be deleted: {exc.strerror}.") from exc


def _named(settings: Settings, name: str) -> object:
    return settings.model.model_copy(update={"name": name})


def _installed(settings: Settings) -> Iterator[Installed]:
    from bot import demo_model

    yield _model(settings, DEMO, demo_model.directory(), None)
    cache = hub_cache(os.environ)
    for download in sorted(cache.glob("models--*--*")):
        name = download.name.removeprefix("models--").replace("--", "/", 1)
        snapshot = in_cache(cache, name)
        if snapshot is not None and _is_model(snapshot, download):
            yield _model(settings, name, snapshot, download)
    chosen = settings.model.name
    folder = settings.path(chosen)
    if chosen != DEMO and (folder / "config.json").is_file():
        yield _model(settings, chosen, folder, None)


def _is_model(snapshot: Path, download: Path) -> bool:
    """Of what lies in the cache, only what may hold text: other programs keep others there."""
    return (snapshot / "config.json").is_file() or any(download.glob("blobs/*.incomplete"))


def _model(settings: Settings, name: str, folder: Path, download: Path | None) -> Installed:
    return Installed(
        name=name,
        folder=folder,
        size=size_of(download or folder),
        missing=missing_weights(folder),
        prepared=tuple(prepared_forms(settings, folder)),
        download=download,
    )


def prepared_forms(settings: Settings, folder: Path) -> Iterator[Prepared]:
    """The prepared forms of the model in `folder`. Two folders of the same name share theirs."""
    for form in sorted(settings.cache_folder.glob(f"*{folder.resolve().name}-*")):
        match = _FORM.fullmatch(form.name)
        if match and match["source"] == folder.resolve().name and form.is_dir():
            yield Prepared(match["low_bit"], form, size_of(form))


def size_of(folder: Path) -> int:
    """Bytes of the files below `folder`; what links point to counts where it lies."""
    files = (path.lstat() for path in folder.rglob("*") if not path.is_dir())
    return sum(stat.st_size for stat in files)
