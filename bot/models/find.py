"""Finds the folder of the model that ``[model] name`` means."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from bot.config import Settings
from bot.errors import ModelError

DEMO = "demo"

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def find_model(settings: Settings, environment: Mapping[str, str] = os.environ) -> Path:
    """The model's folder: the one that comes with Parley, the one that ``name`` is the path of, or
    the newest download of that name in Hugging Face's cache. Raises ModelError where there is
    none, or where the demo model was damaged. Blocks while it reads."""
    name = settings.model.name
    if name == DEMO:
        from bot import demo_model

        demo_model.verify()
        return demo_model.directory()
    folder = settings.path(name)
    if folder.exists() or not _HUB_NAME.fullmatch(name):
        return folder  # whoever opens it says what is wrong with it
    cached = in_cache(hub_cache(environment), name)
    if cached is None:
        raise ModelError(
            f'[model] name = "{name}": there is no folder {folder}, and no download of that name '
            f"in {hub_cache(environment)}. Download it with: parley model pull {name}"
        )
    if missing := missing_weights(cached):
        raise ModelError(
            f'[model] name = "{name}": its download in {cached} is not whole ({missing} is '
            f"missing). Go on with: parley model pull {name}"
        )
    return cached


def missing_weights(folder: Path) -> str:
    """The first file of weights that `folder` should have and has not; "" where it is whole."""
    if (folder / "openvino_model.xml").exists():
        return "" if (folder / "openvino_model.bin").exists() else "openvino_model.bin"
    index = folder / "model.safetensors.index.json"
    try:
        named = set(json.loads(index.read_bytes())["weight_map"].values())
    except FileNotFoundError:
        found = any(path.suffix in (".safetensors", ".bin") for path in folder.iterdir())
        return "" if found else "model.safetensors"
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return index.name
    return next((name for name in sorted(named) if not (folder / name).exists()), "")


def display_name(settings: Settings) -> str:
    """What people are told that the model is called; "" for the name of its folder."""
    name = settings.model.name
    if name == DEMO:
        return "Parley demo"
    return name if _HUB_NAME.fullmatch(name) and not settings.path(name).exists() else ""


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Where Hugging Face's tools keep downloads:
    https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables"""
    if hub := environment.get("HF_HUB_CACHE"):
        return Path(hub).expanduser()
    if home := environment.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    cache = Path(environment.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "huggingface" / "hub"


def in_cache(cache: Path, name: str) -> Path | None:
    """The download of that name, or None: ``models--org--name/snapshots/<commit>``, of the commit
    in ``refs/main`` or the newest:
    https://huggingface.co/docs/huggingface_hub/guides/manage-cache"""
    folder = cache / f"models--{name.replace('/', '--')}"
    try:
        main = folder / "refs" / "main"
        if main.is_file():
            snapshot = folder / "snapshots" / main.read_text(encoding="ascii").strip()
            if snapshot.is_dir():
                return snapshot
        snapshots = [path for path in (folder / "snapshots").glob("*") if path.is_dir()]
        return max(snapshots, key=lambda path: path.stat().st_mtime, default=None)
    except (OSError, UnicodeDecodeError) as exc:
        raise ModelError(f"The Hugging Face cache {folder} cannot be read: {exc}.") from exc
