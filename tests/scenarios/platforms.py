"""Every platform that the scenarios run on."""

import pytest

from tests.scenarios.driver import Can, OpenPlatform, Variant
from tests.scenarios.on_console import console, console_variants
from tests.scenarios.on_discord import discord, discord_variants
from tests.scenarios.on_slack import slack_edited, slack_streamed, slack_variants

ALONE: tuple[OpenPlatform, ...] = (console, slack_edited, slack_streamed, discord)
"""One person and the bot."""

VARIANTS: tuple[Variant, ...] = (*console_variants, *slack_variants, *discord_variants)
"""Several people in a channel."""


def on_all_that_can(*needed: Can) -> pytest.MarkDecorator:
    """Run a scenario on every variant that has what it needs."""
    found = [variant for variant in VARIANTS if variant.can.issuperset(needed)]
    assert found, f"no platform has {needed}"
    return pytest.mark.parametrize("group", found, indirect=True, ids=lambda one: one.name)
