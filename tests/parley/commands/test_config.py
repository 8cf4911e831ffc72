"""`parley config example`: the settings, wherever Parley was installed."""

import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.parley.parley_program import REPOSITORY, Program

EXAMPLE = (REPOSITORY / "config.example.toml").read_text(encoding="utf-8")


def test_the_example_is_printed(program: Program) -> None:
    result = program.run("config", "example")
    assert (result.returncode, result.stdout, result.stderr) == (0, EXAMPLE, "")


def test_the_example_is_written_and_replaces_nothing_unasked(program: Program) -> None:
    file = program.folder / "config.toml"
    assert program.run("config", "example", "--output", str(file)).returncode == 0
    assert file.read_text(encoding="utf-8") == EXAMPLE
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, "tokens will stand in it"
    file.write_text("mine")
    refused = program.run("config", "example", "--output", str(file))
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"parley: {file} exists already; choose another file, or overwrite it with --force"
    ]
    assert file.read_text() == "mine"
    assert program.run("config", "example", "-o", str(file), "--force").returncode == 0
    assert file.read_text(encoding="utf-8") == EXAMPLE


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The sources as a builder gets them, without what tests and builds left there."""
    folder = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.safetensors")
    for name in ("parley", "bot", "adapters", "storage"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder)
    shutil.copy(REPOSITORY / "config.example.toml", folder)
    return folder


@pytest.mark.process
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_the_example_is_in_what_is_distributed(checkout: Path, kind: str) -> None:
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}('dist'))"
    (checkout / "dist").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (made,) = (checkout / "dist").iterdir()
    if kind == "wheel":
        with zipfile.ZipFile(made) as wheel:
            assert wheel.read("parley/config.example.toml").decode() == EXAMPLE
            assert "bot/prompting/template_process.py" in wheel.namelist()
    else:
        shutil.unpack_archive(made, checkout / "unpacked", filter="data")
        (source,) = (checkout / "unpacked").iterdir()
        assert (source / "config.example.toml").read_text(encoding="utf-8") == EXAMPLE
        assert (source / "setup.py").is_file()
