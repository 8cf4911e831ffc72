"""Downloading with the real huggingface_hub from a hub on the loopback interface."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from bot.models.find import cached_snapshot
from tests.hub_loopback import NAME, Hub, tiny_files
from tests.parley.parley_program import Program

WEIGHTS = os.urandom(300_000)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def cache_of(program: Program) -> Path:
    return program.folder / "hub"


async def pull(
    program: Program, hub: Hub | str, name: str = NAME, **variables: str
) -> subprocess.CompletedProcess[str]:
    program.settings |= {
        "HF_ENDPOINT": hub if isinstance(hub, str) else hub.url,
        "HF_HUB_CACHE": str(cache_of(program)),
        "HF_HUB_DOWNLOAD_TIMEOUT": "5",
        **variables,
    }
    return await asyncio.to_thread(program.run, "model", "pull", name)


def refusal(result: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failed download prints."""
    assert result.returncode == 1, result
    (line,) = result.stderr.splitlines()
    return line.removeprefix("parley: ")


async def test_a_model_is_downloaded_where_the_settings_find_it(program: Program) -> None:
    async with Hub.open(tiny_files(WEIGHTS)) as hub:
        result = await pull(program, hub)
        assert result.returncode == 0, result.stderr
        folder = cached_snapshot(cache_of(program), NAME)
        assert folder is not None
        assert str(folder) in result.stdout
        assert (folder / "model.safetensors").read_bytes() == WEIGHTS
        assert (folder / "config.json").read_bytes() == hub.files["config.json"]
        assert (folder.parents[1] / "refs" / "main").read_text() == hub.commit
        names = {path.name for path in folder.iterdir()}
        assert "pytorch_model.bin" not in names, "a second form of the weights"
        assert "modeling_strange.py" not in names, "a program"
        assert "LICENSE.txt" in names


async def test_what_is_there_is_not_fetched_again(program: Program) -> None:
    async with Hub.open(tiny_files(WEIGHTS)) as hub:
        await pull(program, hub)
        assert (await pull(program, hub)).returncode == 0
        assert hub.sent == len(WEIGHTS)


async def test_a_download_that_was_interrupted_goes_on_where_it_stopped(program: Program) -> None:
    async with Hub.open(tiny_files(WEIGHTS)) as hub:
        blobs = cache_of(program) / "models--meta-llama--Tiny-chat-hf" / "blobs"
        blobs.mkdir(parents=True)
        (blobs / f"{hub.oid('model.safetensors')}.incomplete").write_bytes(WEIGHTS[:200_000])
        assert (await pull(program, hub)).returncode == 0
        assert hub.ranges == ["bytes=200000-"]
        folder = cached_snapshot(cache_of(program), NAME)
        assert folder is not None
        assert (folder / "model.safetensors").read_bytes() == WEIGHTS


async def test_the_token_comes_from_the_environment_and_goes_to_the_hub_only(
    program: Program,
) -> None:
    async with Hub.open(tiny_files(WEIGHTS), gated=True, token="hf_right") as hub:
        result = await pull(program, hub, HF_TOKEN="hf_right")
        assert result.returncode == 0, result.stderr
        assert hub.tokens_at_storage == [""]


async def test_a_gated_model_says_how_to_get_access(program: Program) -> None:
    async with Hub.open(tiny_files(), gated=True, token="hf_right") as hub:
        said = refusal(await pull(program, hub))
        assert f"{NAME} is gated" in said
        assert f"{hub.url}/{NAME}" in said
        assert "HF_TOKEN" in said
        said = refusal(await pull(program, hub, HF_TOKEN="hf_other"))
        assert "your account has no access" in said
        assert "hf_other" not in said
        assert hub.sent == 0
    assert cached_snapshot(cache_of(program), NAME) is None


async def test_a_missing_model_and_a_bad_token_are_told_apart(program: Program) -> None:
    async with Hub.open(tiny_files()) as hub:
        assert "has no model nobody/nothing" in refusal(await pull(program, hub, "nobody/nothing"))
        said = refusal(await pull(program, hub, HF_TOKEN="expired"))
        assert "does not accept the token" in said


async def test_a_name_that_is_none_is_refused_without_asking(program: Program) -> None:
    assert "write the owner and the model" in refusal(
        await pull(program, "http://127.0.0.1:9", "x")
    )


async def test_a_repository_without_safetensors_says_what_to_take(program: Program) -> None:
    files = {"config.json": b"{}", "model.gguf": b"g"}
    async with Hub.open(files) as hub:
        said = refusal(await pull(program, hub))
    assert "no safetensors weights (only .gguf)" in said


async def test_without_a_network_it_is_one_line(program: Program) -> None:
    said = refusal(await pull(program, "http://127.0.0.1:9"))
    assert "http://127.0.0.1:9 cannot be reached" in said
    assert "is kept" not in said, "nothing was downloaded"
    said = refusal(await pull(program, "http://127.0.0.1:9", HF_HUB_OFFLINE="1"))
    assert "HF_HUB_OFFLINE is set" in said


async def test_a_hub_that_fails_is_one_line(program: Program) -> None:
    async with Hub.open(tiny_files(), status=500) as hub:
        said = refusal(await pull(program, hub))
        assert "answers HTTP 500" in said
        assert "is kept" not in said, "nothing was downloaded"


async def test_a_failed_download_says_what_is_kept_only_where_there_is_something(
    program: Program,
) -> None:
    blobs = cache_of(program) / "models--meta-llama--Tiny-chat-hf" / "blobs"
    blobs.mkdir(parents=True)
    async with Hub.open(tiny_files(WEIGHTS), status=429) as hub:
        assert "is kept" not in refusal(await pull(program, hub))
        (blobs / f"{hub.oid('model.safetensors')}.incomplete").write_bytes(WEIGHTS[:1000])
        assert "What has been downloaded is kept" in refusal(await pull(program, hub))


async def test_a_damaged_download_is_deleted(program: Program) -> None:
    async with Hub.open(tiny_files(WEIGHTS), damage=True) as hub:
        assert "wrong checksum" in refusal(await pull(program, hub))
        assert not list(cache_of(program).rglob("*.incomplete"))
        hub.damage = False
        assert (await pull(program, hub)).returncode == 0


async def test_a_folder_that_cannot_be_written_is_one_line(program: Program) -> None:
    async with Hub.open(tiny_files()) as hub:
        said = refusal(await pull(program, hub, HF_HUB_CACHE="/proc/hub"))
    assert "/proc" in said
    assert "HF_HUB_CACHE" in said


async def test_the_demo_model_needs_no_download(program: Program) -> None:
    result = await pull(program, "http://127.0.0.1:9", "demo")
    assert (result.returncode, result.stderr) == (0, "")
