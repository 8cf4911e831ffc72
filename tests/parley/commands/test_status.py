"""`parley status`."""

import json
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from tests.bot.worker.backends.openvino.test_gguf_file import finish, write
from tests.fake_choice import interpreter_that_chooses
from tests.fake_gpu import interpreter_with_gpu
from tests.fake_llama import write_fake_server
from tests.parley.parley_program import Program
from tests.tiny_gguf import write_gguf


def told(program: Program) -> dict[str, Any]:
    result = program.run("status", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def shown(program: Program) -> str:
    """The table, in lines that are long enough, with single spaces."""
    program.settings["COLUMNS"] = "1000"
    result = program.run("status")
    assert (result.returncode, result.stderr) == (0, "")
    return " ".join(result.stdout.split())


def test_it_says_where_all_lies_and_makes_nothing(program: Program) -> None:
    found = told(program)
    assert found["settings"] == ""
    assert found["database"] == {"name": str(program.database), "kept": None, "error": ""}
    assert found["converted"] == str(program.folder / "cache" / "parley")
    assert found["log"] == str(program.log)
    assert [platform["run"] for platform in found["platforms"]] == [None, None]
    assert list(program.folder.iterdir()) == []
    config = program.folder / "config.toml"
    config.write_text('[model]\nbackend = "openvino"\n')
    assert told(program)["settings"] == str(config)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' rights are not in the mode")
def test_secrets_that_others_can_read_are_warned_of_with_the_remedy(program: Program) -> None:
    (program.folder / "config.toml").write_text("")
    secrets = program.folder / "secrets.toml"
    secrets.write_text('[discord]\ntoken = "not-to-be-shown"\n')
    secrets.chmod(0o644)
    (warning,) = told(program)["warnings"]
    assert warning.startswith(f"{secrets}: other users of this machine can read these secrets")
    assert warning.endswith(f"chmod 600 {secrets}")
    said = shown(program)
    assert f"! {warning} Model" in said
    assert "not-to-be-shown" not in said
    secrets.chmod(0o600)
    assert told(program)["warnings"] == []
    assert "other users" not in shown(program)


def test_settings_of_another_backend_are_warned_of(program: Program) -> None:
    config = program.folder / "config.toml"
    config.write_text('[model.torch]\ncompile = "on"\n\n[model.openvino]\nkv_cache = "auto"\n')
    line = "[model.torch] compile: without effect, because the backend is scripted"
    assert told(program)["warnings"] == [line]
    assert f"! {line}" in shown(program)


def test_what_is_kept_is_counted(program: Program) -> None:
    for name in ("one", "two", "two"):
        assert program.run("ask", "Hello", "--conversation", name).returncode == 0
    program.settings["PARLEY_MODEL__SCRIPTED__TEXT"] = "<think>Hm, hm.</think>Fine, thanks."
    assert program.run("ask", "Hello", "--conversation", "two").returncode == 0
    kept = told(program)["database"]["kept"]
    assert (kept["conversations"], kept["exchanges"]) == (2, 4)
    assert kept["tokens"] > kept["thinking_tokens"] > 0
    said = shown(program)
    assert f"{program.database}: 2 conversations, 4 questions" in said
    assert f"{kept['tokens']:,} tokens, {kept['thinking_tokens']} of them thinking" in said


def test_the_demo_models_place_is_said_with_its_reason(program: Program) -> None:
    program.settings["PARLEY_MODEL__BACKEND"] = "auto"
    model = told(program)["model"]
    assert (model["configured"], model["backend"]) == ("auto", "openvino")
    assert "demo model" in model["reason"]
    assert model["device"].startswith("CPU (")
    assert Path(model["folder"], "config.json").exists()
    assert "Backend openvino on CPU" in shown(program)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_auto_is_chosen_in_the_models_interpreter(program: Program) -> None:
    python = interpreter_with_gpu(program.folder / "gpu")
    program.settings |= {
        "PARLEY_MODEL__BACKEND": "auto",
        "PARLEY_MODEL__PYTHON": python,
        "PARLEY_MODEL__NAME": "org/never",
    }
    model = told(program)["model"]
    assert (model["backend"], model["device"]) == ("torch", "xpu:0 (Intel Arc B580)")
    assert model["reason"] == "torch finds an Intel GPU, and ipex-llm is not installed"
    (missing,) = model["errors"]
    assert missing.endswith("parley model pull org/never")
    assert "torch on xpu:0 (Intel Arc B580) (auto: torch finds an Intel GPU" in shown(program)


FAULTS = {
    "no interpreter": ({"PYTHON": "/no/python"}, "no backend can be chosen: /no/python cannot"),
    "no such device": ({"DEVICE": "gpu.9"}, 'openvino has no device = "gpu.9"'),
    "no library": ({"BACKEND": "ipex"}, "ipex cannot run: ModuleNotFoundError"),
    "no server": ({"BACKEND": "openai"}, "base_urls is empty"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_against_it_is_said(program: Program, fault: str) -> None:
    settings, said = FAULTS[fault]
    settings = {"BACKEND": "auto", **settings}
    program.settings |= {f"PARLEY_MODEL__{key}": value for key, value in settings.items()}
    (error,) = told(program)["model"]["errors"]
    assert error.startswith(("no", "ipex", "openvino", "[model.openai]"))
    assert said in error
    assert f"✗ {error}" in shown(program)


def test_a_damaged_file_is_said_and_no_server_is_proposed(program: Program, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "cut.gguf")
    file.write_bytes(file.read_bytes()[:-100])
    program.settings |= {"PARLEY_MODEL__BACKEND": "auto", "PARLEY_MODEL__NAME": str(file)}
    model = told(program)["model"]
    (error,) = model["errors"]
    assert error.startswith(f"{file} is incomplete (it has ")
    assert error.endswith("download it again.")
    assert model["folder"] == ""


def test_a_folder_that_is_no_model_is_not_shown_as_one(program: Program, tmp_path: Path) -> None:
    for name, fault in ((tmp_path, "contains no weights"), (tmp_path / "no", "does not exist")):
        program.settings |= {"PARLEY_MODEL__BACKEND": "openvino", "PARLEY_MODEL__NAME": str(name)}
        model = told(program)["model"]
        (error,) = model["errors"]
        assert fault in error
        assert model["folder"] == ""


def test_weights_that_openvino_rounds_are_said(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "rounded.gguf"
    matrix = gguf.quantize(np.ones((64, 64), np.float32), gguf.GGMLQuantizationType.Q4_1)
    writer = write(file)
    writer.add_tensor("blk.1.attn_k.weight", matrix, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    finish(writer)
    program.settings |= {"PARLEY_MODEL__BACKEND": "openvino", "PARLEY_MODEL__NAME": str(file)}
    assert "! OpenVINO reads 4-bit weights of GGUF files less exactly" in shown(program)


def test_servers_are_named_and_no_secret_is(program: Program) -> None:
    program.settings |= {
        "PARLEY_MODEL__BACKEND": "openai",
        "PARLEY_MODEL__OPENAI__BASE_URLS": "http://me:secret@127.0.0.1:9/v1",
        "PARLEY_MODEL__OPENAI__API_KEY": "sk-secret",
        "PARLEY_STORAGE__URL": "postgresql+asyncpg://me:secret@127.0.0.1:9/parley",
        "PARLEY_DISCORD__TOKEN": "secret",
    }
    found = told(program)
    assert found["model"]["device"] == "http://****@127.0.0.1:9/v1"
    assert found["database"]["error"]
    assert found["platforms"][0] == {"name": "Discord", "on": True, "run": None}
    assert "secret" not in json.dumps(found)
    assert "Discord configured, not running (parley run)" in shown(program)


def test_a_database_that_cannot_be_read_is_said(program: Program) -> None:
    program.database.parent.mkdir()
    program.database.write_bytes(b"no database" * 1000)
    found = told(program)
    assert "file is not a database" in found["database"]["error"]


def test_wrong_settings_are_one_line(program: Program) -> None:
    program.settings["PARLEY_MODEL__DEVICE"] = "tpu"
    result = program.run("status")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("parley: PARLEY_MODEL__DEVICE")


@pytest.mark.skipif(sys.platform == "win32", reason="the fake server is a script with #!")
def test_the_llama_server_is_asked_for_its_device(program: Program, tmp_path: Path) -> None:
    devices = ["  Vulkan0: Intel(R) Arc(TM) B580 Graphics (12216 MiB, 11000 MiB free)"]
    program.settings["PARLEY_MODEL__BACKEND"] = "llamacpp"
    program.settings["PARLEY_MODEL__LLAMACPP__SERVER"] = write_fake_server(
        tmp_path, devices=devices
    )
    assert "Backend llamacpp on GPU.0 (Intel(R) Arc(TM) B580 Graphics (Vulkan0))" in shown(program)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize(("device", "told"), [("CPU", True), ("GPU.0", False)])
def test_what_would_be_faster_on_this_processor_is_a_line_except_on_a_gpu(
    program: Program, tmp_path: Path, device: str, told: bool
) -> None:
    advice = "llama.cpp writes 20 tokens a second where OpenVINO writes 12: build it"
    program.settings |= {
        "PARLEY_MODEL__BACKEND": "auto",
        "PARLEY_MODEL__NAME": "org/never",
        "PARLEY_MODEL__PYTHON": interpreter_that_chooses(tmp_path, advice=advice, device=device),
    }
    said = shown(program)
    assert f"Backend openvino on {device} (Some Device) (auto: it was asked)" in said
    assert (f"Faster {advice}" in said) is told
