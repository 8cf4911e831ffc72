"""Who may stop what, and how far a stop reaches, on every platform."""

from collections.abc import Awaitable, Callable

import pytest

from bot.ports import AnswerState
from tests.scenarios.acting import COUNT, begin, counting, only, stopped
from tests.scenarios.driver import Can, Command, Group, GroupPlatform, Press, Told, Where, Who
from tests.scenarios.platforms import on_all_that_can
from tests.until import until

Stop = Callable[[Group, Who], Awaitable[Told]]

NOT_YOURS = "Only who asked, or an admin, can stop this answer."
NOTHING = "Nothing is being answered here that could be stopped."


async def by_button(chat: Group, who: Who) -> Told:
    return await chat.press(who, Press.STOP, only(chat))


async def by_command(chat: Group, who: Who) -> Told:
    return await chat.command(who, Command.STOP)


async def by_word(chat: Group, who: Who) -> Told:
    return (await chat.say(who, "@bot stop")).told


@on_all_that_can()
async def test_stop_halts_the_model_and_what_it_wrote_stays(group: GroupPlatform) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ADA)
        await chat.press(Who.ADA, Press.STOP, only(chat))
        await until(lambda: stopped(only(chat)))
        model.let(100)
        await chat.settled()
        assert only(chat).text == "word0 word1 word2"
        assert model.steps == 3


@pytest.mark.parametrize(
    ("stop", "why"), [(by_button, NOT_YOURS), (by_command, NOTHING), (by_word, NOTHING)]
)
@on_all_that_can(Can.OTHERS)
async def test_somebody_else_cannot_stop_an_answer(
    group: GroupPlatform, stop: Stop, why: str
) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        told = await stop(chat, Who.BEN)
        assert await told.text() == why
        model.let(100)
        await until(lambda: Press.STOP not in only(chat).buttons)
        await chat.settled()
        assert only(chat).text == COUNT
        assert told.so_far == [why]


@pytest.mark.parametrize("stop", [by_button, by_command, by_word])
@pytest.mark.parametrize("who", [Who.ANA, Who.ADA])
@on_all_that_can(Can.OTHERS)
async def test_who_asked_and_an_admin_can_stop_it(
    group: GroupPlatform, who: Who, stop: Stop
) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        told = await stop(chat, who)
        await until(lambda: stopped(only(chat)))
        model.let(100)
        await chat.settled()
        assert only(chat).text == "word0 word1 word2"
        assert stop is by_button or await told.text() == "Stopped."


@on_all_that_can(Can.OTHERS)
async def test_a_stop_button_stops_its_own_answer_and_no_other(group: GroupPlatform) -> None:
    """Ada, who may stop both, has one of her own that waits behind Ana's."""
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        await chat.say(Who.ADA, "@bot Count too.")
        await until(lambda: len(chat.answers()) == 2)
        await chat.press(Who.ADA, Press.STOP, chat.answers()[0])
        await until(lambda: stopped(chat.answers()[0]))
        await until(lambda: len(model.prompts) == 2)
        model.let(100)
        await chat.settled()
        assert [answer.text for answer in chat.answers()] == ["word0 word1 word2", COUNT]


# ---------------------------------------------------------------- everybody's


@on_all_that_can(Can.OTHERS)
async def test_an_admin_without_an_answer_stops_everybodys(group: GroupPlatform) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        await chat.say(Who.BEN, "@bot Count too.")
        await until(lambda: len(chat.answers()) == 2)
        told = await chat.command(Who.ADA, Command.STOP)
        assert await told.text() == "Stopped 2 answers."
        await until(lambda: all(stopped(answer) for answer in chat.answers()))


@on_all_that_can(Can.OTHERS)
async def test_stop_everyone_is_for_admins_whether_they_asked_or_not(group: GroupPlatform) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        await chat.say(Who.ADA, "@bot Count too.")
        await until(lambda: len(chat.answers()) == 2)
        refused = await chat.command(Who.BEN, Command.STOP_EVERYONE)
        assert await refused.text() == NOT_YOURS
        told = await chat.command(Who.ADA, Command.STOP_EVERYONE)
        assert await told.text() == "Stopped 2 answers."
        await until(lambda: all(stopped(answer) for answer in chat.answers()))


@on_all_that_can(Can.OTHERS)
async def test_stop_leaves_others_answers_alone(group: GroupPlatform) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        await chat.say(Who.ADA, "@bot Count too.")
        await until(lambda: len(chat.answers()) == 2)
        told = await chat.command(Who.ADA, Command.STOP)
        assert await told.text() == "Stopped."
        model.let(100)
        await chat.settled()
        assert [answer.text for answer in chat.answers()] == [COUNT, ""]


# ---------------------------------------------------------------- threads


@on_all_that_can(Can.THREADS)
async def test_stop_in_a_channel_reaches_the_thread_that_its_question_opened(
    group: GroupPlatform,
) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        assert chat.key.thread
        told = await chat.command(Who.ANA, Command.STOP, where=Where.CHANNEL)
        assert await told.text() == "Stopped."
        await until(lambda: stopped(only(chat)))
        model.let(100)
        await chat.settled()
        assert only(chat).text == "word0 word1 word2"


@pytest.mark.parametrize("who", [Who.ANA, Who.ADA])
@on_all_that_can(Can.OTHERS)
async def test_stop_in_a_channel_does_not_reach_a_thread_of_peoples_own(
    group: GroupPlatform, who: Who
) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA, where=Where.PEOPLES_THREAD)
        told = await chat.command(who, Command.STOP, where=Where.CHANNEL)
        assert await told.text() == NOTHING
        model.let(100)
        await chat.settled()
        assert only(chat, Where.PEOPLES_THREAD).text == COUNT


@pytest.mark.parametrize("command", [Command.STOP, Command.STOP_EVERYONE])
@on_all_that_can(Can.THREADS)
async def test_an_admins_stop_in_a_channel_reaches_all_threads_of_its_questions_alone(
    group: GroupPlatform, command: Command
) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        await chat.say(Who.BEN, "@bot Count too.", where=Where.CHANNEL)
        await chat.say(Who.BEN, "@bot And here.", where=Where.PEOPLES_THREAD)
        await until(lambda: len(model.prompts) == 3)
        told = await chat.command(Who.ADA, command, where=Where.CHANNEL)
        assert await told.text() == "Stopped 2 answers."
        model.let(100)
        await chat.settled()
        assert stopped(only(chat))
        assert only(chat, Where.PEOPLES_THREAD).text == COUNT
        states = {a.question.text: a.state for a in await group.store.answers()}
        assert states == {
            "Count.": AnswerState.STOPPED,
            "Count too.": AnswerState.STOPPED,
            "And here.": AnswerState.DONE,
        }
