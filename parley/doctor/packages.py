"""Python, and the packages that Parley's own process needs."""

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
    """The interpreter that runs Parley itself."""
    text = f"{'.'.join(map(str, found))}, {platform.system()} {platform.machine()}"
    if found >= OLDEST:
        return Result(AREA, "Python", State.OK, text)
    wanted = ".".join(map(str, OLDEST))
    return Result(AREA, "Python", State.FAILED, text, f"Install Python {wanted} or newer.")


def check_packages(wanted: Iterable[str] | None = None) -> list[Result]:
    """One line where all are there; one for each that is missing or too old or too new."""
    if wanted is None:
        try:
            wanted = requires(DISTRIBUTION) or ()
        except PackageNotFoundError:
            remedy = "Run pip install . in Parley's folder."
            return [Result(AREA, "packages", State.FAILED, "Parley is not installed", remedy)]
    needed = [need for need in map(Requirement, wanted) if _applies(need)]
    faults = [fault for need in needed if (fault := _fault(need)) is not None]
    return faults or [Result(AREA, "packages", State.OK, f"{len(needed)} of {len(needed)} there")]


def _applies(need: Requirement) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": ""})


def _fault(need: Requirement) -> Result | None:
    remedy = f'{sys.executable} -m pip install "{need}"'
    try:
        found = version(need.name)
    except PackageNotFoundError:
        return Result(AREA, need.name, State.FAILED, "is not installed", f"Run: {remedy}")
    if need.specifier.contains(found, prereleases=True):
        return None
    detail = f"{found} is installed, and {need.specifier} is needed"
    return Result(AREA, need.name, State.FAILED, detail, f"Run: {remedy}")
