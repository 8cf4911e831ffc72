import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.ports import Store
from storage import open_store
from tests.storage.samples import SteppingClock

POSTGRES = os.environ.get("PARLEY_TEST_POSTGRES", "")
"""An empty database that the tests may wipe: postgresql+asyncpg://user@host/name. Not needed."""


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "parley.sqlite3"


@pytest.fixture(params=["memory", "sql", *(["postgres"] if POSTGRES else [])])
async def store(
    request: pytest.FixtureRequest, file: Path, clock: SteppingClock
) -> AsyncIterator[Store]:
    """Each store in turn: what a test says of one holds for both."""
    urls = {"memory": "memory://", "sql": f"sqlite:///{file}", "postgres": POSTGRES}
    if request.param == "postgres":
        await _wipe(POSTGRES)
    async with open_store(urls[request.param], now=clock) as opened:
        yield opened


async def _wipe(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()


@pytest.fixture
async def sql(file: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{file}", now=clock) as opened:
        yield opened
