"""`parley doctor` notices other packages that use Parley's import names."""

import csv
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path

import pytest

from bot.checks import Result, State
from parley.doctor.import_names import NAMES, check_import_names, imported_from

OURS = {"parley/__init__.py": "ours", "bot/__init__.py": "ours", "bot/a.py": "ours"}


def installed(place: Path, name: str, files: Mapping[str, str], top_level: str = "") -> None:
    """What an installer leaves of a wheel: its files, overwriting others, and its dist-info."""
    info = place / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if top_level:
        (info / "top_level.txt").write_text(f"{top_level}\n")
    with (info / "RECORD").open("w", newline="") as record:
        rows = csv.writer(record)
        for path, content in files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(content)
            digest = urlsafe_b64encode(sha256(content.encode()).digest()).decode().rstrip("=")
            rows.writerow([path, f"sha256={digest}", len(content)])
        rows.writerow([f"{info.name}/RECORD", "", ""])


def check(place: Path, places: Mapping[str, Path] | None = None) -> list[Result]:
    return check_import_names(
        distributions(path=[str(place)]), places or dict.fromkeys(NAMES, place)
    )


def test_an_environment_of_its_own_is_one_line(tmp_path: Path) -> None:
    installed(tmp_path, "parley-chat", OURS)
    installed(tmp_path, "robots", {"robots/bot/__init__.py": "", "bottle.py": "", "bots/a.py": ""})
    (result,) = check(tmp_path)
    assert result.state is State.OK
    assert "adapters, bot, parley, storage" in result.detail


def test_a_package_that_overwrote_files_is_named_with_the_remedy(tmp_path: Path) -> None:
    installed(tmp_path, "parley-chat", OURS)
    installed(tmp_path, "Robot", {"bot/__init__.py": "theirs", "bot/b.py": "theirs"})
    (result,) = check(tmp_path)
    assert result.state is State.FAILED
    assert result.detail == "the package Robot 1.0 overwrote 1 file (bot/__init__.py)"
    assert "--force-reinstall" in result.remedy
    assert "pipx install parley-chat" in result.remedy


def test_a_package_that_was_overwritten_by_parley_is_a_warning(tmp_path: Path) -> None:
    installed(tmp_path, "robot", {"bot/__init__.py": "theirs"})
    installed(tmp_path, "parley-chat", OURS)
    (result,) = check(tmp_path)
    assert result.state is State.WARNING
    assert "robot 1.0 uses names of Parley" in result.detail


@pytest.mark.parametrize(
    ("files", "top_level"),
    [({"storage.py": "theirs"}, ""), ({"__editable__.robot.pth": "/src"}, "adapters\ntests")],
    ids=["a module", "an editable installation"],
)
def test_a_package_with_one_of_the_names_is_a_warning(
    tmp_path: Path, files: Mapping[str, str], top_level: str
) -> None:
    installed(tmp_path, "parley-chat", OURS)
    installed(tmp_path, "robot", files, top_level)
    assert [each.state for each in check(tmp_path)] == [State.WARNING]


def test_files_that_nobody_owns_up_to_are_counted(tmp_path: Path) -> None:
    installed(tmp_path, "parley-chat", OURS)
    (tmp_path / "bot" / "a.py").unlink()
    (tmp_path / "parley" / "__init__.py").write_text("changed by hand")
    (result,) = check(tmp_path)
    assert result.state is State.WARNING
    assert result.detail.startswith("2 files (bot/a.py, …) not as installed")


def test_an_editable_installation_has_no_files_to_compare(tmp_path: Path) -> None:
    installed(tmp_path, "parley-chat", {"__editable__.parley_chat.pth": "/src"}, "\n".join(NAMES))
    assert [each.state for each in check(tmp_path)] == [State.OK]


def test_a_half_removed_package_is_passed_over(tmp_path: Path) -> None:
    installed(tmp_path, "parley-chat", OURS)
    (tmp_path / "~obot-1.0.dist-info").mkdir()
    assert [each.state for each in check(tmp_path)] == [State.OK]


def test_a_package_imported_from_elsewhere_is_named(tmp_path: Path) -> None:
    installed(tmp_path, "parley-chat", OURS)
    places = dict.fromkeys(NAMES, tmp_path) | {"bot": tmp_path / "elsewhere"}
    (result,) = check(tmp_path, places)
    assert result.state is State.FAILED
    assert result.detail.startswith(f"bot is imported from {tmp_path / 'elsewhere'}")


def test_this_process_imports_all_of_parley_from_one_place() -> None:
    root = Path(__file__).parents[3]
    assert imported_from() == dict.fromkeys(NAMES, root)
