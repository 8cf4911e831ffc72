"""Downloads a model from the Hugging Face Hub into Hugging Face's cache.

Large files are downloaded by `bot.models.download`; small files and the cache's folders are made by
huggingface_hub. Source of the cache's layout:
https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from filelock import FileLock, Timeout

from bot.errors import ModelError
from bot.models.download import Fetcher
from bot.models.errors import RESUMES, Interrupted, hub_faults, no_room, unwritable
from bot.models.find import REVISION, repository_folder, split_name
from bot.models.hub import HubModel, look_up

Report = Callable[[str, int, int], None]
"""Called with a label for people, the bytes that are done, and those in all."""

Examined = Callable[[HubModel], Awaitable[None]]
"""Called with what is known of a model before anything large is downloaded; may raise ModelError
to leave it there."""

SILENCE_SECONDS = 60.0
"""Read timeout: without a byte for this long, a connection counts as broken."""

SPARE = 200_000_000
"""Bytes that must stay free on the disk."""


async def pull(
    name: str,
    cache: Path,
    report: Report,
    *,
    examined: Examined | None = None,
    force: bool = False,
) -> Path:
    """Download the newest version of the model `name` into `cache`; return its folder.

    What nothing here runs is refused before anything large is downloaded, unless `force`. `name`
    may end in the quantization of a GGUF repository (``org/model-GGUF:Q4_K_M``).

    Files that are there already are not downloaded again, and interrupted downloads are resumed. An
    older version stays in use until the new one is complete. Holds a lock, so that two processes
    never download the same model. Raises ModelError with one line; what has been downloaded is
    kept, and the line says so if there is any.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when the library is imported
    folder = repository_folder(cache, split_name(name)[0])
    try:
        model = await asyncio.to_thread(look_up, name)
        if model.kind.refusal and not force:
            raise ModelError(f"{model.kind.refusal} (--force downloads it anyway.)")
        if examined is not None:
            await examined(model)
        return await _pull(model, cache, folder, report)
    except Interrupted as exc:
        if _has_bytes(folder):
            raise ModelError(f"{exc} {RESUMES}") from exc
        raise


async def _pull(model: HubModel, cache: Path, folder: Path, report: Report) -> Path:
    name = model.name
    lock = FileLock(cache / ".locks" / folder.name / "parley.lock")
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise ModelError(f"Another parley model pull is downloading {name}: wait for it.") from exc
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


def _has_bytes(folder: Path) -> bool:
    """Whether anything of a model, a part of a file included, is in its folder of the cache."""
    try:
        return any(path.stat().st_size for path in (folder / "blobs").glob("*"))
    except OSError:
        return False


def _require_room(model: HubModel, folder: Path) -> None:
    """Raise ModelError where the disk of `folder` has too little space for what is missing."""
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
    # aiohttp drops this header when the Hub redirects to its storage server, another origin.
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
    """Download the small files and link all of them into the snapshot; return that."""
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
    """Make this version the current one, now that it is complete. Atomic."""
    reference = folder / "refs" / REVISION
    try:
        reference.parent.mkdir(parents=True, exist_ok=True)
        fresh = reference.with_name(f"{REVISION}.new")
        fresh.write_text(model.commit, encoding="ascii")
        fresh.replace(reference)
    except OSError as exc:
        raise unwritable(model.name, exc) from exc
