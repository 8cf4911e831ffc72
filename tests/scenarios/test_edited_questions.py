"""What people do to their questions afterwards, on every platform."""

from tests.scenarios.acting import (
    COUNT,
    answered,
    ask,
    begin,
    counting,
    given,
    only,
    questions,
    repeating,
)
from tests.scenarios.driver import Can, Command, GroupPlatform, Who
from tests.scenarios.platforms import on_all_that_can
from tests.until import until


@on_all_that_can(Can.EDITS, Can.OTHERS)
async def test_an_edited_question_is_answered_again_in_the_same_message(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await ask(chat, model, Who.ANA, "What is a llama?")
        first = only(chat)
        await chat.edit(said, "@bot What is a parrot?")
        await answered(chat, model, 2)
        assert only(chat).message is first.message
        assert only(chat).text == "On Ana: What is a parrot?"
        assert chat.posted() == 1
        await ask(chat, model, Who.BEN, "And then?")
        assert given(model.prompts[-1]) == ["Ana: What is a parrot?", "Ben: And then?"]
        assert model.prompts[-1].history[0].answer == "On Ana: What is a parrot?"


@on_all_that_can(Can.EDITS)
async def test_an_edit_while_it_is_answered_begins_the_answer_anew(group: GroupPlatform) -> None:
    model = counting()
    async with group.running(model) as chat:
        said = await begin(chat, model, Who.ANA)
        await chat.edit(said, "@bot Count again.")
        await until(lambda: len(model.prompts) == 2)
        model.let(100)
        await chat.settled()
        assert given(model.prompts[-1]) == ["Ana: Count again."]
        assert len(only(chat).text.split()) == 20
        assert chat.posted() == 1


@on_all_that_can(Can.EDITS, Can.SETTINGS)
async def test_an_edit_that_is_refused_disturbs_neither_question_nor_answer(
    group: GroupPlatform,
) -> None:
    model = counting()
    async with group.running(model) as chat:
        said = await begin(chat, model, Who.ANA)
        await (await chat.command(Who.ADA, Command.MUTE)).text()
        await chat.edit(said, "@bot Count again.")
        await until(lambda: "I am muted here." in said.told.so_far)
        model.let(100)
        await chat.settled()
        assert only(chat).text == COUNT
        assert await group.store.answers(unfinished=True) == []
        assert await questions(group.store) == ["Count."]


@on_all_that_can(Can.EDITS, Can.OTHERS)
async def test_an_edit_of_an_older_question_changes_the_history_alone(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await ask(chat, model, Who.ANA, "What is a llama?")
        await ask(chat, model, Who.ANA, "And a parrot?")
        await chat.edit(said, "@bot What is an alpaca?")
        await until(lambda: _holds(group, "What is an alpaca?"))
        await ask(chat, model, Who.BEN, "Which is larger?")
        assert given(model.prompts[-1]) == [
            "Ana: What is an alpaca?",
            "Ana: And a parrot?",
            "Ben: Which is larger?",
        ]
        assert len(model.prompts) == chat.posted() == 3


@on_all_that_can(Can.EDITS, Can.OTHERS)
async def test_a_question_edited_down_to_nothing_leaves_the_history_with_its_answer(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await ask(chat, model, Who.ANA, "My secret is 42.")
        await ask(chat, model, Who.BEN, "What is a llama?")
        await chat.edit(said, "@bot")
        await until(lambda: _lacks(group, "My secret is 42."))
        await ask(chat, model, Who.BEN, "What is the secret?")
        assert given(model.prompts[-1]) == ["Ben: What is a llama?", "Ben: What is the secret?"]
        assert not any("42" in exchange.answer for exchange in model.prompts[-1].history)
        assert await questions(group.store) == ["What is a llama?", "What is the secret?"]


@on_all_that_can(Can.EDITS)
async def test_a_question_edited_down_to_nothing_stops_its_answer(group: GroupPlatform) -> None:
    model = counting()
    async with group.running(model) as chat:
        said = await begin(chat, model, Who.ANA)
        await chat.edit(said, "@bot")
        await until(lambda: not any(answer.buttons for answer in chat.answers()))
        model.let(100)
        await chat.settled()
        assert model.steps == 3
        assert await questions(group.store) == []


@on_all_that_can(Can.EDITS, Can.OTHERS)
async def test_a_deleted_question_leaves_the_history_with_its_answer(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.BEN, "What is a llama?")
        said = await ask(chat, model, Who.ANA, "My secret is 42.")
        await chat.delete(said)
        await until(lambda: _lacks(group, "My secret is 42."))
        await ask(chat, model, Who.BEN, "What is the secret?")
        assert given(model.prompts[-1]) == ["Ben: What is a llama?", "Ben: What is the secret?"]
        assert not any("42" in exchange.answer for exchange in model.prompts[-1].history)


@on_all_that_can(Can.EDITS, Can.OTHERS)
async def test_the_answer_to_a_deleted_question_is_stopped(group: GroupPlatform) -> None:
    model = counting()
    async with group.running(model) as chat:
        said = await begin(chat, model, Who.ANA)
        await chat.delete(said)
        await until(lambda: not any(answer.buttons for answer in chat.answers()))
        model.let(100)
        await chat.settled()
        assert model.steps == 3
        await ask(chat, model, Who.BEN, "What is a llama?")
        assert given(model.prompts[-1]) == ["Ben: What is a llama?"]
        assert await questions(group.store) == ["What is a llama?"]


async def _holds(group: GroupPlatform, text: str) -> bool:
    return text in await questions(group.store)


async def _lacks(group: GroupPlatform, text: str) -> bool:
    return text not in await questions(group.store)
