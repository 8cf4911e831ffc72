"""A workspace on the loopback without Bolt and without an engine, in virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from adapters.slack.workspaces import Workspace, Workspaces
from bot.config import SlackSettings
from tests.slack_loopback import LoopbackSlack, Team
from tests.virtual_clock import VirtualClock


@dataclass
class Near:
    """A workspace as the adapter has it, and the team that it is."""

    slack: LoopbackSlack
    team: Team
    clock: VirtualClock
    workspace: Workspace


@asynccontextmanager
async def near(**section: Any) -> AsyncIterator[Near]:
    """The team has the channel C1. Time passes only while somebody sleeps."""
    clock = VirtualClock()
    async with LoopbackSlack(clock) as slack, aiohttp.ClientSession() as session:
        team = slack.team
        team.channel("C1")
        settings = {"bot_token": team.bot_token, "base_url": slack.url, **section}
        workspaces = Workspaces(SlackSettings.model_validate(settings), session, clock)
        workspace = await workspaces.start()
        assert workspace is not None
        yield Near(slack, team, clock, workspace)
