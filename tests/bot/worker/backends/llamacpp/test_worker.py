"""The backend in a worker process of its own, over a fake llama-server."""

import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ModelError, WorkerLost
from bot.generation.worker_client import WorkerClient
from bot.worker.backends.llamacpp.server import _is_abandoned
from bot.worker.protocol import LoadOptions
from tests.bot.worker.backends.llamacpp.test_launch import alive
from tests.fake_llama import BYTE, END, arguments
from tests.until import until

pytestmark = pytest.mark.process

Options = Callable[..., LoadOptions]
REQUEST: dict[str, Any] = {"prompt": [5, 6], "stop": [END], "max_new_tokens": 100}


def server_pid(folder: Path) -> int:
    return int((folder / "pid").read_text())


def folders(folder: Path) -> list[Path]:
    """The folders of sockets."""
    return list(folder.glob("parley-llama-*"))


async def test_auto_runs_a_gguf_file_and_says_why(options: Options, tmp_path: Path) -> None:
    samples = (("ab", [BYTE + 97, BYTE + 98]),)
    client = await WorkerClient.launch(replace(options(samples=samples), backend="auto"))
    try:
        facts = client.facts
        assert (facts.backend, facts.device, facts.low_bit) == ("llamacpp", "CPU", "Q4_K_M")
        assert facts.note.startswith('backend "llamacpp" was chosen: OpenVINO does not run this')
        assert facts.note.endswith("llama-server 0.6.0-dev (build 11434, commit 1a2b3c4)")
        stream = client.add(REQUEST, lambda: None)
        ids: list[int] = []
        ended = None
        while ended is None:
            new, ended = await stream.next()
            ids += new
        assert ids == list(range(10, 30))
        assert ended.usage.cached_tokens == 3
    finally:
        await client.aclose()
    await until(lambda: not alive(server_pid(tmp_path)))


async def test_a_worker_that_is_killed_takes_its_server_with_it(
    options: Options, tmp_path: Path
) -> None:
    client = await WorkerClient.launch(options())
    assert alive(server_pid(tmp_path))
    os.kill(client.pid, signal.SIGKILL)
    await client.wait()
    await until(lambda: not alive(server_pid(tmp_path)))
    await client.aclose()


async def test_what_a_killed_worker_left_is_deleted_by_the_next(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    client = await WorkerClient.launch(options())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = folders(tmp_path)
    assert left
    os.kill(client.pid, signal.SIGKILL)
    await client.wait()
    await client.aclose()
    assert folders(tmp_path) == left
    # the kernel ends its server, which may listen for a moment more
    await until(lambda: all(map(_is_abandoned, left)))
    client = await WorkerClient.launch(options())
    await client.aclose()
    assert folders(tmp_path) == []


@pytest.mark.parametrize(
    ("line", "memory"), [("GGML_ASSERT failed", False), ("CUDA error: out of memory", True)]
)
async def test_a_server_that_ends_is_a_worker_that_is_lost(
    options: Options, line: str, memory: bool
) -> None:
    client = await WorkerClient.launch(options({"crash_after": 3, "crash": line}))
    stream = client.add(REQUEST, lambda: None)
    with pytest.raises(WorkerLost, match=line):
        while True:
            await stream.next()
    await client.wait()
    assert client.out_of_memory is memory
    await client.aclose()


async def test_a_context_for_which_memory_is_too_small_is_halved_once(
    options: Options, tmp_path: Path
) -> None:
    lines = ["ggml_backend_alloc: failed to allocate buffer of size 99"]
    with pytest.raises(ModelError, match="does not fit into memory .*failed to allocate buffer"):
        await WorkerClient.launch(options({"load": lines, "load_code": 1}, context=600))
    given = arguments(tmp_path)
    assert given[given.index("--ctx-size") + 1] == str(4 * 512)  # 4 slots of 300 tokens, rounded up


async def test_without_a_server_auto_is_refused_with_the_remedies(
    options: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    given = replace(options(), backend="llamacpp", server="")
    with pytest.raises(ModelError, match="build one with: parley backend install llamacpp"):
        await WorkerClient.launch(given)
