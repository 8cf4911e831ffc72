"""`parley backend`."""

import sys
from pathlib import Path

import pytest

from parley.environments.llamacpp_build import MARKER, _described
from tests.fake_llama import write_fake_server
from tests.parley.parley_program import Program


def test_a_folder_of_somebodys_own_is_refused_in_one_line(program: Program, tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").touch()
    done = program.run("backend", "install", "ipex", "--cpu", "--folder", str(tmp_path / "papers"))
    assert done.returncode == 1
    *_, last = done.stderr.splitlines()
    assert last.startswith("parley: ")
    assert "Traceback" not in done.stderr
    assert (tmp_path / "papers" / "thesis.txt").exists()


def test_the_export_environment_has_no_gpu_build(program: Program) -> None:
    done = program.run("backend", "install", "export", "--cpu")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("parley: --cpu and --gpu are not for exports")


def test_an_export_environment_that_is_not_there_is_told(program: Program, tmp_path: Path) -> None:
    program.settings["PARLEY_MODEL__BACKEND"] = "openvino"
    done = program.run("model", "prepare", "demo", "--environment", str(tmp_path))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"parley backend install export --folder {tmp_path}" in line


def test_it_says_first_that_intel_archived_ipex(program: Program) -> None:
    done = program.run("backend", "install", "ipex", "--python", "/no/such/python")
    first, last = done.stderr.splitlines()
    assert first.startswith("Intel archived ipex-llm in January 2026")
    assert last.startswith("parley: ipex-llm needs Python 3.11 or 3.10, but /no/such/python is")
    assert done.returncode == 1


def test_options_of_the_other_backend_are_refused(program: Program) -> None:
    done = program.run("backend", "install", "ipex", "--gpu", "vulkan")
    assert (done.returncode, done.stderr) == (1, "parley: --gpu is for llamacpp: leave it out.\n")
    done = program.run("backend", "install", "llamacpp", "--cpu")
    assert done.returncode == 1
    assert "--cpu and --python are for ipex" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="the fake server is a script with #!")
def test_a_llama_server_that_is_there_is_tested_and_its_settings_are_printed(
    program: Program, tmp_path: Path
) -> None:
    server = write_fake_server(tmp_path)
    (tmp_path / MARKER).write_text(_described(""))
    done = program.run("backend", "install", "llamacpp", "--folder", str(tmp_path))
    assert done.returncode == 0
    assert "is complete already" in done.stderr
    assert done.stdout.endswith(f"[model.llamacpp]\nserver = '{server}'\n")
