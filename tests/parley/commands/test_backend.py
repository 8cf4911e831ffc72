"""`parley backend`."""

from pathlib import Path

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
    assert line.startswith("parley: --cpu is for ipex: leave it out")


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
