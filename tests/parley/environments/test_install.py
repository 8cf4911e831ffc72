"""Environments for backends: made whole, made once, and refused in one line."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import ModelError
from parley.environments.export import exporter
from parley.environments.install import (
    MARKER,
    find_python,
    install_environment,
    interpreter_in,
)
from parley.environments.recipes import (
    ENVIRONMENT,
    EXPORT,
    IPEX_CPU,
    IPEX_XPU,
    TORCH_INDEX,
    Recipe,
)


def quiet(text: str) -> None:
    """Say nothing."""


EMPTY = Recipe(pythons=((3, sys.version_info[1]),), steps=(), gigabytes=0.1, check="import json")


@pytest.mark.process
async def test_an_environment_is_made_once_and_tried_each_time(tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "environment"
    python = await install_environment(EMPTY, folder, said.append, python=sys.executable)
    assert python.exists()
    assert (folder / MARKER).exists()
    made = (folder / "pyvenv.cfg").stat().st_mtime_ns
    said.clear()
    assert await install_environment(EMPTY, folder, said.append) == python
    assert "complete already" in said[0]
    assert (folder / "pyvenv.cfg").stat().st_mtime_ns == made
    with pytest.raises(
        ModelError, match="failed with exit code 1: AssertionError: no GPU is found"
    ):
        await install_environment(
            replace(EMPTY, check="assert 0, 'no GPU is found'"), folder, said.append
        )


@pytest.mark.process
async def test_what_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    failing = replace(EMPTY, steps=(("--no-index", "no-such-package"),))
    with pytest.raises(ModelError, match="no-such-package"):
        await install_environment(failing, tmp_path, quiet, python=sys.executable)
    assert not (tmp_path / MARKER).exists()
    (tmp_path / "left-behind").touch()
    await install_environment(EMPTY, tmp_path, quiet, python=sys.executable)
    assert not (tmp_path / "left-behind").exists()


@pytest.mark.process
async def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ModelError, match="holds other files: choose another folder with --folder"):
        await install_environment(EMPTY, tmp_path, quiet, python=sys.executable)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.process
async def test_a_python_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"needs Python 2\.7, but .* is not one: install one"):
        await find_python(replace(EMPTY, pythons=((2, 7),)), sys.executable)
    with pytest.raises(ModelError, match=r"needs Python 2\.7, but none was found"):
        await find_python(replace(EMPTY, pythons=((2, 7),)))


async def test_a_disk_that_is_too_small_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="needs about 1e.09 GB"):
        await install_environment(replace(EMPTY, gigabytes=1e9), tmp_path / "new", quiet)
    assert not (tmp_path / "new").exists()


@pytest.mark.process
async def test_packages_may_lie_in_a_folder_of_the_environment(tmp_path: Path) -> None:
    """And errors name what the recipe is for."""
    folder = tmp_path / "environment"
    step = ("--no-index", "--target", f"{ENVIRONMENT}/older", "no-such-package")
    said: list[str] = []
    with pytest.raises(ModelError, match="no-such-package"):
        await install_environment(
            replace(EMPTY, steps=(step,)), folder, said.append, python=sys.executable
        )
    assert said[-1] == "Installing, step 1 of 1: no-such-package"
    with pytest.raises(ModelError, match=r"^The export environment needs Python 2\.7"):
        await find_python(replace(EXPORT, pythons=((2, 7),)))


def test_every_package_of_the_export_environment_that_decides_has_its_version() -> None:
    words = [word for step in EXPORT.steps for word in step]
    for name in ("torch", "optimum-intel", "optimum", "nncf", "openvino", "openvino-tokenizers"):
        assert any(word.startswith(f"{name}==") for word in words)
    versions = [word for word in words if word.startswith("transformers==")]
    assert versions == ["transformers==5.5.4", "transformers==5.2.0", "transformers==4.57.6"]


def test_an_export_environment_is_found_where_it_is_complete(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="parley backend install export --folder"):
        exporter(tmp_path)
    (tmp_path / MARKER).touch()
    assert exporter(tmp_path) == str(interpreter_in(tmp_path))


def test_both_recipes_install_the_same_ipex() -> None:
    versions = {
        word.partition("==")[2]
        for recipe in (IPEX_CPU, IPEX_XPU)
        for step in recipe.steps
        for word in step
        if word.startswith("ipex-llm")
    }
    assert len(versions) == 1
    assert not any("http" in word for step in IPEX_CPU.steps for word in step)


def test_only_what_is_named_with_its_version_is_a_pre_release() -> None:
    """And the GPU's torch comes from the one index that has it."""
    steps = [*IPEX_CPU.steps, *IPEX_XPU.steps]
    assert not any("--pre" in step for step in steps)
    (gpu,) = IPEX_XPU.steps
    assert [word for word in gpu if word.startswith("http")] == [TORCH_INDEX]
