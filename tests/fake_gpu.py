"""A Python interpreter with a fake torch that reports an Intel GPU."""

import sys
from pathlib import Path

TORCH = """
from types import SimpleNamespace
__version__ = "2.9.0+xpu"
xpu = SimpleNamespace(
    is_available=lambda: True,
    device_count=lambda: 1,
    get_device_properties=lambda number: SimpleNamespace(
        name="Intel Arc B580", total_memory=12_000_000_000, driver_version="1.6"
    ),
)
"""


def interpreter_with_gpu(folder: Path, *, ipex: bool = False) -> str:
    """This Python with a fake torch that reports an Intel GPU and, with `ipex`, a fake ipex-llm.
    `folder` must be empty."""
    packages = folder / "packages"
    _package(packages, "torch", TORCH, "torch", "2.9.0+xpu")
    _package(packages, "transformers", '__version__ = "5.1.0"', "transformers", "5.1.0")
    if ipex:
        _package(packages, "ipex_llm", "", "ipex_llm", "2.3.0b20251110")
        (packages / "ipex_llm" / "transformers.py").touch()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return str(python)


def _package(folder: Path, module: str, code: str, name: str, version: str) -> None:
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text(code)
    facts = folder / f"{name}-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
