"""Adds `config.example.toml`, which stands at the top of the repository, to the package `parley`.

All else about the distribution is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

EXAMPLE = "config.example.toml"


class BuildWithExample(build_py):
    """Copies the documented settings into the package, where `parley config example` reads them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copyfile(EXAMPLE, Path(self.build_lib) / "parley" / EXAMPLE)


setup(cmdclass={"build_py": BuildWithExample})
