"""Wheel and sdist contain what an installation needs."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools import package
from tools.release import version

BUILD = """
import sys
from setuptools import build_meta
folder = sys.argv[1]  # building changes sys.argv
build_meta.build_wheel(folder)
build_meta.build_sdist(folder)
"""


SOURCE = "https://forge.example/parley"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheel and sdist, built of a copy of the tree, without a network. The copy's
    repository is at `SOURCE`."""
    pytest.importorskip("setuptools", minversion="77")
    tree, dist = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    skipped = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(package.ROOT, tree, ignore=skipped, dirs_exist_ok=True)
    project = (tree / "pyproject.toml").read_text("utf-8")
    named = re.sub(
        r"^(# )?urls = .*$", f'urls = {{ Source = "{SOURCE}" }}', project, flags=re.MULTILINE
    )
    (tree / "pyproject.toml").write_text(named, "utf-8")
    made = subprocess.run(
        [sys.executable, "-c", BUILD, str(dist)], cwd=tree, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return dist


@pytest.mark.process
def test_the_wheel_has_the_files_of_the_tree_and_no_others(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert package.wheel_differences(wheel) == []


@pytest.mark.process
def test_the_sdist_has_the_packages_and_what_the_readme_links_to(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    assert package.sdist_differences(sdist) == []


@pytest.mark.process
def test_links_and_pictures_of_the_description_lead_to_the_repository(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        described = archive.read(name).decode()
    at = f"{SOURCE}/blob/v{version()}"
    assert "Description-Content-Type: text/markdown" in described
    assert f"]({at}/docs/models.md)" in described
    assert f'src="{at}/docs/chat-slack.svg?raw=true"' in described
    assert not package.linked(described)


@pytest.mark.process
def test_parley_runs_from_the_wheel_alone(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = [sys.executable, "-m", "parley", "config", "example"]
    env = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONUTF8": "1"}
    run = subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, encoding="utf-8")
    assert run.stdout == (package.ROOT / package.EXAMPLE).read_text("utf-8")


@pytest.mark.process
def test_the_program_starts_though_another_package_overwrote_its_first_file(
    built: Path, tmp_path: Path
) -> None:
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    (tmp_path / "parley" / "__init__.py").write_text("class StopActor(Exception): ...\n")
    (script,) = tmp_path.glob("*.dist-info/entry_points.txt")
    assert "parley = parley.__main__:main" in script.read_text("utf-8")
    start = "from parley.__main__ import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", start, "--version"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
    )
    assert run.stdout == f"Parley {version()}\n"


def test_the_files_that_an_installation_needs_are_those_of_the_packages() -> None:
    files = package.files_of_packages()
    assert {"bot/demo_model/model.safetensors", "parley/py.typed", "bot/models/catalogue.toml"} <= (
        files
    )
    assert not any(name.endswith((".pyc", ".mako")) for name in files)


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "a.py").touch()
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as wheel:
        wheel.writestr("bot/secret.txt", "")
        wheel.writestr("parley/config.example.toml", "")
        wheel.writestr("x-1.dist-info/METADATA", "")
    assert package.wheel_differences(tmp_path / "x.whl", tmp_path) == [
        "x.whl lacks bot/a.py",
        "x.whl has bot/secret.txt, which is not in the tree",
    ]


def test_an_sdist_without_a_picture_of_the_readme_is_incomplete(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text('[a](docs/a.md) <img src="docs/b.svg"> [c](https://c.org)')
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as sdist:
        for name in ("config.example.toml", "pyproject.toml", "setup.py", "LICENSE", "README.md"):
            sdist.addfile(tarfile.TarInfo(f"x-1/{name}"))
    assert package.sdist_differences(tmp_path / "x.tar.gz", tmp_path) == [
        "x.tar.gz lacks docs/a.md",
        "x.tar.gz lacks docs/b.svg",
    ]


def test_a_folder_without_packages_is_an_error(tmp_path: Path) -> None:
    assert package.main([str(tmp_path)]) == 1
