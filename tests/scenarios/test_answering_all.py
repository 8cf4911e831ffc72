"""Channels in which every message is a question, on every platform that has channels."""

from adapters.common.texts import NOTHING_ASKED
from tests.scenarios.acting import answered, given, repeating
from tests.scenarios.driver import Can, GroupPlatform, Where, Who
from tests.scenarios.platforms import on_all_that_can
from tests.scripted_generator import ScriptedGenerator

CHANNEL = Where.CHANNEL


def asked(model: ScriptedGenerator) -> list[str]:
    """The questions that the model was given, in order."""
    return [prompt.question for prompt in model.prompts]


@on_all_that_can(Can.FORWARDS)
async def test_every_message_of_a_person_is_a_question(group: GroupPlatform) -> None:
    model = repeating()
    group.answer_all()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "What is a llama?", where=CHANNEL)
        await answered(chat, model, 1)
        await chat.say(Who.BEN, "@bot And a parrot?", where=CHANNEL)
        await answered(chat, model, 2)
        await chat.say(Who.BEN, "Nobody is asked", where=Where.ELSEWHERE)
        await chat.say(Who.ANA, "And an owl?", where=CHANNEL)
        await answered(chat, model, 3)
        assert asked(model) == ["Ana: What is a llama?", "Ben: And a parrot?", "Ana: And an owl?"]


@on_all_that_can(Can.FORWARDS)
async def test_a_thread_of_such_a_channel_is_one_too(group: GroupPlatform) -> None:
    model = repeating()
    group.answer_all()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "What is a llama?", where=Where.PEOPLES_THREAD)
        await answered(chat, model, 1)
        assert chat.posted(Where.PEOPLES_THREAD) == 1
        # on Slack with the message that the thread was opened on above it
        assert model.prompts[0].question.endswith("Ana: What is a llama?")


@on_all_that_can(Can.FORWARDS)
async def test_machines_are_never_answered(group: GroupPlatform) -> None:
    model = repeating()
    group.answer_all()
    async with group.running(model) as chat:
        await chat.machine_says("What is a llama?")
        await chat.machine_says("@bot What is a llama?")
        await chat.say(Who.ANA, "Hello", where=CHANNEL)
        await answered(chat, model, 1)
        assert asked(model) == ["Ana: Hello"]


@on_all_that_can(Can.FORWARDS)
async def test_what_begins_with_the_sign_is_left_alone_unless_it_mentions_the_bot(
    group: GroupPlatform,
) -> None:
    model = repeating()
    group.answer_all(">>")
    async with group.running(model) as chat:
        quiet = await chat.say(Who.ANA, ">> Lunch?", where=CHANNEL)
        await chat.say(Who.ANA, ">>stop", where=Where.PEOPLES_THREAD)
        await chat.say(Who.ANA, ">> What says @bot?", where=CHANNEL)
        await answered(chat, model, 1)
        await chat.say(Who.BEN, "// is no sign here", where=CHANNEL)
        await answered(chat, model, 2)
        assert model.prompts[0].question.startswith("Ana: >> What says")
        assert asked(model)[1] == "Ben: // is no sign here"
        assert quiet.told.so_far == []


@on_all_that_can(Can.FORWARDS)
async def test_without_a_sign_nothing_is_left_alone(group: GroupPlatform) -> None:
    model = repeating()
    group.answer_all("")
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "// Hello", where=CHANNEL)
        await answered(chat, model, 1)
        assert asked(model) == ["Ana: // Hello"]


@on_all_that_can(Can.FORWARDS)
async def test_the_sign_can_be_added_and_taken_away_by_an_edit(group: GroupPlatform) -> None:
    model = repeating()
    group.answer_all()
    async with group.running(model) as chat:
        said = await chat.say(Who.ANA, "// Hello", where=CHANNEL)
        await chat.edit(said, "Hello")
        await answered(chat, model, 1)
        await chat.edit(said, "// Hello")
        await chat.say(Who.BEN, "Good morning", where=CHANNEL)
        await answered(chat, model, 2)
        assert given(model.prompts[1]) == ["Ben: Good morning"]


@on_all_that_can(Can.FORWARDS)
async def test_a_control_word_needs_no_mention_either(group: GroupPlatform) -> None:
    model = repeating()
    group.answer_all()
    async with group.running(model) as chat:
        said = await chat.say(Who.ANA, "stop", where=CHANNEL)
        assert "Nothing" in await said.told.text()
        alone = await chat.say(Who.ANA, "@bot", where=CHANNEL)
        assert await alone.told.text() == NOTHING_ASKED
        assert model.prompts == []


@on_all_that_can(Can.FORWARDS, Can.HISTORY)
async def test_what_was_said_while_parley_was_down_is_answered_even_if_nobody_asked_before(
    group: GroupPlatform,
) -> None:
    model = repeating()
    group.answer_all()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "One", where=Where.DIRECT)
        await answered(chat, model, 1)
    async with chat.unheard():
        await chat.say(Who.ANA, "What is a llama?", where=CHANNEL)
        await chat.say(Who.BEN, "// Lunch?", where=CHANNEL)
        await chat.say(Who.BEN, "Nobody is asked", where=Where.ELSEWHERE)
        await chat.machine_says("Beep")
    async with group.running(model) as chat:
        await answered(chat, model, 2)
        assert asked(model) == ["One", "Ana: What is a llama?"]


@on_all_that_can(Can.FORWARDS, Can.HISTORY)
async def test_the_first_start_answers_nothing_that_was_said_before(group: GroupPlatform) -> None:
    model = repeating()
    group.answer_all()
    async with group.running(repeating()) as chat:
        pass
    async with chat.unheard():
        await chat.say(Who.ANA, "Before", where=CHANNEL)
    fresh = repeating()
    async with group.running(fresh) as chat:
        await chat.say(Who.BEN, "After", where=CHANNEL)
        await answered(chat, fresh, 1)
    assert asked(fresh) == ["Ben: After"]
    assert asked(model) == []
