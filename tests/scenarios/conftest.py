"""Each scenario runs on every platform that has what it needs."""

from collections.abc import AsyncIterator

import pytest

from tests.scenarios.driver import GroupPlatform, OpenPlatform, Platform, Variant
from tests.scenarios.platforms import ALONE


@pytest.fixture(params=ALONE, ids=lambda p: p.__name__)
async def platform(request: pytest.FixtureRequest) -> AsyncIterator[Platform]:
    """A platform before the first run of Parley on it."""
    opened: OpenPlatform = request.param
    async with opened() as made:
        yield made


@pytest.fixture
async def group(request: pytest.FixtureRequest) -> AsyncIterator[GroupPlatform]:
    """The same with several people in a channel; see `platforms.on_all_that_can`."""
    variant: Variant = request.param
    async with variant.open() as made:
        yield made
