"""What pyproject.toml cannot say: `config.example.toml`, which stands at the top of the repository,
becomes part of the package `parley`; and the links of README.md lead to the repository where the
package index shows it.
"""

import re
import shutil
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

EXAMPLE = "config.example.toml"
RELATIVE = re.compile(r'(\]\(|src=")(?!https?://|mailto:|#)([^)"\s]+)')


class BuildWithExample(build_py):
    """Copies the documented settings into the package, where `parley config example` reads them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copyfile(EXAMPLE, Path(self.build_lib) / "parley" / EXAMPLE)


def description() -> str:
    """README.md; its relative links lead to the files of this version at `Source` in the project's
    urls. Without that, they stay as they are."""
    text = Path("README.md").read_text("utf-8")
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    source = project.get("urls", {}).get("Source", "").rstrip("/")
    if not source:
        return text

    def absolute(found: "re.Match[str]") -> str:
        picture = "?raw=true" if found[2].endswith(".svg") else ""
        return f"{found[1]}{source}/blob/v{project['version']}/{found[2]}{picture}"

    return RELATIVE.sub(absolute, text)


setup(
    cmdclass={"build_py": BuildWithExample},
    long_description=description(),
    long_description_content_type="text/markdown",
)
