"""Which folder ``[model] name`` means, and where Hugging Face's cache has a model.

Source of the cache's layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from bot.config import Settings
from bot.errors import ModelError
from bot.files import parse_json
from bot.models.gguf_files import choose_gguf, gguf_models, is_model_file
from bot.models.repository import files_in
from bot.models.unsuited import VISION_EXPORT
from bot.worker.gguf.files import parts_of

DEMO = "demo"
"""The name of the model that comes with Parley."""

DEMO_NAME = "Parley demo"
"""What people see as its name."""

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
"""A model's full name at the Hub: owner and model."""

_ADDRESS = re.compile(rf"(?:https?://)?(?:huggingface\.co|hf\.co)/({HUB_NAME.pattern})(?:/.*)?")
_WITH_QUANTIZATION = re.compile(rf"({HUB_NAME.pattern}):([\w./-]+)")

_FILE_NAME = re.compile(r"[\w.-]{1,200}")

REVISION = "main"
"""The branch of a model's repository that is downloaded and used."""


def find_model(settings: Settings, environment: Mapping[str, str] = os.environ) -> Path:
    """The model's folder: the demo model's, the folder whose path ``name`` is, or the download of
    that name in Hugging Face's cache. Of a model in GGUF's format its (first) file: the one that
    the quantization in the name chooses (``org/model-GGUF:Q4_K_M``), else the best-known one.

    A path that does not exist is returned too: reading it reports the fault. Raises ModelError
    where a name of the Hub is not downloaded or not completely, or where the demo model is damaged.
    Blocks; the demo model is read once (23 MB) to verify its checksums.
    """
    name = settings.model.name
    if name == DEMO:
        from bot import demo_model

        demo_model.verify()
        return demo_model.directory()
    folder = settings.path(name)
    repository, wanted = split_name(name)
    try:
        if folder.exists() or not HUB_NAME.fullmatch(repository):
            if not folder.exists():
                _require_path(name)
            return _gguf_in(folder, "", str(folder)) or folder
        cached = cached_snapshot(hub_cache(environment), repository)
        if cached is not None and (file := _gguf_of(cached, wanted, name)):
            return file
        missing = missing_weights(cached) if cached is not None else ""
    except OSError as exc:
        raise ModelError(f'[model] name = "{name}" cannot be looked up: {exc.strerror}.') from exc
    if cached is None:
        raise ModelError(
            f'[model] name = "{name}": there is no folder {folder}, and no download of that name '
            f"in {hub_cache(environment)}. Download it with: parley model pull {name}"
        )
    if missing:
        raise ModelError(
            f'[model] name = "{name}": its download in {cached} is incomplete ({missing} is '
            f"missing). Resume it with: parley model pull {name}"
        )
    return cached


def _require_path(name: str) -> None:
    """Raise ModelError where `name`, which does not exist here, is no path either: a web address,
    or the short name that another program has for a model."""
    if address := _ADDRESS.fullmatch(name):
        raise ModelError(
            f'[model] name = "{name}" is a web address: write "{address[1]}" instead, and '
            f"download it with: parley model pull {address[1]}"
        )
    if "/" in name or "\\" in name or name.startswith("~") or is_model_file(name):
        return
    raise ModelError(
        f'[model] name = "{name}": there is no such folder, and a name of the Hub has an owner, as '
        "in OpenVINO/Qwen3-8B-int4-ov. parley model list --available names some models, and "
        "parley model recommend those that fit this machine."
    )


def split_name(name: str) -> tuple[str, str]:
    """A name of the Hub and the quantization after it, as llama.cpp's tools write it
    (``org/model-GGUF:Q4_K_M``), or the name of a file; any other name as it is, with ""."""
    match = _WITH_QUANTIZATION.fullmatch(name)
    return (match[1], match[2]) if match else (name, "")


def _gguf_of(download: Path, wanted: str, name: str) -> Path | None:
    """`_gguf_in` of a download, whose name in the settings is `name`."""
    try:
        return _gguf_in(download, wanted, f'[model] name = "{name}": its download')
    except ModelError as exc:
        raise ModelError(f"{exc} Download others with: parley model pull {name}") from exc


def _gguf_in(folder: Path, wanted: str, name: str) -> Path | None:
    """The file of the GGUF model in `folder` (the first one of a split model); None where the
    folder holds none, or a model in another format and `wanted` names no file. Raises ModelError
    where it is not clear which is meant, and OSError."""
    others = ("*.safetensors", "openvino_*")
    if not folder.is_dir() or (not wanted and any(any(folder.glob(name)) for name in others)):
        return None
    files = [path for path in _paths(folder) if is_model_file(path)]
    return folder / choose_gguf(files, wanted, name)[0] if files else None


def missing_weights(folder: Path) -> str:
    """The first weights file that `folder` lacks, or its index where that is damaged; "" where the
    weights are complete. Raises OSError where the folder cannot be read."""
    if folder.is_file():  # a GGUF file
        parts = map(folder.with_name, parts_of(folder.name))
        return next((part.name for part in parts if not part.exists()), "")
    if (folder / "openvino_language_model.xml").exists():
        return next((part for part in VISION_EXPORT if not (folder / part).exists()), "")
    gguf = [model for model in gguf_models(_paths(folder)) if model.missing]
    if gguf:
        return gguf[0].missing[0]
    if (folder / "openvino_model.xml").exists():
        return "" if (folder / "openvino_model.bin").exists() else "openvino_model.bin"
    index = folder / "model.safetensors.index.json"
    try:
        named = set(parse_json(index.read_bytes())["weight_map"].values())
    except FileNotFoundError:
        endings = (".safetensors", ".bin", ".gguf")
        found = any(path.endswith(endings) for path in _paths(folder))
        return "" if found else "model.safetensors"
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return index.name
    if not all(isinstance(name, str) and _FILE_NAME.fullmatch(name) for name in named):
        return index.name
    return next((name for name in sorted(named) if not (folder / name).exists()), "")


def _paths(folder: Path) -> list[str]:
    """The files of a model's folder and its subfolders, relative to it. Raises OSError."""
    return [path.relative_to(folder).as_posix() for path in files_in(folder)]


def display_name(settings: Settings) -> str:
    """The model's name in texts for people; "" where that is the name of its folder."""
    name = settings.model.name
    if name == DEMO:
        return DEMO_NAME
    repository, _ = split_name(name)
    return name if HUB_NAME.fullmatch(repository) and not settings.path(name).exists() else ""


def hub_cache(environment: Mapping[str, str]) -> Path:
    """The folder in which Hugging Face's tools keep downloads. Source:
    https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables"""
    if hub := environment.get("HF_HUB_CACHE"):
        return Path(hub).expanduser()
    if home := environment.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    cache = Path(environment.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "huggingface" / "hub"


def repository_folder(cache: Path, name: str) -> Path:
    """The folder of the model `name` in Hugging Face's cache, whether it exists or not."""
    return cache / f"models--{name.replace('/', '--')}"


def downloads_in(cache: Path) -> dict[str, Path]:
    """The folder of every model in Hugging Face's cache by the model's name, sorted; empty where
    there is no cache."""
    folders = sorted(cache.glob("models--*--*"))
    return {path.name.removeprefix("models--").replace("--", "/", 1): path for path in folders}


def cached_snapshot(cache: Path, name: str) -> Path | None:
    """The files of the model `name` in Hugging Face's cache: the commit in ``refs/main``, else the
    newest one; None where there is none. Raises ModelError where the cache cannot be read."""
    folder = repository_folder(cache, name)
    try:
        main = folder / "refs" / REVISION
        if main.is_file():
            snapshot = folder / "snapshots" / main.read_text(encoding="ascii").strip()
            if snapshot.is_dir():
                return snapshot
        snapshots = [path for path in (folder / "snapshots").glob("*") if path.is_dir()]
        return max(snapshots, key=lambda path: path.stat().st_mtime, default=None)
    except (OSError, UnicodeDecodeError) as exc:
        raise ModelError(f"The Hugging Face cache {folder} cannot be read: {exc}.") from exc
