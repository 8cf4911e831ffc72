"""Downloads a model from the Hugging Face Hub into Hugging Face's cache.

The large files are fetched by `bot.models.download`, the small ones and the cache's folders are
left to the Hub's library. The layout of the cache:
https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import aiohttp
from filelock import FileLock, Timeout

from bot.errors import ModelError
from bot.models.download import Fetcher
from bot.models.errors import hub_faults, no_room, unwritable
from bot.models.hub import REVISION, HubModel, look_up

Report = Callable[[str, int, int], None]
"""``report(what, done, total)``, in bytes."""

SILENCE_SECONDS = 60.0
SPARE = 200_000_000
"""Bytes that are left free on the disk."""


async def pull(name: str, cache: Path, report: Report) -> Path:
    """Have the model `name` in `cache`, whole; its folder. What is there already is not fetched
    again. Raises ModelError with one line.

    A model that is there in an older version stays as it is until the new one is whole.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when the library is imported
    model = await asyncio.to_thread(look_up, name)
    folder = cache / repository_folder(name)
    lock = FileLock(cache / ".locks" / folder.name / "parley.lock")
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise ModelError(f"Another parley model pull downloads {name}: let it finish.") from exc
    except OSError as exc:
        raise unwritable(name, exc) from exc
    try:
        _require_room(model, folder)
        await _fetch_large(model, folder, report)
        snapshot = await asyncio.to_thread(_finish, model, cache)
        _point_to(model, folder)
        return snapshot
    finally:
        lock.release()


def repository_folder(name: str) -> str:
    """What the cache calls the model `name`."""
    return f"models--{name.replace('/', '--')}"


def _require_room(model: HubModel, folder: Path) -> None:
    missing = sum(file.size for file in model.files if not (folder / "blobs" / file.etag).exists())
    missing -= sum(path.stat().st_size for path in folder.glob("blobs/*.incomplete"))
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if missing > 0 and free < missing + SPARE:
        raise no_room(model.name, missing, free, folder.parent)


async def _fetch_large(model: HubModel, folder: Path, report: Report) -> None:
    from huggingface_hub import get_token, hf_hub_url

    done, what = 0, f"Downloading {model.name}"

    def arrived(count: int) -> None:
        nonlocal done
        done += count
        report(what, done, model.size)

    arrived(0)
    token = get_token()
    # aiohttp sends it to the Hub only, not to the storage that the Hub redirects to.
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=SILENCE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, headers=headers, trust_env=True) as http:
        fetcher = Fetcher(http, model.name, arrived)
        for file in model.files:
            if file.large:
                url = hf_hub_url(model.name, file.path, revision=model.commit)
                await fetcher.fetch(url, file, folder / "blobs" / file.etag)
    arrived(sum(file.size for file in model.files if not file.large))


def _finish(model: HubModel, cache: Path) -> Path:
    """Fetch the small files and give all of them their names."""
    with hub_faults(model.name):
        from huggingface_hub import snapshot_download
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
        return Path(
            snapshot_download(
                model.name,
                revision=model.commit,
                cache_dir=cache,
                allow_patterns=[file.path for file in model.files],
            )
        )


def _point_to(model: HubModel, folder: Path) -> None:
    """Make this version the one that programs find. Only now that it is whole."""
    reference = folder / "refs" / REVISION
    try:
        reference.parent.mkdir(parents=True, exist_ok=True)
        fresh = reference.with_name(f"{REVISION}.new")
        fresh.write_text(model.commit, encoding="ascii")
        fresh.replace(reference)
    except OSError as exc:
        raise unwritable(model.name, exc) from exc
