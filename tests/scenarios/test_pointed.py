"""What a question refers to, as the model is given it, on every platform."""

from adapters.common.texts import NOTHING_ASKED
from tests.scenarios.acting import answered, ask, asked_of, repeating
from tests.scenarios.driver import Can, Group, GroupPlatform, Where, Who
from tests.scenarios.platforms import on_all_that_can


def forwarded(chat: Group, who: Who, text: str) -> str:
    """A forwarded message as the model is given it."""
    of = f" of {who.value}" if chat.names_forwarded else ""
    return f"Forwarded message{of}:\n{text}\n(end of the forwarded message)"


# ---------------------------------------------------------------- a mention alone


@on_all_that_can(Can.OTHERS)
async def test_a_mention_alone_means_ones_own_message_just_before(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "What is a parrot?", where=Where.CHANNEL)
        await chat.say(Who.ANA, "What is a llama?", where=Where.CHANNEL)
        await chat.say(Who.BEN, "No idea.", where=Where.CHANNEL)
        await chat.say(Who.ANA, "@bot", where=Where.CHANNEL)
        assert await asked_of(chat, model, 1) == ["Ana: What is a llama?"]


@on_all_that_can(Can.OTHERS)
async def test_a_mention_alone_after_a_message_of_others_is_asked_what_it_means(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await chat.say(Who.BEN, "What is a llama?", where=Where.ELSEWHERE)
        said = await chat.say(Who.ANA, "@bot", where=Where.ELSEWHERE)
        assert await said.told.text() == NOTHING_ASKED
        assert model.prompts == []


@on_all_that_can(Can.OTHERS)
async def test_what_was_answered_already_is_not_meant_by_a_mention_alone(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "@bot What is a llama?", where=Where.ELSEWHERE)
        await answered(chat, model, 1)
        said = await chat.say(Who.ANA, "@bot", where=Where.ELSEWHERE)
        assert await said.told.text() == NOTHING_ASKED
        again = await chat.say(Who.ANA, "@bot", where=Where.ELSEWHERE)
        assert await again.told.text() == NOTHING_ASKED
        assert len(model.prompts) == 1


@on_all_that_can(Can.FILES)
async def test_a_mention_alone_means_the_files_of_that_message_too(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        files = {"notes.txt": b"Buy milk.\n"}
        await chat.say(Who.ANA, "What shall I buy?", where=Where.CHANNEL, files=files)
        await chat.say(Who.ANA, "@bot", where=Where.CHANNEL)
        assert await asked_of(chat, model, 1) == [
            "Ana: What shall I buy?\n\nFile notes.txt:\nBuy milk.\n(end of notes.txt)"
        ]


@on_all_that_can(Can.EDITS, Can.OTHERS)
async def test_an_edit_of_a_mention_alone_keeps_what_it_means(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "What is a llama?", where=Where.CHANNEL)
        said = await chat.say(Who.ANA, "@bot", where=Where.CHANNEL)
        await answered(chat, model, 1)
        await chat.edit(said, "@bot In one sentence.")
        assert await asked_of(chat, model, 2) == ["Ana: What is a llama?\n\nIn one sentence."]


@on_all_that_can(Can.EDITS, Can.OTHERS)
async def test_an_edit_of_a_mention_alone_keeps_what_it_means_after_a_restart(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "What is a llama?", where=Where.CHANNEL)
        said = await chat.say(Who.ANA, "@bot", where=Where.CHANNEL)
        await answered(chat, model, 1)
    async with group.running(model) as chat:
        await chat.edit(said, "@bot In one sentence.")
        assert await asked_of(chat, model, 2) == ["Ana: What is a llama?\n\nIn one sentence."]


@on_all_that_can(Can.EDITS, Can.OTHERS)
async def test_a_message_that_is_edited_to_a_mention_alone_is_asked(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "What is a llama?", where=Where.CHANNEL)
        said = await chat.say(Who.ANA, "Anybody?", where=Where.CHANNEL)
        await chat.edit(said, "@bot")
        assert await asked_of(chat, model, 1) == ["Ana: What is a llama?"]


# ---------------------------------------------------------------- replies and forwards


@on_all_that_can(Can.QUOTES)
async def test_a_mention_alone_in_a_reply_means_that_message(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await chat.say(Who.BEN, "The moon is made of cheese.", where=Where.CHANNEL)
        await chat.say(Who.ANA, "Hm.", where=Where.CHANNEL)
        await chat.say(Who.ANA, "@bot", where=Where.CHANNEL, quoting=said)
        assert await asked_of(chat, model, 1) == ["Ana: Ben wrote:\nThe moon is made of cheese."]


@on_all_that_can(Can.QUOTES, Can.EDITS)
async def test_an_edit_keeps_what_the_question_points_at_even_if_it_was_deleted(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        theirs = await chat.say(Who.BEN, "The moon is made of cheese.", where=Where.CHANNEL)
        said = await chat.say(Who.ANA, "@bot Is it?", where=Where.CHANNEL, quoting=theirs)
        await answered(chat, model, 1)
        await chat.delete(theirs)
        await chat.edit(said, "@bot Really?")
        assert await asked_of(chat, model, 2) == [
            "Ana: Ben wrote:\nThe moon is made of cheese.\n\nReally?"
        ]
        assert said.told.so_far == []


@on_all_that_can(Can.QUOTES, Can.EDITS)
async def test_an_edit_after_a_restart_keeps_what_was_deleted_since(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        theirs = await chat.say(Who.BEN, "The moon is made of cheese.", where=Where.CHANNEL)
        said = await chat.say(Who.ANA, "@bot Is it?", where=Where.CHANNEL, quoting=theirs)
        await answered(chat, model, 1)
    async with group.running(model) as chat:
        await chat.delete(theirs)
        await chat.edit(said, "@bot Really?")
        assert await asked_of(chat, model, 2) == [
            "Ana: Ben wrote:\nThe moon is made of cheese.\n\nReally?"
        ]


@on_all_that_can(Can.FORWARDS)
async def test_a_forward_to_the_bot_is_the_question(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await chat.say(Who.BEN, "What is a llama?", where=Where.ELSEWHERE)
        await chat.forward(Who.ANA, said, Where.DIRECT)
        assert await asked_of(chat, model, 1) == [forwarded(chat, Who.BEN, "What is a llama?")]


@on_all_that_can(Can.FORWARDS)
async def test_a_mention_alone_means_ones_own_forward_before_it(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await chat.say(Who.BEN, "What is a llama?", where=Where.ELSEWHERE)
        await chat.forward(Who.ANA, said, Where.CHANNEL)
        await chat.say(Who.ANA, "@bot", where=Where.CHANNEL)
        quoted = forwarded(chat, Who.BEN, "What is a llama?")
        assert await asked_of(chat, model, 1) == [f"Ana: {quoted}"]


@on_all_that_can(Can.FORWARDS)
async def test_a_forward_that_is_too_long_is_cut_with_a_note(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await chat.say(Who.BEN, "x" * 7000, where=Where.ELSEWHERE)
        forward = await chat.forward(Who.ANA, said, Where.DIRECT)
        note = "What you point at is long: I read its first 6,000 characters."
        assert await forward.told.text() == note
        await answered(chat, model, 1)
        assert model.prompts[0].question.startswith("Forwarded message")
        assert model.prompts[0].question.endswith("xxx\n(cut here)")
        assert len(model.prompts[0].question) == 6000


@on_all_that_can(Can.FORWARDS)
async def test_what_is_pointed_at_is_stored_with_the_question(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        said = await chat.say(Who.BEN, "What is a llama?", where=Where.ELSEWHERE)
        await chat.forward(Who.ANA, said, Where.DIRECT)
        await answered(chat, model, 1)
        (stored,) = await group.store.answers()
        assert stored.question.text == forwarded(chat, Who.BEN, "What is a llama?")
        await ask(chat, model, Who.ANA, "Hello")
