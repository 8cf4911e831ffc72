"""A release is made only where tag, version and changelog agree."""

import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import release

CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-12-01

### Added

- A thing.

## [1.1.0] - 2026-11-01

## [1.0.0] - 2026-10-01

- The first.
"""


def test_the_notes_are_the_section_of_that_version_alone() -> None:
    assert release.notes("1.2.0", CHANGELOG) == "### Added\n\n- A thing.\n"
    assert release.notes("1.0.0", CHANGELOG) == "- The first.\n"


@pytest.mark.parametrize(
    ("version", "why"), [("1.3.0", "has no section"), ("1.1.0", "is empty"), ("1.2", "no section")]
)
def test_a_version_that_the_changelog_lacks_is_not_released(version: str, why: str) -> None:
    with pytest.raises(release.NotReady, match=why):
        release.notes(version, CHANGELOG)


def test_the_changelog_has_the_version_of_this_tree() -> None:
    release.check(f"v{release.version()}")


def test_another_tag_is_refused_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["check", "v999.0.0"]) == 1
    assert capsys.readouterr().err == (
        f"not ready: the tag is v999.0.0, but pyproject.toml has the version {release.version()}\n"
    )


def pins(text: str) -> dict[str, str]:
    """Versions by name, in the order of the lines."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_constraints_pin_what_is_installed_but_parley_and_the_installers() -> None:
    found = pins(release.constraints())
    assert list(found) == sorted(found)
    assert not {"parley-chat", "pip", "wheel"} & set(found)
    assert found["pytest"] == metadata.version("pytest")
    assert not any("+" in version for version in found.values())


def requirements() -> list[Requirement]:
    """What Parley and its tests require directly."""
    project = tomllib.loads((release.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"], *extras["torch"]]
    return [Requirement(each) for each in wanted]


@pytest.mark.parametrize("need", requirements(), ids=lambda need: need.name)
def test_the_constraints_of_ci_pin_every_requirement_to_a_version_that_fits(
    need: Requirement,
) -> None:
    found = pins((release.ROOT / "constraints.txt").read_text("utf-8"))
    name = canonicalize_name(need.name)
    assert name in found, "run: make constraints"
    assert need.specifier.contains(found[name]), "run: make constraints"


def test_the_constraints_have_the_torch_that_the_tests_install() -> None:
    found = pins((release.ROOT / "constraints.txt").read_text("utf-8"))
    makefile = (release.ROOT / "Makefile").read_text("utf-8")
    assert f"TORCH := torch=={found['torch']}\n" in makefile
