"""`parley history`: showing, exporting and deleting what is stored."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import typer

from bot.messages import ConversationKey, Person, Question, Usage
from bot.ports import AnswerState, Quota, Store
from parley.commands.history_work import parse_age
from storage import open_store
from tests.parley.parley_program import SCRIPT, Program

ME = Person("console", "ana", "Ana", admin=True)


@pytest.fixture
def kept(program: Program) -> Program:
    """A program that was asked three questions, one of them after a reset, and one elsewhere. It
    could not load a model if it tried."""
    asyncio.run(fill(program))
    program.settings |= {"PARLEY_MODEL__BACKEND": "torch", "PARLEY_MODEL__NAME": "/no/model"}
    return program


async def fill(program: Program) -> None:
    async with open_store(f"sqlite:///{program.database}") as store:
        await answered(store, "terminal", "First?")
        await answered(store, "terminal", "Second")
        await store.reset(ConversationKey("console", "terminal"))
        await answered(store, "terminal", "Third")
        await answered(store, "notes", "Elsewhere")


async def answered(store: Store, name: str, text: str) -> None:
    question = Question(
        ConversationKey("console", name), ME, text, event_id=uuid4().hex, direct=True
    )
    answer = await store.accept(question, Quota())
    assert answer is not None
    await store.close(answer.id, AnswerState.DONE, SCRIPT, Usage())
    await store.delivered(answer.id)


def exported(program: Program, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in program.run("history", "export", name).stdout.splitlines()]


def test_the_list_names_every_conversation(kept: Program) -> None:
    table = kept.run("history", "list").stdout
    assert table.index("console:/notes") < table.index("console:/terminal")
    lines = json.loads(kept.run("history", "list", "--json").stdout)
    assert [line["exchanges"] for line in lines] == [1, 3]


def test_nothing_kept_is_said_so(program: Program) -> None:
    assert program.run("history", "list").stdout == "Nothing is stored yet.\n"
    assert json.loads(program.run("history", "list", "--json").stdout) == []


@pytest.mark.parametrize("name", ["terminal", "console:/terminal"])
def test_a_conversation_is_shown_whole_by_its_name_or_its_key(kept: Program, name: str) -> None:
    shown = kept.run("history", "show", name).stdout
    assert shown.count(SCRIPT) == 3
    assert shown.index("> First?") < shown.index("> Second") < shown.index("> Third")
    assert shown.count("(before /reset)") == 2


def test_an_export_has_a_line_of_json_for_each_exchange(kept: Program) -> None:
    first, second, third = exported(kept, "terminal")
    assert first["question"] == "First?"
    assert (second["forgotten"], third["forgotten"]) == (True, False)
    (answer,) = third["answers"]
    assert (answer["text"], answer["state"], answer["current"]) == (SCRIPT, "done", True)


def test_the_export_of_a_person_has_all_that_is_stored_of_them(kept: Program) -> None:
    lines = kept.run("history", "export", "--person", ME.key).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert [line["question"] for line in found[:-1]] == ["First?", "Second", "Third", "Elsewhere"]
    assert (found[-1]["kind"], found[-1]["answers"]) == ("usage", 4)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--person", "discord:1"), "nothing is stored of discord:1"),
        (("--person", "discord:1", "--format", "md"), "exported as JSON only"),
        (("notes", "--person", "discord:1"), "name either a conversation, or a person"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    kept: Program, arguments: tuple[str, ...], why: str
) -> None:
    result = kept.run("history", "export", *arguments)
    assert result.returncode != 0
    assert why in " ".join(result.stderr.replace("│", " ").split())


def test_an_export_as_markdown_quotes_the_questions(kept: Program) -> None:
    text = kept.run("history", "export", "notes", "--format", "md").stdout
    assert f"> Elsewhere\n\n{SCRIPT}\n" in text


def test_an_export_never_replaces_a_file_unasked(kept: Program, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    file.write_text("mine")
    refused = kept.run("history", "export", "notes", "-o", str(file))
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert file.read_text() == "mine"
    assert kept.run("history", "export", "notes", "-o", str(file), "--force").returncode == 0
    assert json.loads(file.read_text())["question"] == "Elsewhere"
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_an_export_to_a_folder_that_is_not_there_is_one_line(kept: Program) -> None:
    result = kept.run("history", "export", "notes", "-o", "/nowhere/out.json")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "/nowhere/out.json" in result.stderr


def test_a_conversation_is_forgotten_for_good(kept: Program) -> None:
    assert kept.run("history", "forget", "terminal", "--yes").stdout == "3 exchanges deleted.\n"
    (left,) = json.loads(kept.run("history", "list", "--json").stdout)
    assert left["conversation"] == "console:/notes"
    assert b"Second" not in kept.database.read_bytes()
    said = "[console:/terminal] admin (the operator) deleted the conversation: 3 questions"
    assert said in kept.log.read_text()


def test_a_person_is_forgotten_in_every_conversation(kept: Program) -> None:
    assert kept.run("history", "forget", "--person", ME.key, "-y").returncode == 0
    said = "admin (the operator) deleted all data of console:ana: 4 questions"
    assert said in kept.log.read_text()
    assert kept.run("history", "list").stdout == "Nothing is stored yet.\n"


def test_a_purge_deletes_what_is_older(kept: Program) -> None:
    assert kept.run("history", "purge", "--older-than", "1d", "-y").stdout.startswith("0 ")
    assert kept.run("history", "purge", "--older-than", "0d", "-y").stdout.startswith("4 ")


@pytest.mark.parametrize("command", [("forget", "notes"), ("purge", "--older-than", "0d")])
def test_nothing_is_deleted_where_nobody_can_be_asked(
    kept: Program, command: tuple[str, ...]
) -> None:
    result = kept.run("history", *command, typed="y\n")
    assert result.returncode == 1
    assert "--yes" in result.stderr
    assert len(exported(kept, "notes")) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a Unix terminal")
@pytest.mark.parametrize(("reply", "left"), [("n", 1), ("y", 0)])
def test_a_person_is_asked_before_anything_is_deleted(kept: Program, reply: str, left: int) -> None:
    with kept.in_terminal("history", "forget", "notes") as terminal:
        terminal.wait_for("[y/N]")
        terminal.type(f"{reply}\r")
        terminal.ended()
    assert len(exported(kept, "notes")) == left


@pytest.mark.parametrize("command", ["show", "export", "forget"])
def test_an_unknown_conversation_is_one_line_with_the_near_one(kept: Program, command: str) -> None:
    result = kept.run("history", command, "note")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "did you mean console:/notes?" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a Unix terminal")
def test_on_a_terminal_a_conversation_is_drawn(kept: Program) -> None:
    with kept.in_terminal("history", "show", "notes") as terminal:
        assert terminal.ended() == 0
        assert "> Elsewhere" in terminal.terminal.text
        assert SCRIPT in terminal.terminal.text
        assert "**" not in terminal.terminal.text


@pytest.mark.parametrize(("text", "days"), [("30d", 30.0), ("8W", 56.0), ("12 h", 0.5)])
def test_an_age_is_a_number_and_a_unit(text: str, days: float) -> None:
    assert parse_age(text).total_seconds() == days * 86400


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "30 days"])
def test_another_age_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_age(text)
