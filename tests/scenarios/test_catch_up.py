"""What was asked, edited and deleted while Parley was not connected, on every platform that keeps
its messages."""

from datetime import UTC, datetime

import pytest

from tests.scenarios.acting import (
    answered,
    ask,
    given,
    questions,
    repeating,
)
from tests.scenarios.driver import Can, Command, Group, GroupPlatform, Where, Who
from tests.scenarios.platforms import on_all_that_can
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

OLD = 20 * 60
"""Seconds; more than ``catch_up_minutes``."""


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def asked(model: ScriptedGenerator) -> list[str]:
    """The questions that the model was given, in order."""
    return [prompt.question for prompt in model.prompts]


@on_all_that_can(Can.HISTORY)
async def test_what_was_asked_while_parley_was_down_is_answered_once_oldest_first(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "One")
    async with chat.unheard():
        await chat.say(Who.ANA, "@bot Two")
        await chat.say(Who.BEN, "@bot Three")
        await chat.say(Who.BEN, "Nobody is asked", where=Where.CHANNEL)
    async with group.running(model) as chat:
        await answered(chat, model, 3)
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "Four")
        assert asked(model) == ["Ana: One", "Ana: Two", "Ben: Three", "Ada: Four"]
        assert chat.posted() == 4


@on_all_that_can(Can.HISTORY)
async def test_what_was_asked_between_two_sessions_is_answered_once(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "One")
        for number in ("Two", "Three"):
            before = len(model.prompts)
            async with chat.unheard():
                await chat.say(Who.BEN, f"@bot {number}")
            await answered(chat, model, before + 1)
        await ask(chat, model, Who.ADA, "Four")
        assert asked(model) == ["Ana: One", "Ben: Two", "Ben: Three", "Ada: Four"]


@on_all_that_can(Can.HISTORY)
async def test_a_question_that_is_found_and_delivered_too_is_answered_once(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "One")
        async with chat.unheard():
            await chat.say(Who.BEN, "@bot Two")
        await chat.deliver_again()
        await answered(chat, model, 2)
        await chat.deliver_again()
        await ask(chat, model, Who.ADA, "Three")
        assert asked(model) == ["Ana: One", "Ben: Two", "Ada: Three"]


@on_all_that_can(Can.HISTORY)
async def test_a_question_that_is_too_old_is_not_answered_any_more(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "One")
    async with chat.unheard():
        await group.store.record_handled(chat.key.platform, LONG_AGO)
        await chat.say(Who.BEN, "@bot Old", where=Where.CHANNEL, ago=OLD)
        await chat.say(Who.BEN, "@bot New", where=Where.CHANNEL)
    async with group.running(model) as chat:
        await answered(chat, model, 2)
        assert asked(model) == ["Ana: One", "Ben: New"]


@on_all_that_can(Can.HISTORY)
async def test_places_where_nothing_was_asked_are_not_read(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "One")
    async with chat.unheard():
        await chat.say(Who.BEN, "@bot Elsewhere", where=Where.ELSEWHERE)
        await chat.say(Who.BEN, "@bot Here")
    async with group.running(model) as chat:
        await answered(chat, model, 2)
        assert asked(model) == ["Ana: One", "Ben: Here"]


@on_all_that_can(Can.HISTORY)
async def test_a_direct_message_is_found(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "One", where=Where.DIRECT)
        await answered(chat, model, 1)
    async with chat.unheard():
        await chat.say(Who.ANA, "Two", where=Where.DIRECT)
    async with group.running(model) as chat:
        await answered(chat, model, 2)
        assert chat.posted(Where.DIRECT) == 2
        assert given(model.prompts[-1])[-1] == "Two"  # it may be a chat of its own


@on_all_that_can(Can.HISTORY)
async def test_a_question_in_a_thread_of_people_is_found(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "@bot One", where=Where.PEOPLES_THREAD)
        await answered(chat, model, 1)
    async with chat.unheard():
        await chat.say(Who.BEN, "@bot And two?", where=Where.PEOPLES_THREAD)
    async with group.running(model) as chat:
        await answered(chat, model, 2)
        assert chat.posted(Where.PEOPLES_THREAD) == 2


@on_all_that_can(Can.HISTORY, Can.THREADS)
async def test_a_question_in_the_channel_of_known_threads_is_found(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "One")
    async with chat.unheard():
        await chat.say(Who.BEN, "@bot Two", where=Where.CHANNEL)
    async with group.running(model) as chat:
        await answered(chat, model, 2)
        assert given(model.prompts[-1]) == ["Ben: Two"]


@on_all_that_can(Can.HISTORY)
@pytest.mark.parametrize("word", ["stop", "reset"])
async def test_a_control_word_of_the_past_is_not_obeyed(group: GroupPlatform, word: str) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "One")
    async with chat.unheard():
        await chat.say(Who.ADA, f"@bot {word}")
        said = await chat.say(Who.ADA, "@bot Two")
    async with group.running(model) as chat:
        await answered(chat, model, 2)
        assert given(model.prompts[-1]) == ["Ada: One", "Ada: Two"]
        assert said.told.so_far == []


@on_all_that_can(Can.HISTORY)
async def test_a_question_that_was_refused_before_is_not_asked_again(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "One")
        await (await chat.command(Who.ADA, Command.MUTE)).text()
        await (await chat.say(Who.BEN, "@bot Refused")).told.text()
        await (await chat.command(Who.ADA, Command.UNMUTE)).text()
        await chat.settled()
    async with chat.unheard():
        await chat.say(Who.BEN, "@bot Two")
    async with group.running(model) as chat:
        await answered(chat, model, 2)
        assert asked(model) == ["Ada: One", "Ben: Two"]


@on_all_that_can(Can.HISTORY)
@pytest.mark.parametrize("running", [True, False], ids=["between sessions", "down"])
async def test_a_question_that_was_edited_unheard_is_answered_again_in_its_place(
    group: GroupPlatform, running: bool
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await ask(chat, model, Who.ANA, "One")
        if running:
            async with chat.unheard():
                await chat.edit(said, "@bot Another")
            await edited(chat, group)
    if not running:
        async with chat.unheard():
            await chat.edit(said, "@bot Another")
        async with group.running(model) as chat:
            await edited(chat, group)
    assert asked(model) == ["Ana: One", "Ana: Another"]


async def edited(chat: Group, group: GroupPlatform) -> None:
    await until(lambda: _is_edited(group))
    await chat.settled()
    assert [answer.text for answer in chat.answers()] == ["On Ana: Another"]


async def _is_edited(group: GroupPlatform) -> bool:
    return await questions(group.store) == ["Another"]


@on_all_that_can(Can.HISTORY)
@pytest.mark.parametrize("running", [True, False], ids=["between sessions", "down"])
async def test_a_question_that_was_deleted_unheard_leaves_the_history(
    group: GroupPlatform, running: bool
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await chat.say(Who.BEN, "Good morning", where=Where.CHANNEL)
        said = await ask(chat, model, Who.ANA, "One")
        await ask(chat, model, Who.ANA, "Two")
        if running:
            async with chat.unheard():
                await chat.delete(said)
            await until(lambda: _is_deleted(group))
            await chat.settled()
    if not running:
        async with chat.unheard():
            await chat.delete(said)
        async with group.running(model) as chat:
            await until(lambda: _is_deleted(group))
            await chat.settled()
    assert asked(model) == ["Ana: One", "Ana: Two"]


async def _is_deleted(group: GroupPlatform) -> bool:
    """Whether it is gone, and nothing is left to do about the messages of its answer."""
    (newest,) = await group.store.answers(limit=1)
    left = await group.store.leftovers(newest.question.conversation.platform)
    return await questions(group.store) == ["Two"] and not left


@on_all_that_can(Can.HISTORY)
@pytest.mark.parametrize("setting", ["catch_up_days", "catch_up_minutes"])
async def test_without_catching_up_no_history_is_read(group: GroupPlatform, setting: str) -> None:
    model = repeating()
    group.configure(**{setting: 0})
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "One")
    async with chat.unheard():
        await chat.say(Who.ANA, "@bot Missed")
    async with group.running(model) as chat:
        # in the channel: threads are read for each question in them
        await chat.say(Who.BEN, "@bot Two", where=Where.CHANNEL)
        await answered(chat, model, 2)
        assert asked(model) == ["Ana: One", "Ben: Two"]
        assert chat.histories_read == 0
