"""Downloading with the real huggingface_hub from a hub on the loopback interface."""

import asyncio
import json
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
    program: Program, hub: Hub | str, name: str = NAME, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    program.settings |= {
        "HF_ENDPOINT": hub if isinstance(hub, str) else hub.url,
        "HF_HUB_CACHE": str(cache_of(program)),
        "HF_HUB_DOWNLOAD_TIMEOUT": "5",
        **variables,
    }
    return await asyncio.to_thread(program.run, "model", "pull", name, *options)


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


async def test_what_nothing_runs_is_refused_before_anything_large_is_downloaded(
    program: Program,
) -> None:
    config = {"model_type": "llama", "quantization_config": {"quant_method": "awq"}}
    files = tiny_files(WEIGHTS) | {"config.json": json.dumps(config).encode()}
    async with Hub.open(files) as hub:
        said = refusal(await pull(program, hub))
        assert "quantized by AWQ" in said
        assert "OpenVINO/Tiny-chat-int4-ov" in said
        assert "--force" in said
        assert hub.sent == 0
    assert not list(cache_of(program).rglob("*"))


async def test_what_no_memory_or_disk_here_holds_is_refused_before_it_is_downloaded(
    program: Program,
) -> None:
    async with Hub.open(tiny_files(WEIGHTS), sizes={"model.safetensors": 1 << 50}) as hub:
        said = refusal(await pull(program, hub))
        assert f"{NAME} needs" in said
        assert "GB of memory" in said
        assert "parley model recommend" in said
        said = refusal(await pull(program, hub, NAME, "--force"))
        assert "needs 1125899.9 GB more in" in said, "a disk cannot be forced"
        assert hub.sent == 0


async def test_force_downloads_also_what_nothing_runs(program: Program) -> None:
    files = {"config.json": b"{}", "pytorch_model.bin": b"p" * 1000}
    async with Hub.open(files) as hub:
        assert "pickled weights" in refusal(await pull(program, hub))
        result = await pull(program, hub, NAME, "--force")
        assert result.returncode == 0, result.stderr
        folder = cached_snapshot(cache_of(program), NAME)
        assert folder is not None
        assert (folder / "pytorch_model.bin").exists()


async def test_pull_says_what_runs_the_model_and_how_large_it_is(program: Program) -> None:
    async with Hub.open(tiny_files(WEIGHTS)) as hub:
        result = await pull(program, hub)
    assert f"{NAME} is a Hugging Face model of type llama, 0.3 MB to download." in result.stdout
    assert "It runs with: openvino (converted at the first start), or torch" in result.stdout


async def test_an_export_for_openvino_is_downloaded_listed_and_found(program: Program) -> None:
    export = {
        "config.json": json.dumps({"model_type": "qwen3"}).encode(),
        "tokenizer.json": b"{}",
        "openvino_model.xml": b"<net/>",
        "openvino_model.bin": WEIGHTS,
        "openvino_tokenizer.bin": b"t" * 1000,
    }
    async with Hub.open(export, large=frozenset({"openvino_model.bin"})) as hub:
        result = await pull(program, hub)
        assert result.returncode == 0, result.stderr
        assert "It runs with: openvino.\n" in result.stdout
        assert hub.sent == len(WEIGHTS)
    listed = json.loads(program.run("model", "list", "--json").stdout)["models"]
    (model,) = [each for each in listed if each["name"] == NAME]
    assert (model["kind"], model["backends"], model["whole"]) == ("openvino", ["openvino"], True)


async def test_one_quantization_of_a_gguf_repository_is_downloaded(program: Program) -> None:
    files = {"README.md": b"", "m-Q4_K_M.gguf": b"4" * 1000, "m-Q8_0.gguf": b"8" * 2000}
    large = frozenset({"m-Q4_K_M.gguf", "m-Q8_0.gguf"})
    async with Hub.open(files, large=large) as hub:
        result = await pull(program, hub, f"{NAME}:Q8_0", PATH=str(program.folder))
        assert result.returncode == 0, result.stderr
        assert hub.sent == 2000
        assert f'name = "{NAME}:Q8_0"' in result.stdout
        assert "build it: parley backend install llamacpp" in result.stdout
        result = await pull(program, hub, PARLEY_MODEL__LLAMACPP__SERVER="/bin/llama-server")
        assert result.returncode == 0, result.stderr
        assert "parley backend install" not in result.stdout
        assert hub.sent == 3000
    folder = cached_snapshot(cache_of(program), NAME)
    assert folder is not None
    assert {path.name for path in folder.iterdir()} == set(files)


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


@pytest.mark.parametrize("wrong", [{"digest": "../../../evil"}, {"commit": "../../evil"}])
async def test_a_mirror_names_no_file_outside_the_cache(
    program: Program, wrong: dict[str, str]
) -> None:
    async with Hub.open(tiny_files(WEIGHTS), **wrong) as hub:
        assert "The Hub tells no checksums of" in refusal(await pull(program, hub))
        assert not hub.sent
    assert not list(program.folder.rglob("evil*"))


async def test_a_folder_that_cannot_be_written_is_one_line(program: Program) -> None:
    async with Hub.open(tiny_files()) as hub:
        said = refusal(await pull(program, hub, HF_HUB_CACHE="/proc/hub"))
    assert "/proc" in said
    assert "HF_HUB_CACHE" in said


async def test_the_demo_model_needs_no_download(program: Program) -> None:
    result = await pull(program, "http://127.0.0.1:9", "demo")
    assert (result.returncode, result.stderr) == (0, "")
