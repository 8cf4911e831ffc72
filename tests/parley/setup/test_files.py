"""Files are replaced at once, privately where they hold secrets."""

import os
import stat
import sys
from pathlib import Path

import pytest

from bot.errors import ConfigError
from parley.setup.files import icacls, keep_private, replace_text, require_writable

posix = pytest.mark.skipif(sys.platform == "win32", reason="rights are not in the mode there")


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@posix
def test_a_private_file_is_for_its_owner_alone_whatever_it_was(tmp_path: Path) -> None:
    file = tmp_path / "new" / "secrets.toml"
    replace_text(file, "a", private=True)
    assert mode(file) == 0o600
    assert mode(file.parent) == 0o700
    file.chmod(0o644)
    replace_text(file, "b", private=True)
    assert (mode(file), file.read_text()) == (0o600, "b")


@posix
def test_another_file_keeps_its_rights(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("old")
    file.chmod(0o640)
    replace_text(file, "ä", private=False)
    assert (mode(file), file.read_text(encoding="utf-8")) == (0o640, "ä")
    fresh = tmp_path / "fresh.toml"
    replace_text(fresh, "", private=False)
    mask = os.umask(0)
    os.umask(mask)
    assert mode(fresh) == 0o666 & ~mask


def test_the_line_ends_of_an_editor_on_windows_stay(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"# mine\r\n[model]\r\n")
    replace_text(file, "# mine\n[model]\nname = 'demo'\n", private=False)
    assert file.read_bytes() == b"# mine\r\n[model]\r\nname = 'demo'\r\n"
    replace_text(fresh := tmp_path / "fresh.toml", "a\nb\n", private=False)
    assert fresh.read_bytes() == b"a\nb\n"


@posix
def test_a_link_keeps_pointing_to_its_file(tmp_path: Path) -> None:
    file, link = tmp_path / "file.toml", tmp_path / "link.toml"
    file.write_text("old")
    link.symlink_to(file)
    replace_text(link, "new", private=False)
    assert link.is_symlink()
    assert file.read_text() == "new"


def test_after_a_failure_the_old_text_is_there_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        replace_text(file, "new \udc80", private=False)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_a_folder_that_cannot_be_written_is_one_line_with_the_way_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    wrong = tmp_path / "file" / "config.toml"
    for write in (require_writable, lambda path: replace_text(path, "x", private=False)):
        with pytest.raises(
            ConfigError, match=r"cannot be written .* parley setup --config FILE"
        ) as e:
            write(wrong)
        assert "\n" not in str(e.value)


def test_looking_whether_a_file_can_be_written_leaves_nothing(tmp_path: Path) -> None:
    require_writable(tmp_path / "sub" / "config.toml")
    assert list((tmp_path / "sub").iterdir()) == []


@posix
def test_rights_are_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "secrets.toml"
    file.write_text("")
    file.chmod(0o666)
    keep_private(file)
    assert mode(file) == 0o600


def test_on_windows_the_users_rights_alone_are_left() -> None:
    command = icacls(Path("secrets.toml"), "ana")
    assert command == ["icacls", "secrets.toml", "/inheritance:r", "/grant:r", "ana:F"]
