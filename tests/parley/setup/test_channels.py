"""The channel of the first message, as people name it."""

import pytest

from bot.errors import ConfigError
from parley.setup.channels import Wish, parse_channel


@pytest.mark.parametrize(
    ("text", "platform", "channel"),
    [
        ("600000000000000001", "discord", "600000000000000001"),
        ("<#600000000000000001>", "discord", "600000000000000001"),
        ("https://discord.com/channels/1/600000000000000001", "discord", "600000000000000001"),
        ("https://canary.discord.com/channels/1/2/3", "discord", "2"),
        ("C0123456789", "slack", "C0123456789"),
        ("<#C0123456789|general>", "slack", "C0123456789"),
        ("https://acme.slack.com/archives/C0123456789/p17", "slack", "C0123456789"),
        ("https://app.slack.com/client/T01/C0123456789", "slack", "C0123456789"),
        ("#general", "", "#general"),
        ("general", "", "#general"),
        ("discord:#general", "discord", "#general"),
        ("Slack: general", "slack", "#general"),
        ("slack:C0123456789", "slack", "C0123456789"),
        ("#büro-1", "", "#büro-1"),
    ],
)
def test_a_channel_is_an_id_a_link_or_a_name(text: str, platform: str, channel: str) -> None:
    assert parse_channel(text) == Wish(platform, channel)


@pytest.mark.parametrize("text", ["", "#", "two words", "https://example.org/x", "a/b"])
def test_anything_else_is_one_line_that_says_what_to_give(text: str) -> None:
    with pytest.raises(ConfigError, match=r"names no channel: give its id .* or its name"):
        parse_channel(text)
