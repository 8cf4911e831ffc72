"""What a release needs besides building: that version, tag and changelog agree, and its notes.

python -m tools.release check v0.2.0     exit code 1, and one line, where they do not agree
python -m tools.release notes v0.2.0     print the changelog of that version
python -m tools.release constraints      print the installed versions, for constraints.txt
"""

import re
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWN = "parley-chat"


class NotReady(Exception):
    """The release cannot be made: one line that says why."""


def version() -> str:
    """The version in pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def notes(wanted: str, changelog: str | None = None) -> str:
    """The section of `wanted` ("0.2.0") in the changelog, without its heading. Raises NotReady
    where there is none, or an empty one."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8") if changelog is None else changelog
    heading = rf"^## \[{re.escape(wanted)}\] - \d{{4}}-\d\d-\d\d$"
    found = re.search(rf"{heading}\n(.*?)(?=^## \[|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise NotReady(f"CHANGELOG.md has no section “## [{wanted}] - YYYY-MM-DD”")
    if not found[1].strip():
        raise NotReady(f"the section of {wanted} in CHANGELOG.md is empty")
    return found[1].strip() + "\n"


def check(tag: str) -> None:
    """Raises NotReady where `tag` is not the version, or the changelog lacks it."""
    if tag != f"v{version()}":
        raise NotReady(f"the tag is {tag}, but pyproject.toml has the version {version()}")
    notes(version())


def constraints() -> str:
    """constraints.txt: the versions of all installed distributions but Parley's own, sorted by
    name, one on a line. Of torch, the build's name (“+cpu”) is left out: CI takes the one for its
    machine."""
    found = {
        re.sub(r"[-_.]+", "-", each.name).lower(): each.version.partition("+")[0]
        for each in distributions()
    }
    for own in (OWN, "pip", "wheel"):
        found.pop(own, None)
    python = ".".join(map(str, sys.version_info[:2]))
    lines = [f"{name}=={found[name]}" for name in sorted(found)]
    heading = f"# Versions with which CI runs on Python {python}. To renew: make constraints"
    return "\n".join([heading, *lines]) + "\n"


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["check", tag]:
                check(tag)
            case ["notes", tag]:
                sys.stdout.write(notes(tag.removeprefix("v")))
            case ["constraints"]:
                sys.stdout.write(constraints())
            case _:
                sys.stderr.write(__doc__ or "")
                return 2
    except NotReady as error:
        sys.stderr.write(f"not ready: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
