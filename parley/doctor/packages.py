"""Checks of Parley's own Python and of the packages installed in it."""

import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from bot.checks import Result, State

AREA = "Python"
OLDEST = (3, 11)
DISTRIBUTION = "parley-chat"


def check_python(found: tuple[int, ...] = sys.version_info[:3]) -> Result:
    """Whether the interpreter that runs Parley is new enough."""
    text = f"{'.'.join(map(str, found))}, {platform.system()} {platform.machine()}"
    if found >= OLDEST:
        return Result(AREA, "Python", State.OK, text)
    wanted = ".".join(map(str, OLDEST))
    return Result(AREA, "Python", State.FAILED, text, f"Install Python {wanted} or newer.")


def check_packages(wanted: Iterable[str] | None = None) -> list[Result]:
    """One line if all required packages are installed, else one for each that is missing or has
    the wrong version. `wanted` are requirements (PEP 508), by default Parley's own."""
    if wanted is None:
        try:
            wanted = requires(DISTRIBUTION) or ()
        except PackageNotFoundError:
            remedy = "Run: pip install . (in the folder of Parley's source)"
            return [Result(AREA, "packages", State.FAILED, "Parley is not installed", remedy)]
    needed = [need for need in map(Requirement, wanted) if _applies(need)]
    faults = [fault for need in needed if (fault := _fault(need)) is not None]
    return faults or [Result(AREA, "packages", State.OK, f"all {len(needed)} installed")]


def _applies(need: Requirement) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": ""})


def _fault(need: Requirement) -> Result | None:
    remedy = f'{sys.executable} -m pip install "{need}"'
    try:
        found = version(need.name)
    except PackageNotFoundError:
        return Result(AREA, need.name, State.FAILED, "not installed", f"Run: {remedy}")
    if need.specifier.contains(found, prereleases=True):
        return None
    detail = f"{found} is installed, but {need.specifier} is required"
    return Result(AREA, need.name, State.FAILED, detail, f"Run: {remedy}")
