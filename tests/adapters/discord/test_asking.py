"""How people ask on Discord, and what is not a question."""

import asyncio

import pytest

from bot.config import ConversationSection
from bot.ports import AnswerState
from tests.adapters.discord.scene import Scene, ended, loopback, scene, whole
from tests.discord_loopback import BOT, Channel, Interaction, Message
from tests.until import until


async def settled(s: Scene) -> None:
    """Let the bot take up all that was sent so far: a later question has been answered."""
    witness = s.discord.world.direct(s.discord.world.user("Witness"))
    assert witness.direct_with is not None
    await s.discord.say(witness, witness.direct_with, "Are you there?")
    await s.answered(witness)


async def replied(interaction: Interaction) -> str:
    await until(lambda: interaction.said)
    return interaction.said[-1]


async def test_a_mention_is_answered_and_remembered_in_the_next_turn() -> None:
    async with scene() as s:
        first = await s.answer(s.general, s.ana, "My name is Ana.")
        assert first == "[Be kind.] [] Ana: My name is Ana."
        second = await s.answer(s.general, s.ana, "Who am I?")
        assert second == "[Be kind.] [Ana: My name is Ana.] Ana: Who am I?"


async def test_the_answer_replies_to_its_question_and_pings_nobody() -> None:
    async with scene() as s:
        question = await s.discord.ask(s.general, s.ana, "Say @everyone and <@1>.")
        (answer,) = await s.answered()
        assert answer.replies_to is question
        assert answer.content.endswith("Say @everyone and @somebody.")
        assert answer.allowed_mentions == {"parse": [], "replied_user": False}


async def test_two_channels_know_nothing_of_each_other() -> None:
    async with scene() as s:
        other = s.discord.world.channel("other")
        await s.answer(s.general, s.ana, "A secret.")
        # The channel was made after the bot connected: Discord tells of it first.
        await s.discord.gateway.dispatch("CHANNEL_CREATE", other.payload())
        assert "secret" not in await s.answer(other, s.ana, "What do you know?")


async def test_a_direct_message_needs_no_mention_and_shows_no_name() -> None:
    async with scene() as s:
        direct = s.discord.world.direct(s.ana)
        await s.discord.say(direct, s.ana, "Hello?")
        assert whole(await s.answered(direct)) == "[Be kind.] [] Hello?"


async def test_a_reply_to_the_bot_is_a_question() -> None:
    async with scene() as s:
        await s.discord.ask(s.general, s.ana, "One.")
        (first,) = await s.answered()
        ben = s.discord.world.user("Ben")
        await s.discord.say(s.general, ben, "And two?", reply_to=first)
        messages = await s.answered(count=2)
        assert whole(messages[1:]) == "[Be kind.] [Ana: One.] Ben: And two?"


async def test_a_reply_to_somebody_carries_that_message_along() -> None:
    async with scene() as s:
        ben = s.discord.world.user("Ben")
        theirs = await s.discord.say(s.general, ben, "The moon is a cheese.")
        await s.discord.say(s.general, s.ana, f"{BOT.mention} Is it?", reply_to=theirs)
        answer = whole(await s.answered())
        assert answer.endswith("Ana: Ben wrote: The moon is a cheese. Is it?")


async def test_bots_webhooks_and_talk_among_people_are_left_alone() -> None:
    async with scene() as s:
        other_bot = s.discord.world.user("Beep", bot=True)
        await s.discord.ask(s.general, other_bot, "Do you read me?")
        await s.discord.ask(s.general, BOT, "Do I read myself?")
        await s.discord.say(s.general, s.ana, f"{BOT.mention} hook", webhook=True)
        await s.discord.say(s.general, s.ana, "Nobody asked the bot.")
        await settled(s)
        assert s.discord.world.answers_in(s.general)[1:] == []  # the first is "myself"
        assert len(s.generator.prompts) == 1


async def test_slash_ask_shows_the_question_and_answers_below_it() -> None:
    async with scene() as s:
        asked = await s.discord.command(s.ana, s.general, "ask", question="Why is it so?")
        question, answer = await s.answered()
        assert question is asked.original
        assert question.content == "> Why is it so?"
        assert not question.ephemeral
        assert answer.replies_to is question
        assert whole([answer]) == "[Be kind.] [] Ana: Why is it so?"


async def test_the_message_command_asks_about_a_message() -> None:
    async with scene() as s:
        ben = s.discord.world.user("Ben")
        theirs = await s.discord.say(s.general, ben, "E = mc²")
        opened = await s.discord.message_command(s.ana, theirs, "Ask Parley about this")
        await until(lambda: opened.callback)
        await s.discord.submit(s.ana, opened, "What is c?")
        _, answer = await s.answered()
        assert whole([answer]) == "[Be kind.] [] Ana: Ben wrote: E = mc² What is c?"


async def test_an_empty_mention_is_told_how_to_ask() -> None:
    async with scene() as s:
        await s.discord.ask(s.general, s.ana, "")
        await until(lambda: s.discord.world.answers_in(s.general))
        (said,) = s.discord.world.answers_in(s.general)
        assert said.content.startswith("What would you like to know?")


async def test_a_text_file_is_read_and_another_kind_is_named() -> None:
    async with scene() as s:
        files = {"poem.txt": b"Roses are red.", "cat.png": b"\x89PNG"}
        await s.discord.say(s.general, s.ana, f"{BOT.mention} Go on.", files=files)
        answer = ended(await s.answered())
        await until(lambda: len(s.discord.world.answers_in(s.general)) == 2)
        assert "File poem.txt: Roses are red." in whole(answer)
        notes = [m for m in s.discord.world.answers_in(s.general) if not m.buttons]
        assert [m.content for m in notes] == ["cat.png was left out: I read text files only."]


async def test_reset_forgets_and_is_for_admins() -> None:
    async with scene() as s:
        await s.answer(s.general, s.ana, "Remember the blue door.")
        await s.discord.ask(s.general, s.ana, "reset")
        await until(lambda: len(s.discord.world.answers_in(s.general)) == 2)
        assert "Only an admin" in s.discord.world.answers_in(s.general)[1].content
        mod = s.discord.world.user("Mo", moderator=True)
        await s.discord.gateway.dispatch("GUILD_UPDATE", s.discord.world.guild())
        await s.discord.ask(s.general, mod, "Reset!")
        await until(lambda: len(s.discord.world.answers_in(s.general)) == 3)
        assert (
            "no longer see the earlier question" in s.discord.world.answers_in(s.general)[2].content
        )
        assert "blue door" not in await s.answer(s.general, s.ana, "What was it?")


# ---------------------------------------------------------------- threads


async def open_thread(s: Scene, parent: Channel) -> Channel:
    start = await s.discord.say(parent, s.ana, "Let us talk.")
    thread = s.discord.world.thread(parent, start.id, "talk", s.ana)
    await s.discord.gateway.dispatch("THREAD_CREATE", thread.payload())
    return thread


async def test_a_thread_is_a_conversation_of_its_own() -> None:
    async with scene() as s:
        await s.answer(s.general, s.ana, "A secret.")
        thread = await open_thread(s, s.general)
        assert "secret" not in await s.answer(thread, s.ana, "What do you know?")


async def test_a_post_in_a_forum_is_answered_in_it() -> None:
    async with loopback() as s:
        s.settings = s.settings.model_copy(
            update={"conversation": ConversationSection(scope="thread")}
        )
        forum = s.discord.world.channel("questions", forum=True)
        async with s.running():
            post = await open_thread(s, forum)
            assert "Ana: What now?" in await s.answer(post, s.ana, "What now?")


async def test_a_question_can_open_a_thread_in_which_no_mention_is_needed() -> None:
    async with loopback() as s:
        s.settings = s.settings.model_copy(
            update={"conversation": ConversationSection(scope="thread")}
        )
        async with s.running():
            question = await s.discord.ask(s.general, s.ana, "What is a thread?")
            await until(lambda: question.id in s.discord.world.channels)
            thread = s.discord.world.channels[question.id]
            assert thread.name == "What is a thread?"
            await s.answered(thread)
            assert s.discord.world.answers_in(s.general) == []
            await s.discord.say(thread, s.ana, "And then?")
            messages = await s.answered(thread, 2)
            assert whole(messages[1:]) == "[Be kind.] [Ana: What is a thread?] Ana: And then?"


async def test_slash_ask_opens_a_thread_below_its_question_too() -> None:
    async with loopback() as s:
        s.settings = s.settings.model_copy(
            update={"conversation": ConversationSection(scope="thread")}
        )
        async with s.running():
            asked = await s.discord.command(s.ana, s.general, "ask", question="word " * 40)
            await until(lambda: asked.original and asked.original.id in s.discord.world.channels)
            assert asked.original is not None
            thread = s.discord.world.channels[asked.original.id]
            assert thread.name == "word " * 17 + "word…"
            (answer,) = await s.answered(thread)
            assert "Ana: word word" in answer.content


async def test_where_no_thread_can_be_opened_the_answer_comes_in_the_channel(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with loopback() as s:
        s.settings = s.settings.model_copy(
            update={"conversation": ConversationSection(scope="thread")}
        )
        async with s.running():
            s.discord.trouble("POST", 403)
            assert "Ana: Hello." in await s.answer(s.general, s.ana, "Hello.")
    assert "Give Parley's role Create Public Threads" in caplog.text


async def test_a_question_in_a_thread_of_its_own_is_kept_in_step() -> None:
    async with loopback() as s:
        s.settings = s.settings.model_copy(
            update={"conversation": ConversationSection(scope="thread")}
        )
        async with s.running():
            question = await s.discord.ask(s.general, s.ana, "What is the capitol?")
            await until(lambda: question.id in s.discord.world.channels)
            thread = s.discord.world.channels[question.id]
            (answer,) = await s.answered(thread)
            await s.discord.change(question, f"{BOT.mention} What is the capital?")
            await until(lambda: "capital" in answer.content and answer.buttons != ["stop"])
            await s.discord.delete(question)
            await until(lambda: not answer.buttons)
            await s.discord.say(thread, s.ana, "And what do you know?")
            assert "capital" not in whole((await s.answered(thread))[1:])


async def test_a_message_whose_deletion_came_first_is_not_answered() -> None:
    async with scene() as s:
        late = Message(s.general, s.ana, f"{BOT.mention} Too late")
        await s.discord.delete(late)
        await s.discord.gateway.dispatch("MESSAGE_CREATE", late.payload(s.discord.world))
        await settled(s)
        assert [prompt.question for prompt in s.generator.prompts] == ["Are you there?"]


# ---------------------------------------------------------------- who and where


async def test_a_blocked_channel_and_another_server_are_met_with_silence() -> None:
    async with loopback() as s:
        quiet = s.discord.world.channel("quiet")
        lists = s.settings.discord.model_copy(update={"blocked_channels": frozenset([quiet.id])})
        s.settings = s.settings.model_copy(update={"discord": lists})
        async with s.running():
            await s.discord.ask(quiet, s.ana, "Hello?")
            await settled(s)
            assert s.discord.world.answers_in(quiet) == []


async def test_somebody_who_is_not_on_the_list_is_told_so() -> None:
    async with scene(allowed_people=["1"]) as s:
        await s.discord.ask(s.general, s.ana, "Hello?")
        await until(lambda: s.discord.world.answers_in(s.general))
        (said,) = s.discord.world.answers_in(s.general)
        assert said.content == "You are not among the people whom I answer here."
        refused = await s.discord.command(s.ana, s.general, "ask", question="Hello?")
        assert await replied(refused) == said.content
        assert refused.private
        assert s.generator.prompts == []


async def test_where_the_bot_may_not_write_the_person_is_told_in_private() -> None:
    async with loopback() as s:
        closed = s.discord.world.channel("closed", closed=True)
        async with s.running():
            await s.discord.ask(closed, s.ana, "Hello?")
            direct = s.discord.world.direct(s.ana)
            await until(lambda: s.discord.world.answers_in(direct))
            (said,) = s.discord.world.answers_in(direct)
            assert said.content.startswith(f"I may not write in <#{closed.id}>.")
            refused = await s.discord.command(s.ana, closed, "ask", question="Hello?")
            assert "may not write" in await replied(refused)
            assert refused.private
            assert await s.answer(s.general, s.ana, "And here?")  # the rest goes on


async def test_questions_of_one_channel_are_answered_in_their_order() -> None:
    async with scene() as s:
        slow = {"slow.txt": b"first"}
        await s.discord.say(s.general, s.ana, f"{BOT.mention} one", files=slow)
        for word in ("two", "three"):
            await s.discord.ask(s.general, s.ana, word)
        await s.answered(count=3)
        asked = [prompt.question.split()[1] for prompt in s.generator.prompts]
        assert asked == ["one", "two", "three"]


async def test_an_answer_is_recorded_as_delivered() -> None:
    async with scene() as s:
        await s.answer(s.general, s.ana, "Hello.")
        await asyncio.sleep(0)
        assert await s.store.answers(unfinished=True) == []
        (answer,) = await s.store.answers()
        assert answer.state is AnswerState.DONE
        (message,) = ended(s.discord.world.answers_in(s.general))
        assert answer.messages == (message.id,)
