"""An error is one line that names the thing, the place and the remedy."""

import sqlite3

import pytest

from bot.errors import ConfigError, ModelError
from parley.failures import exit_on_error
from tests.parley.parley_program import Program


def refused(program: Program, *arguments: str, typed: str = "") -> str:
    """The one line on stderr of a command that exits with 1."""
    result = program.run(*arguments, typed=typed)
    assert result.returncode == 1, result
    assert result.stdout == ""
    assert result.stderr.startswith("parley: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PARLEY_MODEL__DEVICE": "gpux"}, "PARLEY_MODEL__DEVICE"),
        ({"PARLEY_MODEL__DEVIZE": "gpu"}, "did you mean device?"),
        ({"PARLEY_MODEL__BACKEND": "torch", "PARLEY_MODEL__NAME": "/no/model"}, "/no/model"),
        (
            {"PARLEY_MODEL__BACKEND": "torch", "PARLEY_MODEL__NAME": "meta-llama/Llama-2-7b"},
            "parley model pull meta-llama/Llama-2-7b",
        ),
        ({"PARLEY_MODEL__PYTHON": "/no/python"}, "/no/python"),
        ({"PARLEY_STORAGE__URL": "nonsense"}, "[storage] url"),
        ({"PARLEY_STORAGE__URL": "sqlite:////proc/no/p.sqlite3"}, "/proc/no"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    program: Program, settings: dict[str, str], said: str
) -> None:
    program.settings |= settings
    assert said in refused(program, "chat", typed="Hi\n")


def test_every_fault_of_a_configuration_is_a_line(program: Program) -> None:
    file = program.folder / "config.toml"
    file.write_text('[model]\ndevice = "tpu"\n[limits]\nqueue = 0\n')
    result = program.run("ask", "Hi", "--config", str(file))
    assert result.returncode == 1
    assert [line.partition(": [")[0] for line in result.stderr.splitlines()] == [
        f"parley: {file}:2",
        f"parley: {file}:4",
    ]


@pytest.mark.parametrize(
    "command",
    [
        ("chat",),
        ("ask", "Hi"),
        ("complete", "Hi"),
        ("history", "list"),
        ("history", "show", "terminal"),
        ("history", "export", "terminal"),
        ("history", "forget", "terminal", "-y"),
        ("history", "purge", "--older-than", "1d", "-y"),
    ],
)
def test_every_command_takes_a_configuration_and_says_where_it_is_not(
    program: Program, command: tuple[str, ...]
) -> None:
    assert "missing.toml: there is no such file" in refused(
        program, *command, "--config", "missing.toml"
    )


def test_a_corrupt_database_is_left_as_it_is(program: Program) -> None:
    program.database.parent.mkdir()
    program.database.write_bytes(b"not a database, but somebody's file" * 1000)
    before = program.database.read_bytes()
    for command in (("chat",), ("history", "list")):
        assert str(program.database) in refused(program, *command, typed="Hi\n")
    assert program.database.read_bytes() == before


def test_a_database_of_a_newer_version_is_left_as_it_is(program: Program) -> None:
    program.run("ask", "Hi", "--conversation", "notes")
    with sqlite3.connect(program.database) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "newer" in refused(program, "history", "list")
    assert "newer" in refused(program, "chat", typed="Hi\n")


def test_a_locked_database_is_one_line(program: Program) -> None:
    program.run("ask", "Hi", "--conversation", "notes")
    database = sqlite3.connect(program.database)
    database.execute("BEGIN EXCLUSIVE")
    try:
        assert "locked" in refused(program, "ask", "Hi", "--conversation", "notes")
    finally:
        database.close()


@pytest.mark.parametrize("name", ["a/b", "", " "])
def test_a_name_that_can_be_no_conversation_is_one_line(program: Program, name: str) -> None:
    assert "--conversation" in refused(program, "chat", "--conversation", name)


def test_a_log_that_cannot_be_written_is_said_and_does_no_harm(program: Program) -> None:
    (program.folder / "state").write_text("a file where the folder should be")
    result = program.run("ask", "Hi")
    assert result.returncode == 0
    assert result.stdout
    assert "nothing will be logged" in result.stderr


def test_verbose_logs_to_stderr(program: Program) -> None:
    result = program.run("ask", "Hi", "--verbose")
    assert result.returncode == 0
    assert " DEBUG " in result.stderr
    assert not program.log.exists()


def test_errors_in_groups_are_told_each(capsys: pytest.CaptureFixture[str]) -> None:
    group = ExceptionGroup(
        "x", [ModelError("one"), ExceptionGroup("y", [ConfigError("two\nthree")])]
    )
    with pytest.raises(SystemExit) as ended, exit_on_error():
        raise group
    assert ended.value.code == 1
    assert capsys.readouterr().err == "parley: one\nparley: two\nparley: three\n"


def test_a_defect_is_not_hidden() -> None:
    group = ExceptionGroup("x", [ModelError("foreseen"), KeyError("not foreseen")])
    with pytest.raises(ExceptionGroup), exit_on_error():
        raise group


def test_output_that_the_encoding_lacks_does_no_harm(program: Program) -> None:
    program.settings |= {
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
        "PARLEY_MODEL__SCRIPTED__TEXT": "caffè",
    }
    result = program.run("ask", "Hi")
    assert (result.returncode, result.stdout) == (0, "caff?\n")
