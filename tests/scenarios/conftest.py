"""Each scenario runs on every platform."""

from collections.abc import AsyncIterator

import pytest

from tests.scenarios.driver import OpenPlatform, Platform
from tests.scenarios.on_console import console
from tests.scenarios.on_discord import discord
from tests.scenarios.on_slack import slack_edited, slack_streamed


@pytest.fixture(params=[console, slack_edited, slack_streamed, discord], ids=lambda p: p.__name__)
async def platform(request: pytest.FixtureRequest) -> AsyncIterator[Platform]:
    """A platform before the first run of Parley on it."""
    opened: OpenPlatform = request.param
    async with opened() as made:
        yield made
