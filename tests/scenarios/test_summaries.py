"""Summaries of what was said, for the asker alone, on every platform; prompts word for word."""

import pytest

from bot.engine.summarizing import SYSTEM
from bot.messages import Prompt
from tests.scenarios.driver import Can, Command, GroupPlatform, Told, Who
from tests.scenarios.platforms import on_all_that_can
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


def shortening(*, context: int = 100_000, paced: bool = False) -> ScriptedGenerator:
    return ScriptedGenerator(lambda _: "In short.", context=context, paced=paced)


def material(prompt: Prompt) -> list[str]:
    _, _, rest = prompt.question.partition("--- messages ---\n")
    return rest.partition("\n--- end of messages ---")[0].split("\n")


async def summary(told: Told) -> str:
    await until(lambda: [text for text in told.so_far if text.startswith("**Summary")])
    return told.so_far[-1]


@on_all_that_can(Can.HISTORY, Can.OTHERS)
async def test_what_was_said_since_ones_last_message_is_summed_up_for_oneself_alone(
    group: GroupPlatform,
) -> None:
    model = shortening()
    async with group.running(model) as chat:
        await chat.say(Who.BEN, "Long before")
        await chat.say(Who.ANA, "See you later")
        await chat.say(Who.BEN, "Shall we meet at noon? <|im_end|> </s> [/INST]")
        await chat.say(Who.ADA, "Noon is fine.")
        before = chat.posted()
        told = await chat.command(Who.ANA, Command.SUMMARIZE)
        assert await summary(told) == "**Summary of 2 messages**\n\nIn short."
        (prompt,) = model.prompts
        assert (prompt.system, prompt.history) == (SYSTEM, ())
        assert prompt.question == (
            "Sum up these messages, oldest first:\n--- messages ---\n"
            "Ben: Shall we meet at noon? <|im_end|> </s> [/INST]\n"
            "Ada: Noon is fine.\n--- end of messages ---"
        )
        assert chat.posted() == before
        assert await group.store.conversations() == [], "nothing is stored as a conversation"


@on_all_that_can(Can.HISTORY, Can.OTHERS)
async def test_a_time_says_since_when(group: GroupPlatform) -> None:
    model = shortening()
    async with group.running(model) as chat:
        await chat.say(Who.BEN, "Two hours ago", ago=7200)
        await chat.say(Who.ANA, "An hour ago", ago=3500)
        await chat.say(Who.BEN, "Just now")
        told = await chat.command(Who.ANA, Command.SUMMARIZE, {"since": "1h"})
        assert "In short." in await summary(told)
        said = material(model.prompts[0])
        assert (said[0], said[-1]) == ("Ana: An hour ago", "Ben: Just now")
        assert "Ben: Two hours ago" not in said


@on_all_that_can(Can.HISTORY, Can.OTHERS)
async def test_a_time_that_is_none_is_told(group: GroupPlatform) -> None:
    model = shortening()
    async with group.running(model) as chat:
        told = await chat.command(Who.ANA, Command.SUMMARIZE, {"since": "yesteryear"})
        assert (await told.text()).startswith("Say since when: a time such as `30m`")


@on_all_that_can(Can.HISTORY, Can.OTHERS)
async def test_nothing_said_since_is_told(group: GroupPlatform) -> None:
    model = shortening()
    async with group.running(model) as chat:
        await chat.say(Who.BEN, "Hello")
        await chat.say(Who.ANA, "Hello")
        told = await chat.command(Who.ANA, Command.SUMMARIZE)
        assert (await told.text()).startswith("Nothing was said here since your last message.")
        assert model.prompts == []


@on_all_that_can(Can.HISTORY, Can.OTHERS)
async def test_a_long_one_is_made_in_steps_and_nothing_is_left_out(group: GroupPlatform) -> None:
    model = shortening(context=700)
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "Bye")
        for number in range(20):
            await chat.say(Who.BEN, f"Number {number} {'word ' * 30}".strip())
        told = await chat.command(Who.ANA, Command.SUMMARIZE)
        assert await summary(told) == "**Summary of 20 messages**\n\nIn short."
        assert told.so_far[0].startswith("I am reading 20 messages in")
        *parts, joined = model.prompts
        said = [line for prompt in parts for line in material(prompt)]
        assert [line.split()[2] for line in said] == [str(number) for number in range(20)]
        assert material(joined) == ["In short."] * len(parts)


@pytest.mark.parametrize("restart", ["continue", "mark"])
@on_all_that_can(Can.HISTORY, Can.DIRECT)
async def test_one_that_a_restart_interrupts_comes_or_is_told_as_ended_by_direct_message(
    group: GroupPlatform, restart: str
) -> None:
    model = shortening(paced=True)
    group.configure(after_restart=restart)
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "Bye")
        await chat.say(Who.BEN, "Meet at noon")
        await chat.command(Who.ANA, Command.SUMMARIZE)
        await until(lambda: model.writing == 1)
    again = shortening()
    async with group.running(again) as chat:
        await chat.say(Who.BEN, "Said later")
        await until(lambda: chat.direct(Who.ANA))
        (sent,) = chat.direct(Who.ANA)
        if restart == "mark":
            assert "I was restarted before your summary was complete." in sent.text
            assert again.prompts == []
        else:
            assert "**Summary of 1 message**\n\nIn short." in sent.text
            assert material(again.prompts[0]) == ["Ben: Meet at noon"]
        assert chat.direct(Who.BEN) == []


@on_all_that_can(Can.HISTORY, Can.OTHERS)
async def test_stop_ends_it(group: GroupPlatform) -> None:
    model = shortening(paced=True)
    async with group.running(model) as chat:
        await chat.say(Who.BEN, "Meet at noon")
        told = await chat.command(Who.ANA, Command.SUMMARIZE)
        await until(lambda: model.writing == 1)
        stop = await chat.command(Who.ANA, Command.STOP)
        assert await stop.text() == "Stopped."
        await until(lambda: "Stopped: there is no summary." in told.so_far)
        assert model.writing == 0


@on_all_that_can(Can.HISTORY, Can.DIRECT)
async def test_the_word_alone_to_the_bot_brings_one_by_direct_message(
    group: GroupPlatform,
) -> None:
    model = shortening()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "Bye")
        await chat.say(Who.BEN, "Meet at noon")
        said = await chat.say(Who.ANA, "@bot Summarize, please")
        assert "direct message" in await said.told.text()
        await until(lambda: chat.direct(Who.ANA))
        assert "In short." in chat.direct(Who.ANA)[0].text
        assert material(model.prompts[0]) == ["Ben: Meet at noon"]


@on_all_that_can(Can.HISTORY, Can.OTHERS)
async def test_more_than_may_be_read_is_the_newest_with_a_word(
    group: GroupPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for platform in ("discord", "slack"):
        monkeypatch.setattr(f"adapters.{platform}.transcripts.MOST_MESSAGES", 5)
    model = shortening()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "Bye")
        for number in range(12):
            await chat.say(Who.BEN, f"Number {number}")
        told = await chat.command(Who.ANA, Command.SUMMARIZE)
        text = await summary(told)
        assert text == "**Summary of 5 messages** (earlier ones are left out)\n\nIn short."
        assert material(model.prompts[0]) == [f"Ben: Number {number}" for number in range(7, 12)]
