"""What was pasted in place of a token is named; what stands around a token is taken away."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.setup.tokens import Wanted, examine, slack_app_page

ID = base64.urlsafe_b64encode(b"500000000000000001").decode().rstrip("=")
DISCORD = f"{ID}.GxYzAb.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"
BOT, APP = "xoxb-1111-2222-abcdefghijklmnop", "xapp-1-A0123456789-99-abcdef0123456789"
RIGHT = {Wanted.DISCORD: DISCORD, Wanted.SLACK_BOT: BOT, Wanted.SLACK_APP: APP}


@pytest.mark.parametrize("wanted", Wanted)
def test_a_token_of_the_wanted_kind_passes_as_it_is(wanted: Wanted) -> None:
    pasted = examine(RIGHT[wanted], wanted)
    assert (pasted.token, pasted.removed, pasted.fault) == (RIGHT[wanted], "", "")


@pytest.mark.parametrize(
    ("around", "removed"),
    [
        ("Bot {}", "“Bot ” before it"),
        ("bot  {}", "“Bot ” before it"),
        ("Bearer {}", "“Bearer ” before it"),
        ("Authorization: Bot {}", "“Bot ” before it"),
        ('"{}"', "quotes"),
        ("'{}' ", "quotes"),
        ("“{}”", "quotes"),
        ("`{}`", "quotes"),
        ('"Bot {}"', "quotes and “Bot ” before it"),
        ("PARLEY_DISCORD__TOKEN={}", "the name of a variable"),
        ('export DISCORD_TOKEN="{}"', "the name of a variable and quotes"),
        ('token = "{}"', "the name of a variable and quotes"),
        ("  {}\n", ""),
        ("\ufeff{}\u200b", ""),
    ],
)
@pytest.mark.parametrize("wanted", Wanted)
def test_what_stands_around_a_token_is_taken_away_and_named(
    wanted: Wanted, around: str, removed: str
) -> None:
    pasted = examine(around.format(RIGHT[wanted]), wanted)
    assert (pasted.token, pasted.fault) == (RIGHT[wanted], "")
    assert set(pasted.removed.split(" and ")) == set(removed.split(" and "))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (BOT, "Slack's bot token"),
        (APP, "Slack's app-level token"),
        ("500000000000000001", "an id"),
        ("0123456789abcdef" * 4, "public key"),
        ("AbCdEfGhIjKlMnOpQrStUvWxYz-_0123", "client secret"),
        ("https://discord.com/api/webhooks/1/abc", "a webhook of Discord"),
        ("https://discord.com/oauth2/authorize?client_id=1", "the address of a page"),
        ("hf_abcdefghijklmnopqrstuvwxyz", "Hugging Face"),
        ("sk-proj-abcdefghijklmnopqrst", "API key"),
        ("********", "stars"),
        ("", "Nothing was given"),
        ("two words", "white space"),
        ("tok•••en", "characters that no token has"),
    ],
)
def test_what_is_no_discord_token_is_named_with_the_page_of_the_right_one(
    text: str, named: str
) -> None:
    pasted = examine(text, Wanted.DISCORD)
    assert pasted.token == ""
    assert named in pasted.fault
    assert "https://discord.com/developers/applications" in pasted.fault
    assert "Reset Token" in pasted.fault


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (DISCORD, "Discord's bot token"),
        ("xoxp-1-2-3-abc", "a user token"),
        ("xoxe.xoxp-1-abc", "configuration or refresh token"),
        ("xoxc-1-2-3-abc", "a browser's token"),
        ("0123456789abcdef" * 2, "signing secret or client secret"),
        ("2210535565.1234567890", "client id"),
        ("A0123456789", "the app's id"),
        ("AbCdEfGhIjKlMnOpQrStUvWx", "verification token"),
        ("https://hooks.slack.com/services/T1/B1/x", "a webhook of Slack"),
        ("hello", "no token of Slack"),
    ],
)
@pytest.mark.parametrize("wanted", [Wanted.SLACK_BOT, Wanted.SLACK_APP])
def test_what_is_no_token_of_slack_is_named_with_the_page_of_the_right_one(
    wanted: Wanted, text: str, named: str
) -> None:
    pasted = examine(text, wanted)
    assert pasted.token == ""
    assert named in pasted.fault
    assert "https://api.slack.com/apps" in pasted.fault


def test_slacks_two_tokens_are_told_apart() -> None:
    assert (
        "This is Slack's app-level token, not Slack's bot" in examine(APP, Wanted.SLACK_BOT).fault
    )
    assert "This is Slack's bot token, not Slack's app" in examine(BOT, Wanted.SLACK_APP).fault


def test_a_form_that_nobody_knows_is_left_to_the_platform() -> None:
    assert examine("loopback", Wanted.DISCORD).token == "loopback"


@given(st.text(max_size=80), st.sampled_from(Wanted))
def test_nothing_that_was_pasted_is_repeated(text: str, wanted: Wanted) -> None:
    pasted = examine(f"  secret-{text}-secret ", wanted)
    assert "secret-" not in pasted.fault
    assert pasted.token == "" or pasted.fault == ""


def test_the_app_level_token_names_the_pages_of_its_app() -> None:
    assert slack_app_page(APP, "oauth") == "https://api.slack.com/apps/A0123456789/oauth"
    assert slack_app_page("xapp-1-loopback", "oauth") == "https://api.slack.com/apps"
