from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.ports import Store
from storage import open_store
from tests.storage.samples import SteppingClock


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "parley.sqlite3"


@pytest.fixture(params=["memory", "sql"])
async def store(
    request: pytest.FixtureRequest, file: Path, clock: SteppingClock
) -> AsyncIterator[Store]:
    """Each store in turn: what a test says of one holds for both."""
    url = "memory://" if request.param == "memory" else f"sqlite:///{file}"
    async with open_store(url, now=clock) as opened:
        yield opened


@pytest.fixture
async def sql(file: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{file}", now=clock) as opened:
        yield opened
