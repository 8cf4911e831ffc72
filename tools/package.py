"""Compare the built wheel and sdist with the tree.

    python -m tools.package dist     exit code 1, and one line for each difference

The wheel holds every file of the four packages, their data too, and config.example.toml; and
nothing else. The sdist holds all of that, and every file to which README.md links.
"""

import re
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
PACKAGES = ("adapters", "bot", "parley", "storage")
EXAMPLE = "config.example.toml"
NOT_INSTALLED = {"storage/migrations/script.py.mako"}
"""Only `tools.new_migration` reads it, in a checkout."""


def files_of_packages(root: Path = ROOT) -> set[str]:
    """The files that an installation needs, as the wheel names them."""
    found = {
        path.relative_to(root).as_posix()
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return (found - NOT_INSTALLED) | {f"parley/{EXAMPLE}"}


def linked(readme: str) -> set[str]:
    """The files of the repository to which README.md links, or whose picture it shows."""
    targets = re.findall(r'(?:\]\(|(?:src|srcset)=")(?!https?:)([^)#"\s]+)', readme)
    return {target for target in targets if not target.startswith("mailto:")}


def wheel_differences(wheel: Path, root: Path = ROOT) -> list[str]:
    """One line for each file that is missing in the wheel, or that should not be there."""
    inside = zipfile.ZipFile(wheel).namelist()
    packed = {name for name in inside if not PurePosixPath(name).parts[0].endswith(".dist-info")}
    wanted = files_of_packages(root)
    return [
        *(f"{wheel.name} lacks {name}" for name in sorted(wanted - packed)),
        *(f"{wheel.name} has {name}, which is not in the tree" for name in sorted(packed - wanted)),
    ]


def sdist_differences(sdist: Path, root: Path = ROOT) -> list[str]:
    """One line for each file that is missing in the sdist."""
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    wanted = files_of_packages(root) - {f"parley/{EXAMPLE}"}
    wanted |= {EXAMPLE, "pyproject.toml", "setup.py", "LICENSE", "README.md"}
    wanted |= linked((root / "README.md").read_text("utf-8"))
    return [f"{sdist.name} lacks {name}" for name in sorted(wanted - packed)]


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0] if arguments else "dist")
    wheels, sdists = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    found = [line for wheel in wheels for line in wheel_differences(wheel)]
    found += [line for sdist in sdists for line in sdist_differences(sdist)]
    if not (wheels and sdists):
        found.append(f"there is no wheel, or no sdist, in {folder}")
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
