"""One large file over a connection that breaks."""

import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import ModelError
from bot.models import download as fetching
from bot.models import pull as pulling
from bot.models.download import Fetcher
from bot.models.errors import Interrupted
from bot.models.find import repository_folder
from bot.models.hub import HubFile, HubModel
from bot.models.kind import Kind, ModelKind
from tests.hub_loopback import NAME, Hub
from tests.limits import examples

DATA = os.urandom(50_000)


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


class Arrivals:
    def __init__(self) -> None:
        self.total = 0

    def __call__(self, count: int) -> None:
        self.total += count


@asynccontextmanager
async def fetching_from(hub: Hub) -> AsyncIterator[tuple[Fetcher, Arrivals, HubFile, str]]:
    arrivals = Arrivals()
    file = HubFile("model.safetensors", len(DATA), hub.oid("model.safetensors"), large=True)
    async with aiohttp.ClientSession() as http:
        fetcher = Fetcher(http, NAME, arrivals, wait=0.0)
        yield fetcher, arrivals, file, f"{hub.url}/{NAME}/resolve/main/model.safetensors"


@given(breaks=st.lists(st.integers(1, 9_000), max_size=4), ignore_ranges=st.booleans())
@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_however_often_it_breaks_the_file_is_whole_and_each_byte_counted_once(
    tmp_path_factory: pytest.TempPathFactory, breaks: list[int], ignore_ranges: bool
) -> None:
    target = tmp_path_factory.mktemp("blobs") / "file"
    async with Hub.open({"model.safetensors": DATA}, break_after=list(breaks)) as hub:
        hub.ignore_ranges = ignore_ranges
        async with fetching_from(hub) as (fetcher, arrivals, file, url):
            await fetcher.fetch(url, file, target)
    assert target.read_bytes() == DATA
    assert arrivals.total == len(DATA)
    if not ignore_ranges:
        assert hub.sent == len(DATA), "nothing is fetched twice"


def model_of(*files: HubFile) -> HubModel:
    return HubModel(NAME, "commit", ModelKind(Kind.HUGGING_FACE, "a model"), {}, files)


async def test_a_connection_that_delivers_no_more_bytes_fails_after_some_tries(
    tmp_path: Path,
) -> None:
    async with Hub.open({"model.safetensors": DATA}, break_after=[1000] + [0] * 20) as hub:
        async with fetching_from(hub) as (fetcher, _, file, url):
            with pytest.raises(Interrupted, match="cannot be reached"):
                await fetcher.fetch(url, file, tmp_path / "file")
        assert len(hub.ranges) == fetching.TRIES
    assert (tmp_path / "file.incomplete").read_bytes() == DATA[:1000], "what came is kept"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_full_disk_is_one_line_and_what_came_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def on_a_full_disk(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        stream = opened(path, mode, *rest, **more)
        if mode == "r+b":
            monkeypatch.setattr(Path, "open", opened)
            stream.close()
            return opened(Path("/dev/full"), "wb", buffering=0)
        return stream

    (tmp_path / "file.incomplete").write_bytes(DATA[:1000])
    monkeypatch.setattr(Path, "open", on_a_full_disk)
    async with Hub.open({"model.safetensors": DATA}) as hub:
        async with fetching_from(hub) as (fetcher, _, file, url):
            with pytest.raises(ModelError, match="The disk is full") as caught:
                await fetcher.fetch(url, file, tmp_path / "file")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert (tmp_path / "file.incomplete").read_bytes() == DATA[:1000]


def test_a_disk_that_is_too_small_is_known_beforehand(tmp_path: Path) -> None:
    huge = HubFile("model.safetensors", 1 << 60, "etag", large=True)
    with pytest.raises(ModelError, match=r"needs 1152921504.6 GB more in .* HF_HUB_CACHE"):
        pulling._require_room(
            HubModel(NAME, "commit", ModelKind(Kind.HUGGING_FACE, ""), {}, (huge,)),
            tmp_path / "new" / "model",
        )


async def test_a_second_pull_of_the_same_model_waits_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "look_up", lambda name: model_of())
    folder = tmp_path / ".locks" / repository_folder(tmp_path, NAME).name
    folder.mkdir(parents=True)
    with FileLock(folder / "parley.lock"):
        with pytest.raises(ModelError, match="Another parley model pull"):
            await pulling.pull(NAME, tmp_path, lambda *_: None)


async def test_a_server_that_sends_more_than_the_file_has_is_not_listened_to(
    tmp_path: Path,
) -> None:
    async with Hub.open({"model.safetensors": DATA}) as hub, fetching_from(hub) as facts:
        fetcher, arrivals, file, url = facts
        with pytest.raises(ModelError, match="arrived damaged"):
            await fetcher.fetch(url, replace(file, size=10_000), tmp_path / "file")
    assert arrivals.total == 10_000
    assert files(tmp_path) == []
