"""The set-up against a Discord, a Slack and an Ollama on the loopback interface."""

import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.discord.checkup import COMMANDS
from bot import demo_model
from bot.checks import State
from bot.errors import ConfigError, ModelError, ParleyError
from parley.setup.answers import Answers
from parley.setup.asking import Asker, Defaults, Left
from parley.setup.channels import FIRST_MESSAGE, NO_MENTION
from parley.setup.wizard import run_setup
from tests.parley.setup.scene import APP_TOKEN, DISCORD_TOKEN, OLLAMA_MODEL, Scene, scene
from tests.parley.setup.script import Scripted, Shown

pytestmark = pytest.mark.process  # the machine is looked at by a process

Line = tuple[str, str | bool | None]
MODEL: Line = ("Which one should answer?", "the demo model")
NOT_NOW: Line = ("Start answering now", False)
NO_SERVICE: Line = ("as a service", False)
INVITED = 1 << 19


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    async with scene(tmp_path) as made:
        yield made


async def go(stage: Scene, asker: Asker, answers: Answers | None = None) -> Shown:
    """Run the whole set-up; what it showed."""
    screen = Shown()
    answers = replace(answers or Answers(service=False, web=False), environment=stage.environment)
    await run_setup(asker, screen, answers, stage.config, stage.environment)
    return screen


async def both(stage: Scene, *more: Line) -> Shown:
    """Set up both platforms with their tokens."""
    asker = Scripted(
        MODEL,
        ("Where should it answer?", "Discord and Slack"),
        ("Paste Discord's bot token", DISCORD_TOKEN),
        ("Register", True),
        ("created the Slack app", False),
        ("Paste Slack's app-level token", APP_TOKEN),
        ("Paste Slack's bot token", stage.slack_token),
        ("Where should the first message go?", "#general"),
        ("Slack channel", "C000001"),
        *more,
        NOT_NOW,
    )
    screen = await go(stage, asker)
    assert asker.left_over == []
    return screen


async def test_from_an_empty_home_both_platforms_are_set_up(stage: Scene) -> None:
    screen = await both(stage)
    assert tomllib.loads(stage.config.read_text()) == {"model": {"name": "demo"}}
    assert tomllib.loads(stage.secrets.read_text()) == {
        "discord": {"token": DISCORD_TOKEN},
        "slack": {"app_token": APP_TOKEN, "bot_token": stage.slack_token},
    }
    assert stage.discord.rest.synced == [""]
    assert [m.content for m in stage.discord.world.answers_in(stage.general)] == [FIRST_MESSAGE]
    assert [m.shown for m in stage.slack.team.answers("C000001")] == [FIRST_MESSAGE]
    assert "parley run" in screen.text
    assert '"display_information"' in screen.text
    assert "https://discord.com/oauth2/authorize?client_id=" in screen.text
    for secret in (DISCORD_TOKEN, APP_TOKEN, stage.slack_token):
        assert secret not in screen.text.replace("loopback interface", "")


async def test_a_second_run_shows_what_is_there_and_changes_nothing(stage: Scene) -> None:
    await both(stage)
    before = stage.config.read_text(), stage.secrets.read_text()
    asker = Scripted(
        ("Which one should answer?", ""),
        ("Where should it answer?", ""),
        ("Replace this token?", ""),
        ("Register", ""),
        ("Replace these tokens?", ""),
        ("Where should the first message go?", ""),
        ("Slack channel", ""),
        NOT_NOW,
    )
    screen = await go(stage, asker)
    assert len(stage.discord.world.answers_in(stage.general)) == 1, "no second first message"
    assert (stage.config.read_text(), stage.secrets.read_text()) == before
    assert f"slash commands: {len(COMMANDS)} are registered." in screen.of(State.OK)
    assert stage.discord.rest.synced == [""], "not again"
    assert {"Model: the demo model", "Discord: the token is set", "Slack: the token is set"} <= set(
        screen.of(State.OK)
    )


async def test_options_answer_everything_without_a_question(stage: Scene) -> None:
    stage.more |= {"D": f'"Bot {DISCORD_TOKEN}"', "B": stage.slack_token, "A": APP_TOKEN}
    answers = Answers(
        yes=True,
        server=stage.ollama.url,
        discord_token_env="D",
        slack_bot_token_env="B",
        slack_app_token_env="A",
        channels=("#general", "C000001"),
        service=False,
    )
    await go(stage, Defaults(), replace(answers, channels=("discord:general", "C000001")))
    assert tomllib.loads(stage.config.read_text())["model"] == {
        "backend": "openai",
        "openai": {"base_urls": [stage.ollama.url], "model": OLLAMA_MODEL},
    }
    assert tomllib.loads(stage.secrets.read_text())["discord"] == {"token": DISCORD_TOKEN}
    assert len(stage.discord.world.answers_in(stage.general)) == 1
    assert len(stage.slack.team.answers("C000001")) == 1
    assert stage.discord.rest.synced == [""]


async def test_a_script_that_asks_for_what_needs_a_platform_fails_without_one(
    stage: Scene,
) -> None:
    answers = Answers(yes=True, model="demo", channels=("#general",), web=True, run=True)
    with pytest.raises(ConfigError, match="--channel, --web, --run: not done"):
        await go(stage, Defaults(), answers)
    asker = Scripted(MODEL, ("Where should it answer?", "nowhere"))
    screen = await go(stage, asker, Answers(run=True))
    assert screen.of(State.WARNING)[0].startswith("--run: not done")


async def test_each_channel_that_an_option_names_gets_the_first_message_once(
    stage: Scene,
) -> None:
    other = stage.discord.world.channel("other")
    stage.more["D"] = DISCORD_TOKEN
    named = ("#general", "discord:other", "discord:#general")
    answers = Answers(yes=True, model="demo", discord_token_env="D", channels=named)
    screen = await go(stage, Defaults(), answers)
    for channel in (stage.general, other):
        assert [m.content for m in stage.discord.world.answers_in(channel)] == [FIRST_MESSAGE]
    assert "Mention Parley in #general on Discord and #other on Discord" in screen.text


async def test_where_every_message_is_a_question_no_mention_is_asked_for(stage: Scene) -> None:
    stage.more["PARLEY_DISCORD__ANSWER_ALL_CHANNELS"] = stage.general.id
    screen = await both(stage)
    assert [m.content for m in stage.discord.world.answers_in(stage.general)] == [NO_MENTION]
    assert "Mention Parley in C000001 on Slack to ask something." in screen.lines
    free = "In #general on Discord, write without a mention: each message is answered."
    assert free in screen.lines
    stage.more["D"] = DISCORD_TOKEN
    answers = Answers(yes=True, discord_token_env="D", slack=False, message=False)
    screen = await go(stage, Defaults(), answers)
    assert "Mention Parley in a channel on Discord to ask something." in screen.lines
    assert "In the channel of answer_all_channels each message is answered." in screen.lines


async def test_a_server_on_this_machine_is_offered_and_taken(stage: Scene) -> None:
    asker = Scripted(
        ("Which one should answer?", f"{OLLAMA_MODEL}, on Ollama here"),
        ("Where should it answer?", "nowhere"),
    )
    await go(stage, asker)
    model = tomllib.loads(stage.config.read_text())["model"]
    assert model["openai"] == {"base_urls": [stage.ollama.url], "model": OLLAMA_MODEL}
    # and back to a model on this machine
    asker = Scripted(MODEL, ("Where should it answer?", "nowhere"))
    await go(stage, asker)
    model = tomllib.loads(stage.config.read_text())["model"]
    assert (model["name"], model["backend"]) == ("demo", "auto")


async def test_a_password_in_a_servers_address_is_neither_shown_nor_in_config_toml(
    stage: Scene,
) -> None:
    address = stage.ollama.url.replace("://", "://me:s3cret@")
    answers = Answers(yes=True, server=address, server_model=OLLAMA_MODEL)
    screen = await go(stage, Defaults(), answers)
    assert tomllib.loads(stage.secrets.read_text())["model"]["openai"]["base_urls"] == [address]
    assert "s3cret" not in stage.config.read_text() + screen.text
    with pytest.raises(ModelError) as caught:
        await go(stage, Defaults(), replace(answers, server_model="llama9"))
    assert "s3cret" not in str(caught.value)


WRONG = [
    ("500000000000000001", "This is an id"),
    ("0123456789abcdef" * 4, "This is the application's public key"),
    ("AbCdEfGhIjKlMnOpQrStUvWxYz012345", "This is the application's client secret"),
    ("xoxb-1-2-abcdefghijk", "This is Slack's bot token"),
    ("wrong-but-plausible", "token: Discord does not accept it"),
]


async def test_wrong_discord_tokens_are_named_and_asked_for_again(stage: Scene) -> None:
    answers = Answers(discord=True, service=False, web=False)
    asker = Scripted(
        MODEL,
        *[("Paste Discord's bot token", text) for text, _ in WRONG],
    )
    screen = await go(stage, asker, answers)
    failed = screen.of(State.FAILED)
    assert len(failed) == len(WRONG)
    for line, (text, named) in zip(failed, WRONG, strict=True):
        assert named in line
        assert text not in screen.text
    assert failed[-1].endswith("your application, Bot, Reset Token."), "not: set a variable"
    assert not stage.secrets.exists()


async def test_a_wrong_token_of_an_option_ends_with_one_line_and_saves_nothing(
    stage: Scene,
) -> None:
    for text, named in WRONG:
        stage.more["D"] = text
        screen = Shown()
        answers = Answers(yes=True, discord_token_env="D", environment=stage.environment)
        with pytest.raises(ConfigError, match="--discord-token-env: this token cannot be used"):
            await run_setup(Defaults(), screen, answers, stage.config, stage.environment)
        assert named in screen.of(State.FAILED)[-1]
    assert not stage.secrets.exists()


async def test_a_variable_that_is_not_set_is_named_and_a_token_in_its_place_is_not(
    stage: Scene,
) -> None:
    with pytest.raises(ConfigError, match="--discord-token-env NOWHERE: there is no such env"):
        await go(stage, Defaults(), Answers(yes=True, discord_token_env="NOWHERE"))
    with pytest.raises(ConfigError) as caught:
        await go(stage, Defaults(), Answers(yes=True, slack_bot_token_env="xoxb-1-2-abcdefgh"))
    assert "xoxb-1" not in str(caught.value)


async def test_slacks_tokens_in_each_others_place_are_told_apart(stage: Scene) -> None:
    asker = Scripted(
        MODEL,
        ("created the Slack app", True),
        ("Paste Slack's app-level token", stage.slack_token),
        ("Paste Slack's app-level token", APP_TOKEN),
        ("Paste Slack's bot token", APP_TOKEN),
        ("Paste Slack's bot token", "0123456789abcdef" * 2),
        ("Paste Slack's bot token", "xoxb-revoked-token-1"),
        ("Paste Slack's bot token", stage.slack_token),
        ("Slack channel", ""),
        NOT_NOW,
    )
    screen = await go(stage, asker, Answers(slack=True, discord=False, service=False, web=False))
    first, second, third, fourth = screen.of(State.FAILED)
    assert "This is Slack's bot token, not Slack's app-level token" in first
    assert "This is Slack's app-level token, not Slack's bot token" in second
    assert "This is the app's signing secret or client secret" in third
    assert "bot_token: Slack refuses it (invalid_auth)" in fourth
    assert "https://api.slack.com/apps" in fourth
    assert "PARLEY_" not in screen.text


async def test_scopes_that_are_missing_are_shown_with_what_is_lost(stage: Scene) -> None:
    stage.slack.team.scopes.discard("files:write")
    screen = await both(stage)
    (warning,) = [line for line in screen.of(State.WARNING) if line.startswith("scopes")]
    assert "files:write (long answers do not come as a file too)" in warning
    assert "OAuth & Permissions" in warning


async def test_the_intent_is_looked_at_again_or_done_without(stage: Scene) -> None:
    stage.discord.rest.flags = 0
    start: list[Line] = [MODEL, ("Paste Discord's bot token", DISCORD_TOKEN)]
    rest: list[Line] = [("Register", False), ("Where should the first", "send no message"), NOT_NOW]
    asker = Scripted(*start, ("Look again", True), ("Look again", False), *rest)
    screen = await go(stage, asker, Answers(discord=True, service=False, web=False))
    assert screen.of(State.WARNING)[0].startswith("Message Content intent: is off")
    assert tomllib.loads(stage.config.read_text())["discord"] == {"message_content": False}


async def test_a_bot_in_no_server_shows_the_invite_link_until_it_is_in_one(stage: Scene) -> None:
    stage.discord.rest.invited = False

    class Inviting(Scripted):
        async def confirm(self, question: str, *, default: bool) -> bool:
            if "added it" in question:
                stage.discord.rest.invited = True
            return await super().confirm(question, default=default)

    asker = Inviting(
        MODEL,
        ("Paste Discord's bot token", DISCORD_TOKEN),
        ("Look again, after you added it?", True),
        ("Register", True),
        ("Where should the first", "#general"),
        NOT_NOW,
    )
    screen = await go(stage, asker, Answers(discord=True, service=False, web=False))
    assert screen.text.count("https://discord.com/oauth2/authorize") == 2
    assert len(stage.discord.world.answers_in(stage.general)) == 1


async def test_permissions_that_are_missing_name_the_channels(stage: Scene) -> None:
    stage.discord.world.channel("closed", closed=True)
    screen = await both(stage)
    (warning,) = screen.of(State.WARNING)
    assert warning.startswith("Lacks Send Messages in #closed.")


async def test_a_channel_that_refuses_is_shown_and_another_can_be_chosen(stage: Scene) -> None:
    stage.discord.world.channel("closed", closed=True)
    asker = Scripted(
        MODEL,
        ("Paste Discord's bot token", DISCORD_TOKEN),
        ("Register", True),
        ("Where should the first", "#closed"),
        ("Where should the first", "another"),
        ("Id, link or #name", "#nowhere"),
        ("Where should the first", "another"),
        ("Id, link or #name", stage.general.id),
        NOT_NOW,
    )
    screen = await go(stage, asker, Answers(discord=True, service=False, web=False))
    refused, unknown = screen.of(State.FAILED)
    assert "does not let Parley write there" in refused
    assert "The bot sees no channel #nowhere on Discord; it sees: #general" in unknown
    assert len(stage.discord.world.answers_in(stage.general)) == 1


async def test_no_network_is_one_line_and_what_was_saved_stays(stage: Scene) -> None:
    stage.more |= {"PARLEY_DISCORD__API_URL": "http://127.0.0.1:9/api/v10", "D": "some-token"}
    answers = Answers(yes=True, model="demo", discord_token_env="D")
    with pytest.raises(ConfigError, match="Discord cannot be reached; the line above says why"):
        await go(stage, Defaults(), answers)
    assert tomllib.loads(stage.config.read_text())["model"]["name"] == "demo"
    assert not stage.secrets.exists()
    # nor is a token that is saved already said to be missing
    stage.secrets.write_text(f'[discord]\ntoken = "{DISCORD_TOKEN}"\n')
    stage.secrets.chmod(0o600)
    with pytest.raises(ConfigError, match="Discord cannot be reached; the line above says why"):
        await go(stage, Defaults(), Answers(yes=True))


UNREACHED = "That could not be checked. What now?"
NOWHERE = "http://127.0.0.1:9/api/"


async def test_a_token_is_kept_while_the_network_is_away_and_checked_when_it_is_back(
    stage: Scene,
) -> None:
    stage.discord.rest.logins_refused = 2
    asker = Scripted(
        MODEL,
        ("Paste Discord's bot token", DISCORD_TOKEN),
        (UNREACHED, "try again"),
        (UNREACHED, ""),
        ("Register", True),
        ("Where should the first", "#general"),
        NOT_NOW,
    )
    screen = await go(stage, asker, Answers(discord=True, service=False, web=False))
    assert asker.left_over == []
    assert [line.partition(".")[0] for line in screen.of(State.FAILED)] == [
        "token: Discord answers HTTP 503"
    ] * 2
    assert tomllib.loads(stage.secrets.read_text())["discord"] == {"token": DISCORD_TOKEN}


async def test_the_set_up_goes_on_without_the_check_where_somebody_wants_it_so(
    stage: Scene,
) -> None:
    stage.more |= {"PARLEY_DISCORD__API_URL": NOWHERE, "PARLEY_SLACK__BASE_URL": NOWHERE}
    asker = Scripted(
        MODEL,
        ("Where should it answer?", "Discord and Slack"),
        ("Paste Discord's bot token", DISCORD_TOKEN),
        (UNREACHED, "without the check"),
        ("created the Slack app", True),
        ("Paste Slack's app-level token", APP_TOKEN),
        (UNREACHED, "without the check"),
        ("Paste Slack's bot token", APP_TOKEN),  # of the wrong form: that is seen all the same
        ("Paste Slack's bot token", stage.slack_token),
        NOT_NOW,
    )
    screen = await go(stage, asker)
    assert asker.left_over == []
    assert tomllib.loads(stage.secrets.read_text()) == {
        "discord": {"token": DISCORD_TOKEN},
        "slack": {"app_token": APP_TOKEN, "bot_token": stage.slack_token},
    }
    left = screen.of(State.SKIPPED)
    assert left[0].startswith("Discord cannot be reached: run parley setup again later")
    assert left[1].startswith("Slack cannot be reached: run parley setup again later")
    assert left[2:4] == [
        "No message on Discord, which cannot be reached. Send it later: parley setup",
        "No message on Slack, which cannot be reached. Send it later: parley setup",
    ]
    again = Scripted(  # what is saved is not asked for again, either
        ("Which one should answer?", ""),
        ("Where should it answer?", ""),
        (UNREACHED, "without the check"),
        (UNREACHED, "without the check"),
        NOT_NOW,
    )
    await go(stage, again)
    assert again.left_over == []


async def test_a_token_that_could_not_be_checked_is_not_saved_where_somebody_stops(
    stage: Scene,
) -> None:
    stage.more["PARLEY_DISCORD__API_URL"] = NOWHERE
    asker = Scripted(MODEL, ("Paste Discord's bot token", DISCORD_TOKEN), (UNREACHED, "stop here"))
    with pytest.raises(Left):
        await go(stage, asker, Answers(discord=True))
    assert not stage.secrets.exists()


async def test_a_model_that_cannot_be_had_is_asked_for_again(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    asker = Scripted(
        ("Which one should answer?", "another"),
        ("Name at the Hub", str(stage.home / "nowhere")),
        ("Which one should answer?", "another"),
        ("Name at the Hub", "http://127.0.0.1:9/v1"),
        MODEL,
        ("Where should it answer?", "nowhere"),
    )
    screen = await go(stage, asker)
    folder, server = screen.of(State.FAILED)
    assert "nowhere" in folder
    assert "does not answer as a model server" in server
    with pytest.raises(ModelError, match="no chat model llama9"):
        answers = Answers(yes=True, server=stage.ollama.url, server_model="llama9")
        await go(stage, Defaults(), answers)


async def test_a_folder_is_taken_only_with_a_model_in_it(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = stage.home / "empty"
    empty.mkdir()
    (stage.home / "real").symlink_to(demo_model.directory())
    monkeypatch.chdir(stage.home)
    for wrong, named in ((str(empty), "empty"), ("empty", "empty"), ("~/no", "no such folder")):
        with pytest.raises(ModelError, match=named):
            await go(stage, Defaults(), Answers(yes=True, model=wrong))
    assert not stage.config.exists()
    await go(stage, Defaults(), Answers(yes=True, model="real"))
    model = tomllib.loads(stage.config.read_text())["model"]
    assert model == {"name": str(stage.home / "real")}, "relative to where it was typed"


async def test_several_servers_stay_several_when_the_model_is_kept(stage: Scene) -> None:
    urls = [stage.ollama.url, "http://127.0.0.1:9/v1"]
    stage.config.parent.mkdir(parents=True)
    stage.config.write_text(
        f'[model]\nbackend = "openai"\n[model.openai]\nbase_urls = {urls}\n', encoding="utf-8"
    )
    before = stage.config.read_text()
    await go(stage, Defaults(), Answers(yes=True))
    asker = Scripted(("Which one should answer?", ""), ("Where should it answer?", "nowhere"))
    await go(stage, asker)
    assert stage.config.read_text() == before


async def test_an_address_without_its_scheme_is_a_server(stage: Scene) -> None:
    bare = f"{stage.ollama.host}/v1"
    for answers in (Answers(yes=True, model=bare), Answers(yes=True, server=bare)):
        await go(stage, Defaults(), answers)
        model = tomllib.loads(stage.config.read_text())["model"]
        assert model["openai"]["base_urls"] == [stage.ollama.url]
        stage.config.unlink()
    with pytest.raises(ModelError, match="ftp://a: the address of a server begins with http"):
        await go(stage, Defaults(), Answers(yes=True, server="ftp://a"))


ORDER: list[Line] = [
    MODEL,
    ("Where should it answer?", "Discord and Slack"),
    ("Paste Discord's bot token", DISCORD_TOKEN),
    ("Register", True),
    ("created the Slack app", False),
    ("Paste Slack's app-level token", APP_TOKEN),
    ("Paste Slack's bot token", "{slack}"),
    ("Where should the first message go?", "#general"),
    ("Slack channel", "C000001"),
    NOT_NOW,
]


@pytest.mark.parametrize("step", range(len(ORDER)))
async def test_leaving_at_any_question_leaves_whole_files_and_the_next_run_goes_on(
    stage: Scene, step: int
) -> None:
    def filled(lines: list[Line]) -> list[Line]:
        slack = stage.slack_token
        return [(q, a.format(slack=slack) if isinstance(a, str) else a) for q, a in lines]

    with pytest.raises(Left):
        await go(stage, Scripted(*filled(ORDER[:step])))
    saved = stage.secrets.read_text() if stage.secrets.exists() else ""
    for file in (stage.config, stage.secrets):
        if file.exists():
            tomllib.loads(file.read_text())
    assert [path.name for path in stage.config.parent.glob(".*")] == []
    assert (DISCORD_TOKEN in saved) == (step > 2)
    assert (APP_TOKEN in saved) == (step > 5)

    again: dict[str, Line] = {
        "Paste Discord's bot token": ("Replace this token?", False),
        "created the Slack app": ("Replace these tokens?", False),
    }
    rest = filled(ORDER)
    if step > 2:
        rest[2] = again["Paste Discord's bot token"]
    if step > 6:
        rest[4:7] = [again["created the Slack app"]]
    elif step > 5:
        del rest[5]
    asker = Scripted(*rest)
    await go(stage, asker)
    assert asker.left_over == []
    assert stage.slack_token in stage.secrets.read_text()


async def test_a_settings_file_of_ones_own_is_kept_with_its_comments(stage: Scene) -> None:
    stage.config.parent.mkdir(parents=True)
    mine = (
        "# my bot\n[model]\nname = 'org/old'   # for now\nlow_bit = 'auto'\n\n[limits]\nqueue = 7\n"
    )
    stage.config.write_text(mine)
    asker = Scripted(MODEL, ("Change it so?", True), ("Where should it answer?", "nowhere"))
    screen = await go(stage, asker)
    assert stage.config.read_text() == mine.replace("'org/old'", '"demo"')
    assert '+name = "demo"   # for now' in screen.text
    asker = Scripted(("Which one should answer?", f"{OLLAMA_MODEL}, on"), ("Change it so?", False))
    with pytest.raises(ParleyError, match="because .* was not to be changed"):
        await go(stage, asker)


async def test_a_wrong_channel_is_named_before_anything_is_done(stage: Scene) -> None:
    with pytest.raises(ConfigError, match="names no channel"):
        await go(stage, Defaults(), Answers(yes=True, channels=("two words",)))
    assert not stage.config.exists()
