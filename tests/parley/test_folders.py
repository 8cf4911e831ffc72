"""Parley works in folders of any name, and creates files that only their owner can read."""

import json
import stat
import sys
from pathlib import Path

import pytest

from tests.parley.parley_program import Program

NAMES = ["what?", "a?b=c&d", "no #1", "100%41", "a b", "naïve 名", "[x]"]

pytestmark = pytest.mark.process

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names and modes")


@posix
@pytest.mark.parametrize("name", NAMES)
def test_the_database_is_where_the_settings_say_for_every_command(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    program = Program(folder)
    program.settings["PARLEY_STORAGE__URL"] = "sqlite:///data/here.sqlite3"
    assert program.run("chat", typed="Hello\n").returncode == 0
    database = folder / "data" / "here.sqlite3"
    assert database.is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    listed = json.loads(program.run("history", "list", "--json").stdout)
    assert [one["exchanges"] for one in listed] == [1]
    status = json.loads(program.run("status", "--json").stdout)
    stored = status["database"]
    assert (stored["name"], stored["error"]) == (str(database), "")
    assert (stored["kept"]["conversations"], stored["kept"]["exchanges"]) == (1, 1)
    checks = json.loads(program.run("doctor", "--json").stdout)
    (storage,) = (check for check in checks if check["what"] == "storage")
    assert storage["detail"].startswith(f"{database}, ")


@posix
@pytest.mark.parametrize("name", NAMES)
def test_the_default_database_is_in_the_data_folder(tmp_path: Path, name: str) -> None:
    program = Program(tmp_path)
    program.settings |= {"PARLEY_STORAGE__URL": "", "XDG_DATA_HOME": str(tmp_path / name)}
    assert program.run("chat", typed="Hello\n").returncode == 0
    assert (tmp_path / name / "parley" / "parley.sqlite3").is_file()


@posix
def test_what_is_made_can_be_read_by_its_owner_alone(program: Program) -> None:
    program.settings |= {
        "PARLEY_STORAGE__URL": "",
        "XDG_DATA_HOME": str(program.folder / "share"),
    }
    assert program.run("chat", typed="Hello\n").returncode == 0
    export = program.folder / "export.json"
    assert program.run("history", "export", "terminal", "-o", str(export)).returncode == 0
    data = program.folder / "share" / "parley"
    made = [export, program.log, *data.iterdir()]
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in made} == {
        path.name: "0o600" for path in made
    }
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE(program.log.parent.stat().st_mode) == 0o700
