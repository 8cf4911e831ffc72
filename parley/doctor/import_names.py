"""Checks that the import names of Parley are Parley's alone.

`adapters`, `bot`, `parley` and `storage` are names that other packages use, too. Installers do not
object when two packages contain the same file: the one that is installed later overwrites it, and
the one that is removed deletes it. An environment of its own avoids that.
"""

import csv
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path

from bot.checks import Result, State
from parley.doctor.packages import AREA, DISTRIBUTION

NAMES = ("adapters", "bot", "parley", "storage")
WHAT = "import names"
OWN_ENVIRONMENT = f"install Parley in an environment of its own: pipx install {DISTRIBUTION}"


def check_import_names(
    installed: Iterable[Distribution] | None = None, places: Mapping[str, Path] | None = None
) -> list[Result]:
    """One line if nothing else installs files under Parley's import names, all installed files are
    as they were packaged, and all four packages are imported from one place; else one line for
    each fault. An editable installation has no files to compare. By default `installed` is what
    this interpreter sees, and `places` the folder that contains each package. Blocking."""
    found = [each for each in _or_all(installed) if each.read_text("METADATA")]
    own = next((each for each in found if _name(each) == DISTRIBUTION), None)
    damaged = _damaged(own) if own else []
    faults = _foreign_folders(imported_from() if places is None else places)
    for other in found:
        if _name(other) != DISTRIBUTION and (shared := _under_our_names(other)):
            faults.append(_shared(other, [path for path in damaged if path in shared]))
            damaged = [path for path in damaged if path not in shared]
    if damaged:
        detail = f"{_listed(damaged)} not as installed: changed, or deleted with another package"
        faults.append(Result(AREA, WHAT, State.WARNING, detail, f"Run: {_reinstall()}"))
    text = f"{', '.join(NAMES)}: used by no other package"
    return faults or [Result(AREA, WHAT, State.OK, text)]


def imported_from() -> dict[str, Path]:
    """The folder from which each of Parley's packages is imported in this process."""
    specs = {name: find_spec(name) for name in NAMES}
    return {
        name: Path(spec.origin).parents[1] for name, spec in specs.items() if spec and spec.origin
    }


def _or_all(installed: Iterable[Distribution] | None) -> Iterable[Distribution]:
    return distributions() if installed is None else installed


def _name(distribution: Distribution) -> str:
    return str(distribution.metadata["Name"]).lower().replace("_", "-").replace(".", "-")


def _under_our_names(other: Distribution) -> set[str]:
    """The files and names that another distribution has under ours. RECORD is read as text:
    large packages list tens of thousands of files."""
    inside = tuple(f"{name}{end}" for name in NAMES for end in ("/", ".py,"))
    record = (other.read_text("RECORD") or "").splitlines()
    files = {line.split(",")[0] for line in record if line.startswith(inside)}
    # An editable installation lists only how its packages are found, and their names.
    names = set((other.read_text("top_level.txt") or "").split())
    return files | names.intersection(NAMES)


def _damaged(own: Distribution) -> list[str]:
    """The files under our names whose content is not the one in RECORD, or that are gone (which
    `Distribution.files` leaves out from Python 3.12 on). The format of RECORD: PEP 376, PEP 427."""
    rows = csv.reader((own.read_text("RECORD") or "").splitlines())
    listed = [(row[0], row[1]) for row in rows if len(row) > 1]
    return sorted(
        path
        for path, written in listed
        if path.split("/")[0] in NAMES
        and written.startswith("sha256=")
        and written.partition("=")[2] != _digest(Path(str(own.locate_file(path))))
    )


def _digest(file: Path) -> str:
    """As RECORD has it; "" where the file cannot be read."""
    try:
        digest = sha256(file.read_bytes()).digest()
    except OSError:
        return ""
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _shared(other: Distribution, overwritten: Sequence[str]) -> Result:
    label = f"{other.metadata['Name']} {other.metadata['Version']}"
    if overwritten:
        detail = f"the package {label} overwrote {_listed(overwritten)}"
        remedy = f"Uninstall it and run: {_reinstall()}; or {OWN_ENVIRONMENT}"
        return Result(AREA, WHAT, State.FAILED, detail, remedy)
    detail = f"the package {label} uses names of Parley, too; an upgrade of it can overwrite files"
    return Result(AREA, WHAT, State.WARNING, detail, f"To be safe, {OWN_ENVIRONMENT}")


def _foreign_folders(places: Mapping[str, Path]) -> list[Result]:
    home = places["parley"]
    return [
        Result(
            AREA,
            WHAT,
            State.FAILED,
            f"{name} is imported from {place}, but parley from {home}",
            f"Start Parley from another folder, without PYTHONPATH; or {OWN_ENVIRONMENT}",
        )
        for name, place in places.items()
        if place != home
    ]


def _listed(files: Sequence[str]) -> str:
    """“3 files (bot/a.py, …)”."""
    count = "1 file" if len(files) == 1 else f"{len(files)} files"
    return f"{count} ({files[0]}{', …' if len(files) > 1 else ''})"


def _reinstall() -> str:
    return f"{sys.executable} -m pip install --force-reinstall --no-deps {DISTRIBUTION}"
