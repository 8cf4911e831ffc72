"""What people do with answers by their buttons, on every platform."""

import pytest

from bot.errors import GenerationError
from bot.ports import ConversationSettings
from tests.scenarios.acting import (
    COUNT,
    answered,
    archived,
    ask,
    begin,
    counting,
    newest,
    only,
    repeating,
    stopped,
)
from tests.scenarios.driver import Can, GroupPlatform, Press, Where, Who
from tests.scenarios.platforms import on_all_that_can
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

NOT_YOURS = "Only who asked, or an admin, can have this answered again."
NO_SUCH = "There is no such answer any more."


# ---------------------------------------------------------------- regenerate and continue


@on_all_that_can()
async def test_regenerate_puts_another_answer_in_the_place(group: GroupPlatform) -> None:
    replies = ["The first answer.", "The second one."]
    model = ScriptedGenerator(lambda _: replies.pop(0), context=100_000)
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "Hello")
        assert only(chat).text == "The first answer."
        await chat.press(Who.ADA, Press.REGENERATE, only(chat))
        await answered(chat, model, 2)
        assert only(chat).text == "The second one."
        assert chat.posted() == 1


@on_all_that_can()
async def test_a_stopped_answer_can_be_continued(group: GroupPlatform) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ADA)
        await chat.press(Who.ADA, Press.STOP, only(chat))
        await until(lambda: stopped(only(chat)))
        model.let(100)
        await chat.settled()
        assert only(chat).text == "word0 word1 word2"
        await chat.press(Who.ADA, Press.CONTINUE, only(chat))
        await answered(chat, model, 2)
        assert model.prompts[-1].answer.split() == COUNT.split()[:3]
        assert only(chat).text == COUNT
        assert chat.posted() == 1


@on_all_that_can()
async def test_an_answer_that_failed_can_be_continued(group: GroupPlatform) -> None:
    model = counting(paced=False)
    model.failures.append((7, GenerationError("the model failed")))
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "Count.")
        assert only(chat).text.split() == COUNT.split()[:7]
        assert stopped(only(chat))
        await chat.press(Who.ADA, Press.CONTINUE, only(chat))
        await answered(chat, model, 2)
        assert only(chat).text == COUNT
        assert chat.posted() == 1


@on_all_that_can(Can.OTHERS)
async def test_somebody_else_cannot_have_an_answer_written_again(group: GroupPlatform) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        await chat.press(Who.ANA, Press.STOP, only(chat))
        await until(lambda: stopped(only(chat)))
        await chat.settled()
        for button in (Press.REGENERATE, Press.CONTINUE):
            told = await chat.press(Who.BEN, button, only(chat))
            assert await told.text() == NOT_YOURS
        assert only(chat).text == "word0 word1 word2"
        assert len(model.prompts) == 1


@pytest.mark.parametrize("button", [Press.REGENERATE, Press.CONTINUE])
@on_all_that_can(Can.OTHERS)
async def test_an_admin_can_have_anybodys_answer_written_again(
    group: GroupPlatform, button: Press
) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        await chat.press(Who.ANA, Press.STOP, only(chat))
        await until(lambda: stopped(only(chat)))
        model.let(100)
        await chat.settled()
        await chat.press(Who.ADA, button, only(chat))
        await answered(chat, model, 2)
        assert only(chat).text == COUNT
        kept = model.prompts[-1].answer.split()
        assert kept == ([] if button is Press.REGENERATE else COUNT.split()[:3])


# ---------------------------------------------------------------- buttons in another place


@pytest.mark.parametrize("where", [Where.ELSEWHERE, Where.DIRECT])
@on_all_that_can(Can.OTHERS)
async def test_a_stop_button_in_another_place_stops_nothing(
    group: GroupPlatform, where: Where
) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        answer = await newest(group.store)
        told = await chat.press_elsewhere(Who.ANA, Press.STOP, answer.id, where)
        assert await told.text() == NO_SUCH
        model.let(100)
        await chat.settled()
        assert only(chat).text == COUNT
        assert chat.posted(where) == 0


@pytest.mark.parametrize("where", [Where.ELSEWHERE, Where.DIRECT])
@on_all_that_can(Can.OTHERS)
async def test_buttons_in_another_place_reach_no_answer(group: GroupPlatform, where: Where) -> None:
    model = counting(paced=False)
    async with group.running(model) as chat:
        await group.store.change_settings(chat.key, ConversationSettings(max_new_tokens=5))
        await ask(chat, model, Who.ANA, "Count.")
        before, answer = only(chat), await newest(group.store)
        assert {Press.REGENERATE, Press.CONTINUE, Press.UP, Press.DOWN} == before.buttons
        for button in before.buttons:
            told = await chat.press_elsewhere(Who.ANA, button, answer.id, where)
            assert await told.text() == NO_SUCH
        await chat.settled()
        assert only(chat) == before
        assert chat.posted(where) == 0
        assert len(model.prompts) == 1
        assert [one.verdicts for one in await archived(group.store)] == [()]


# ---------------------------------------------------------------- rating


@on_all_that_can(Can.OTHERS)
async def test_the_last_rating_of_each_person_is_stored(group: GroupPlatform) -> None:
    model = repeating()

    async def verdicts() -> tuple[int, ...]:
        (answer,) = await archived(group.store)
        return tuple(sorted(answer.verdicts))

    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Hello")
        for who, button, stored in (
            (Who.ANA, Press.UP, (1,)),
            (Who.BEN, Press.DOWN, (-1, 1)),
            (Who.ANA, Press.DOWN, (-1, -1)),
            (Who.BEN, Press.UP, (-1, 1)),
        ):
            await chat.press(who, button, only(chat))

            async def is_stored(expected: tuple[int, ...] = stored) -> bool:
                return await verdicts() == expected

            await until(is_stored)
        assert only(chat).text == "On Ana: Hello"
