"""A release is made only where tag, version and changelog agree."""

import pytest

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


def test_the_version_of_this_tree_can_be_released() -> None:
    release.check(f"v{release.version()}")


def test_another_tag_is_refused_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["check", "v999.0.0"]) == 1
    assert capsys.readouterr().err == (
        f"not ready: the tag is v999.0.0, but pyproject.toml has the version {release.version()}\n"
    )


def test_constraints_pin_every_package_once_and_parley_never() -> None:
    lines = release.constraints().splitlines()
    assert lines == sorted(set(lines))
    assert not any(line.startswith(("parley", "pip==")) for line in lines)
    assert any(line.startswith("pytest==") for line in lines)
    assert not any("+" in line for line in lines)
