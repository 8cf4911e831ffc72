"""The gateway: what breaks, what is resumed, what comes twice, and how Parley starts and stops."""

import logging

import pytest
from pydantic import SecretStr

from bot.errors import ConfigError
from bot.observer import PlatformConnected, PlatformLost
from tests.adapters.discord.scene import loopback, scene, whole
from tests.adapters.discord.texts import TextGenerator
from tests.discord_loopback import BOT
from tests.observing import Told
from tests.until import until


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= level and record.name.startswith(("adapters", "bot"))
    ]


def leaves(error: BaseException) -> list[BaseException]:
    """The errors in groups of groups."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in leaves(inner)]


async def test_ready_is_told_once_with_who_the_bot_is() -> None:
    async with scene() as s:
        assert s.said == ["Discord: parley in 1 server"]


async def test_what_was_missed_is_answered_after_a_resume() -> None:
    async with scene() as s:
        await s.answer(s.general, s.ana, "One.")
        await s.discord.gateway.drop()
        await s.discord.ask(s.general, s.ana, "Two.")
        messages = await s.answered(count=2)
        assert "Ana: Two." in whole(messages[1:])
        assert (s.discord.gateway.resumed, s.discord.gateway.identified) == (1, 1)


async def test_events_that_a_resume_replays_are_answered_once() -> None:
    async with scene() as s:
        s.discord.gateway.replays_last = 50
        await s.answer(s.general, s.ana, "One.")
        await s.discord.gateway.ask_to_reconnect()
        await until(lambda: s.discord.gateway.resumed == 1)
        await s.answer(s.general, s.ana, "Two.")
        assert [prompt.question for prompt in s.generator.prompts] == ["Ana: One.", "Ana: Two."]


async def test_the_same_event_twice_is_answered_once() -> None:
    async with scene() as s:
        await s.discord.ask(s.general, s.ana, "One.")
        await s.discord.gateway.again()
        await s.answered()
        await s.answer(s.general, s.ana, "Two.")
        assert len(s.generator.prompts) == 2


async def test_a_command_that_comes_twice_is_obeyed_once() -> None:
    async with scene() as s:
        await s.discord.ask(s.general, s.ana, "stop")
        await s.discord.gateway.again()
        await s.answer(s.general, s.ana, "One.")
        replies = [m for m in s.discord.world.answers_in(s.general) if not m.buttons]
        assert len(replies) == 1


async def test_a_press_that_comes_twice_counts_once(caplog: pytest.LogCaptureFixture) -> None:
    async with scene() as s:
        await s.discord.ask(s.general, s.ana, "One.")
        (answer,) = await s.answered()
        await s.discord.press(s.ana, answer, "regenerate")
        await s.discord.gateway.again()
        await until(lambda: lines(caplog))
        await until(lambda: len(s.generator.prompts) == 2 and answer.buttons != ["stop"])
        await s.answer(s.general, s.ana, "Two.")
        assert len(s.generator.prompts) == 3
    (line,) = lines(caplog)
    assert "a command or button could not be answered" in line
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize("resumable", [True, False])
async def test_an_invalid_session_is_begun_anew(resumable: bool) -> None:
    async with scene() as s:
        await s.answer(s.general, s.ana, "One.")
        gateway = s.discord.gateway
        await gateway.invalidate(resumable=resumable)
        await until(lambda: gateway.resumed == 1 if resumable else gateway.identified == 2)
        assert "Ana: Two." in await s.answer(s.general, s.ana, "Two.")
        assert len(s.said) == 1


async def test_an_answer_grows_on_while_the_gateway_is_away() -> None:
    model = TextGenerator("one two three four", paced=True)
    async with scene(model) as s:
        await s.discord.ask(s.general, s.ana, "Count.")
        await until(lambda: s.discord.world.answers_in(s.general))
        await s.discord.gateway.drop()
        model.let(4)
        assert whole(await s.answered()) == "one two three four"


async def test_an_observer_is_told_that_the_connection_is_lost_and_back() -> None:
    async with scene() as s:
        s.engine.observer = told = Told()
        await s.discord.gateway.drop()
        await until(lambda: PlatformConnected("discord") in told.events)
        events = [e for e in told.events if isinstance(e, PlatformLost | PlatformConnected)]
        assert events == [PlatformLost("discord"), PlatformConnected("discord")]


# ---------------------------------------------------------------- starting


async def test_a_wrong_token_is_one_line_with_the_remedy() -> None:
    async with loopback() as s:
        wrong = s.settings.discord.model_copy(update={"token": SecretStr("nonsense")})
        s.settings = s.settings.model_copy(update={"discord": wrong})
        with pytest.raises(ExceptionGroup) as caught:
            async with s.running():
                pass
        (error,) = leaves(caught.value)
        assert isinstance(error, ConfigError)
        assert str(error).startswith("[discord] token: Discord does not accept it. Copy it anew")
        assert "\n" not in str(error)
        assert "nonsense" not in str(error)


async def test_without_the_content_intent_mentions_are_answered_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with loopback() as s:
        s.discord.gateway.content_allowed = False
        async with s.running():
            assert "Ana: Hello." in await s.answer(s.general, s.ana, "Hello.")
    (line,) = lines(caplog)
    assert "Message Content intent is off" in line
    assert "https://discord.com/developers/applications" in line


async def test_what_was_taken_up_goes_on_when_the_connection_is_made_anew() -> None:
    model = TextGenerator("one two three four", paced=True)
    async with loopback(model) as s:
        async with s.running():
            await s.discord.ask(s.general, s.ana, "Count.")
            await until(lambda: s.discord.world.answers_in(s.general))
            (answer,) = s.discord.world.answers_in(s.general)
            model.let(2)
            await until(lambda: answer.content.startswith("one two"))
        s.discord.gateway.content_allowed = False  # the first attempt fails after the login
        async with s.running():
            model.let(2)
            await s.answered()
        assert answer.content == "one two three four"


async def test_unknown_servers_and_channels_in_the_lists_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with loopback() as s:
        lists = {"allowed_guilds": frozenset(["7"]), "blocked_channels": frozenset(["8"])}
        odd = s.settings.discord.model_copy(update=lists)
        s.settings = s.settings.model_copy(update={"discord": odd})
        async with s.running():
            pass
    first, second = lines(caplog)
    assert first.startswith("[discord] allowed_guilds: Parley is in no server 7.")
    assert second.startswith("[discord] blocked_channels: Parley can see no channel 8.")


async def test_where_discord_cannot_be_reached_it_is_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.common.connect.FIRST_RETRY", 0.01)
    async with loopback() as s:
        s.discord.rest.logins_refused = 2
        async with s.running():
            assert "Ana: Hello." in await s.answer(s.general, s.ana, "Hello.")
    assert [line.split(" (")[0] for line in lines(caplog)] == ["Discord cannot be reached"] * 2


async def test_several_shards_are_one_bot() -> None:
    async with scene(shards=2) as s:
        assert s.discord.gateway.identified == 2
        await s.discord.say(s.general, s.ana, f"{BOT.mention} Hello.")
        assert "Ana: Hello." in whole(await s.answered())


async def test_no_text_of_a_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with scene() as s:
        await s.answer(s.general, s.ana, "A private matter.")
        s.discord.trouble("PATCH", 403)
        await s.discord.ask(s.general, s.ana, "Another private matter.")
        await until(lambda: len(s.generator.prompts) == 2)
        await s.engine.finish()
    assert "private matter" not in caplog.text
