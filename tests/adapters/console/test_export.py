"""`/export` in the terminal."""

import json
from pathlib import Path

import pytest

from adapters.console.export import write_export
from bot.errors import NothingToDo, NotUnderstood, StorageError
from bot.messages import ConversationKey, Person, Question
from bot.ports import Quota
from storage.in_memory import MemoryStore

ANA = Person("console", "ana", "Ana")


async def a_store(questions: int = 1) -> MemoryStore:
    store = MemoryStore()
    for number in range(questions):
        where = ConversationKey("console", "terminal")
        await store.accept(Question(where, ANA, f"Question {number}", f"e{number}"), Quota())
    return store


async def test_the_file_has_all_and_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.console.export.PIECE", 100)
    monkeypatch.chdir(tmp_path)
    file = await write_export(await a_store(3), ANA.key, "")
    assert file.name.startswith("parley-export-20")
    assert file.stat().st_mode & 0o077 == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line.get("question") for line in lines[:3]] == [f"Question {n}" for n in range(3)]


async def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("precious")
    with pytest.raises(NotUnderstood, match=r"mine.jsonl exists already; name another"):
        await write_export(await a_store(), ANA.key, str(file))
    assert file.read_text() == "precious"


async def test_a_folder_that_is_not_there_is_one_line() -> None:
    with pytest.raises(StorageError, match="/nowhere/x cannot be written: No such file"):
        await write_export(await a_store(), ANA.key, "/nowhere/x")


async def test_nothing_stored_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(NothingToDo, match="nothing stored"):
        await write_export(MemoryStore(), ANA.key, str(tmp_path / "x"))
    assert not list(tmp_path.iterdir())
