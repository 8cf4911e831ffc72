"""Options that contradict each other are named before anything is done."""

from dataclasses import replace

import pytest

from bot.errors import ConfigError
from parley.setup.answers import Answers
from parley.setup.consistent import require_consistent, undone
from parley.setup.platforms import Platforms

NOWHERE = Platforms(discord=False, slack=False)
SET = {"D": "token", "P": "a long password"}


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        (Answers(model="demo", server="http://127.0.0.1:1/v1"), "--model and --server exclude"),
        (Answers(discord=False, discord_token_env="D"), "--no-discord and --discord-token-env"),
        (Answers(slack=False, slack_app_token_env="D"), "--no-slack and a variable with a token"),
        (Answers(message=False, channels=("#general",)), "--no-message and --channel exclude"),
        (Answers(web=False, web_password_env="P"), "--no-web and --web-password-env exclude"),
        (Answers(server_model="qwen3"), "--server-model names a model of a server: give"),
        (Answers(web_password_env="NOT_SET"), "--web-password-env NOT_SET: there is no such"),
        (Answers(channels=("two words",)), "names no channel"),
    ],
)
def test_options_that_cannot_be_followed_together_are_named(answers: Answers, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        require_consistent(replace(answers, environment=SET))
    assert "\n" not in str(caught.value)


def test_options_that_go_together_are_taken() -> None:
    channels = ("#general", "discord:600000000000000001")
    answers = Answers(discord_token_env="D", slack=False, channels=channels, environment=SET)
    require_consistent(replace(answers, server="http://127.0.0.1:1/v1", server_model="qwen3"))
    require_consistent(replace(answers, model="demo", web=True, web_password_env="P"))


def test_what_needs_a_platform_is_named_where_there_is_none() -> None:
    line = undone(Answers(channels=("#general",), web=True, service=True, run=True), NOWHERE)
    assert line.startswith("--channel, --web, --service, --run: not done")
    assert undone(Answers(web=False, service=False, run=False), NOWHERE) == ""


def test_a_channel_of_a_platform_that_is_off_is_named() -> None:
    on = Platforms(discord=True, slack=False)
    channels = ("slack:C0123456", "#general", "C0654321", "discord:#general")
    line = undone(Answers(channels=channels), on)
    assert line.startswith("--channel slack:C0123456, --channel C0654321: not done")
    assert undone(Answers(channels=("#general",)), on) == ""
