"""Inspecting a database does not change it."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import ConfigError, StorageError
from storage import open_store
from storage.inspection import Kept, count_kept, inspect_database, name_of


async def made(file: Path) -> str:
    """A database of Parley's."""
    async with open_store(f"sqlite:///{file}"):
        pass
    return f"sqlite:///{file}"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_a_database_that_is_well_is_left_as_it_is(tmp_path: Path) -> None:
    url = await made(tmp_path / "p.sqlite3")
    before = content(tmp_path)
    assert "intact" in await inspect_database(url)
    assert {name: data for name, data in content(tmp_path).items() if name in before} == before


async def test_what_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/p.sqlite3"
    assert "at the first start" in await inspect_database(url)
    assert content(tmp_path) == {}
    assert "memory://" in await inspect_database("memory://")


async def test_counting_what_is_kept_makes_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "p.sqlite3"
    assert await count_kept(f"sqlite:///{file}") is None
    assert await count_kept("memory://") is None
    assert content(tmp_path) == {}
    url = await made(file)
    before = file.read_bytes()
    assert await count_kept(url) == Kept(conversations=0, exchanges=0)
    assert file.read_bytes() == before
    file.write_bytes(b"this is no database at all, but a text of some length" * 100)
    with pytest.raises(StorageError, match="run parley doctor"):
        await count_kept(url)


def test_a_database_is_named_without_its_password() -> None:
    assert "secret" not in name_of("postgresql+asyncpg://me:secret@db/parley")
    assert name_of("memory://") == "memory://"


async def test_each_fault_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "p.sqlite3"
    url = f"sqlite:///{file}"
    file.write_bytes(b"this is no database at all, but a text of some length" * 100)
    with pytest.raises(StorageError, match="is damaged"):
        await inspect_database(url)
    file.unlink()
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StorageError, match="of another program"):
        await inspect_database(url)
    file.unlink()
    await made(file)
    with closing(sqlite3.connect(file)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    with pytest.raises(StorageError, match=r"newer Parley \(revision 9999\)"):
        await inspect_database(url)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(StorageError, match="is full"):
        await inspect_database(url)


async def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    file = tmp_path / "p.sqlite3"
    url = await made(file)
    with file.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * 8192)
    with pytest.raises(StorageError, match="is damaged"):
        await inspect_database(url)


async def test_what_may_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await made(tmp_path / "p.sqlite3")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StorageError, match="you cannot write to"):
        await inspect_database(url)
    with pytest.raises(StorageError, match="you cannot write to"):
        await inspect_database(f"sqlite:///{tmp_path}/new/p.sqlite3")


async def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError):
        await inspect_database("nonsense")
