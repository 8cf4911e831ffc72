"""What becomes a question, and what the model is given of it, on every platform."""

import pytest

from adapters.common.texts import NOTHING_ASKED
from tests.scenarios.acting import answered, ask, begin, counting, given, only, repeating, stopped
from tests.scenarios.driver import Can, Command, GroupPlatform, Where, Who
from tests.scenarios.platforms import on_all_that_can
from tests.until import until

# ---------------------------------------------------------------- names


@on_all_that_can(Can.OTHERS)
async def test_people_are_told_apart_by_their_names(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "I like tea.")
        await ask(chat, model, Who.BEN, "I like coffee.")
        await ask(chat, model, Who.ANA, "What does Ben like?")
        assert given(model.prompts[-1]) == [
            "Ana: I like tea.",
            "Ben: I like coffee.",
            "Ana: What does Ben like?",
        ]


# ---------------------------------------------------------------- the command that asks


@on_all_that_can(Can.ASK_COMMAND)
async def test_a_question_by_command_is_shown_to_all_and_answered(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        told = await chat.ask_by_command(Who.ANA, "What is a llama?")
        await answered(chat, model, 1)
        assert given(model.prompts[0]) == ["Ana: What is a llama?"]
        assert chat.posted(Where.CHANNEL) == 1 + len(chat.answers(Where.CHANNEL))
        assert told.so_far == []
        (stored,) = await group.store.answers()
        assert stored.text == "On Ana: What is a llama?"


@on_all_that_can(Can.ASK_COMMAND)
async def test_a_question_by_command_that_is_refused_is_taken_back(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await (await chat.command(Who.ADA, Command.MUTE, where=Where.CHANNEL)).text()
        told = await chat.ask_by_command(Who.BEN, "Do you hear me?")
        assert await told.text() == "I am muted here."
        await until(lambda: chat.posted(Where.CHANNEL) == 0)
        assert model.prompts == []


# ---------------------------------------------------------------- files


@on_all_that_can(Can.FILES)
async def test_a_text_file_is_in_the_prompt_and_a_picture_is_left_out_with_a_note(
    group: GroupPlatform,
) -> None:
    model = repeating()
    files = {"notes.txt": b"Buy milk.\n", "cat.png": b"\x89PNG\r\n"}
    async with group.running(model) as chat:
        said = await chat.say(Who.ANA, "@bot What shall I buy?", files=files)
        await answered(chat, model, 1)
        assert model.prompts[0].question == (
            "Ana: What shall I buy?\n\nFile notes.txt:\nBuy milk.\n(end of notes.txt)"
        )
        assert await said.told.text() == "cat.png was left out: I read text files only."


@on_all_that_can(Can.FILES)
async def test_a_picture_alone_is_no_question(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await chat.say(Who.ANA, "@bot", files={"cat.png": b"\x89PNG\r\n"})
        assert await said.told.text() == "cat.png was left out: I read text files only."
        await ask(chat, model, Who.BEN, "Hello")
        assert given(model.prompts[-1]) == ["Ben: Hello"]


# ---------------------------------------------------------------- quotes


@on_all_that_can(Can.QUOTES)
async def test_a_message_that_is_replied_to_stands_above_the_question(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await chat.say(Who.BEN, "The moon is made of cheese.")
        await chat.say(Who.ANA, "@bot Is it?", quoting=said)
        await answered(chat, model, 1)
        assert given(model.prompts[0]) == ["Ana: Ben wrote:\nThe moon is made of cheese.\n\nIs it?"]


@on_all_that_can(Can.MENU)
async def test_a_message_that_is_asked_about_stands_above_the_question(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await chat.say(Who.BEN, "The moon is made of cheese.")
        await chat.ask_about(Who.ANA, said, "Is it?")
        await answered(chat, model, 1)
        assert given(model.prompts[0]) == ["Ana: Ben wrote:\nThe moon is made of cheese.\n\nIs it?"]


# ---------------------------------------------------------------- control words


@pytest.mark.parametrize(
    "typed",
    ["@bot please stop", "@bot, stop", "@bot: stop", "@bot : stop", "@bot Stop!", "@bot /stop"],
)
@on_all_that_can(Can.OTHERS)
async def test_a_control_word_stops_an_answer(group: GroupPlatform, typed: str) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        said = await chat.say(Who.ANA, typed)
        assert await said.told.text() == "Stopped."
        await until(lambda: stopped(only(chat)))
        await chat.settled()
        assert len(model.prompts) == len(chat.answers()) == 1


@pytest.mark.parametrize("typed", ["@bot, stop using emojis", "@bot: stop using emojis"])
@on_all_that_can(Can.OTHERS)
async def test_a_sentence_that_begins_like_a_control_word_is_a_question(
    group: GroupPlatform, typed: str
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await chat.say(Who.ANA, typed)
        await answered(chat, model, 1)
        assert given(model.prompts[0]) == ["Ana: stop using emojis"]
        assert said.told.so_far == []


@on_all_that_can(Can.OTHERS)
async def test_a_mention_alone_is_told_how_to_ask(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await chat.say(Who.ANA, "@bot", where=Where.ELSEWHERE)
        assert await said.told.text() == NOTHING_ASKED
        assert model.prompts == []
