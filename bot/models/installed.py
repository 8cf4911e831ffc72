"""Lists the models on this machine with their sizes, and removes them."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bot.config import Settings
from bot.errors import ModelError
from bot.models.converted import ConvertedModel, belongs, converted_models, size_of
from bot.models.find import (
    DEMO,
    cached_snapshot,
    downloads_in,
    find_model,
    hub_cache,
    missing_weights,
    split_name,
)
from bot.models.gguf import read_gguf
from bot.models.gguf_files import is_model_file
from bot.models.kind import Kind, ModelKind, kind_of
from bot.models.repository import files_in, read_repository
from bot.worker.gguf.files import parts_of


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on this machine."""

    name: str
    """Its value for ``[model] name``."""
    folder: Path
    size: int
    """Bytes on disk, including older versions and incomplete downloads."""
    kind: ModelKind
    """What it is, and what would run it."""
    missing: str
    """The first weights file that it lacks; "" where it is complete."""
    converted: tuple[ConvertedModel, ...]
    """The models that were converted from it, including those from older versions."""
    download: Path | None
    """Its folder in Hugging Face's cache; None for a folder that the operator provides."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """All models on this machine."""

    models: tuple[Installed, ...]
    stale: tuple[ConvertedModel, ...]
    """Converted models that are no longer used, whatever they were converted from."""


def list_installed(settings: Settings) -> Inventory:
    """The demo model, all downloads, the folder that the settings name, and all converted models.
    Blocks. Raises ModelError where a folder cannot be read."""
    try:
        models = list(_models(settings))
        converted = converted_models(settings, [model.folder for model in models])
    except OSError as exc:
        raise ModelError(f"{exc.filename} cannot be read: {exc.strerror}.") from exc
    listed = []
    for model in models:
        own = (one for one in converted if belongs(one, model.folder, model.download))
        listed.append(replace(model, converted=tuple(own)))
    return Inventory(tuple(listed), tuple(one for one in converted if one.stale))


def find_installed(settings: Settings, name: str) -> Installed:
    """The installed model `name`. Blocks. Raises ModelError where there is none."""
    name = split_name(name)[0]
    named = settings.model.model_copy(update={"name": name})
    for model in list_installed(settings.model_copy(update={"model": named})).models:
        if model.name == name:
            return model
    raise ModelError(f"The model {name} is not installed; parley model list shows those that are.")


def remove(folders: Iterable[Path]) -> None:
    """Delete these folders. Blocks. Raises ModelError at the first one that cannot be deleted."""
    try:
        for folder in folders:
            shutil.rmtree(folder)
    except OSError as exc:
        raise ModelError(f"{exc.filename} cannot be deleted: {exc.strerror}.") from exc


def _models(settings: Settings) -> Iterator[Installed]:
    from bot import demo_model

    yield _model(DEMO, demo_model.directory(), None)
    cache = hub_cache(os.environ)
    for name, download in downloads_in(cache).items():
        snapshot = cached_snapshot(cache, name)
        if snapshot is not None and _is_model(snapshot, download):
            yield _model(name, snapshot, download)
    chosen = settings.model.name
    folder = settings.path(chosen)
    if chosen != DEMO and (folder.is_file() or _holds_model(folder)):
        yield _own(settings, folder)


def _own(settings: Settings, folder: Path) -> Installed:
    """The folder or file that the settings name. Nothing verified a GGUF file there when it was
    downloaded, so its header is read, too."""
    model = _model(settings.model.name, folder, None)
    if model.kind.kind is not Kind.GGUF or model.missing:
        return model
    try:
        read_gguf(find_model(settings))
    except ModelError as error:
        return replace(model, kind=ModelKind(Kind.UNSUITED, "damaged", refusal=str(error)))
    return model


def _is_model(snapshot: Path, download: Path) -> bool:
    """Whether a download is a model in Hugging Face's layout, or may become one when complete.
    Other programs keep other kinds of models in the same cache."""
    return _holds_model(snapshot) or any(download.glob("blobs/*.incomplete"))


def _holds_model(folder: Path) -> bool:
    """Whether there is a model in Hugging Face's layout, or in GGUF's format."""
    if (folder / "config.json").is_file():
        return True
    return folder.is_dir() and any(is_model_file(path.name) for path in files_in(folder))


def _model(name: str, folder: Path, download: Path | None) -> Installed:
    return Installed(
        name=name,
        folder=folder,
        size=_size(download or folder),
        kind=_kind(folder),
        missing=missing_weights(folder),
        converted=(),
        download=download,
    )


def _size(place: Path) -> int:
    """Bytes on disk of a folder, or of a GGUF file with all its parts."""
    if place.is_dir():
        return size_of(place)
    parts = map(place.with_name, parts_of(place.name))
    return sum(part.stat().st_size for part in parts if part.exists())


def _kind(folder: Path) -> ModelKind:
    try:
        return kind_of(read_repository(folder))
    except ModelError as error:  # one of its documents is damaged
        return ModelKind(Kind.UNSUITED, "damaged", refusal=str(error))
