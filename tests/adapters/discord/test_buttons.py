"""The buttons below an answer: what they do, who may press them, and their life after a restart."""

import asyncio

from adapters.common.texts import note_of
from bot.ports import AnswerState, Part
from tests.adapters.discord.scene import Scene, loopback, scene
from tests.adapters.discord.texts import TextGenerator
from tests.adapters.ending import set_at_the_end
from tests.discord_loopback import Interaction, Message, User
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

POEM = " ".join(f"word{n}" for n in range(50))


async def begun(s: Scene, model: TextGenerator, words: int) -> Message:
    """An answer to Ana that shows its first words."""
    question = await s.discord.ask(s.general, s.ana, "Write.")
    await until(
        lambda: any(m.replies_to is question for m in s.discord.world.answers_in(s.general))
    )
    answer = next(m for m in s.discord.world.answers_in(s.general) if m.replies_to is question)
    model.let(words)
    await until(lambda: answer.content.startswith("word0"))
    return answer


async def moderator(s: Scene) -> User:
    mod = s.discord.world.user("Mo", moderator=True)
    await s.discord.gateway.dispatch("GUILD_UPDATE", s.discord.world.guild())
    return mod


async def said(interaction: Interaction) -> str:
    await until(lambda: interaction.said)
    assert interaction.private
    return interaction.said[-1]


async def test_stop_stops_the_model_within_one_step() -> None:
    model = TextGenerator(POEM, paced=True)
    async with scene(model) as s:
        answer = await begun(s, model, 3)
        await until(lambda: model.steps == 3)
        await s.discord.press(s.ana, answer, "stop")
        await s.answered()
        model.let(40)
        assert model.steps == 3
        assert answer.content == "word0 word1 word2\n-# Stopped."
        assert answer.buttons == ["continue", "regenerate"]


async def test_only_the_asker_and_admins_may_stop_an_answer() -> None:
    model = TextGenerator(POEM, paced=True)
    async with scene(model) as s:
        answer = await begun(s, model, 3)
        ben = s.discord.world.user("Ben")
        refused = await s.discord.press(ben, answer, "stop")
        assert await said(refused) == "Only who asked, or an admin, can stop this answer."
        assert answer.buttons == ["stop"]
        await s.discord.press(await moderator(s), answer, "stop")
        await s.answered()
        assert answer.content.endswith("-# Stopped.")


async def test_a_right_that_was_taken_away_is_gone_at_once() -> None:
    model = TextGenerator(POEM, paced=True)
    async with scene(model) as s:
        mod = await moderator(s)
        answer = await begun(s, model, 3)
        mod.roles.clear()
        refused = await s.discord.press(mod, answer, "stop")
        assert await said(refused) == "Only who asked, or an admin, can stop this answer."


async def test_whom_the_configuration_names_is_an_admin() -> None:
    model = TextGenerator(POEM, paced=True)
    async with loopback(model) as s:
        ben = s.discord.world.user("Ben")
        named = s.settings.discord.model_copy(update={"admin_people": frozenset([ben.id])})
        s.settings = s.settings.model_copy(update={"discord": named})
        async with s.running():
            answer = await begun(s, model, 3)
            await s.discord.press(ben, answer, "stop")
            await s.answered()
            assert answer.content.endswith("-# Stopped.")


async def test_regenerate_answers_anew_in_the_same_message() -> None:
    answers = iter(["one", "two"])
    async with scene(ScriptedGenerator(lambda _: next(answers))) as s:
        await s.discord.ask(s.general, s.ana, "Count.")
        (answer,) = await s.answered()
        assert answer.content == "one"
        await s.discord.press(s.ana, answer, "regenerate")
        await until(lambda: answer.content == "two" and answer.buttons != ["stop"])
        assert s.discord.world.answers_in(s.general) == [answer]


async def test_verdicts_are_stored_and_thanked_for_in_private() -> None:
    async with scene() as s:
        await s.discord.ask(s.general, s.ana, "Count.")
        (answer,) = await s.answered()
        ben = s.discord.world.user("Ben")
        assert await said(await s.discord.press(s.ana, answer, "up")) == "Thank you, noted."
        assert await said(await s.discord.press(ben, answer, "down")) == "Thank you, noted."
        (conversation,) = await s.store.conversations()
        kept = [e async for e in s.store.archived(conversation.conversation)]
        assert sorted(kept[0].answers[0].verdicts) == [-1, 1]


async def test_buttons_work_after_a_restart() -> None:
    answers = iter(["one", "two"])
    model = ScriptedGenerator(lambda _: next(answers))
    async with loopback(model) as s:
        async with s.running():
            await s.discord.ask(s.general, s.ana, "Count.")
            (answer,) = await s.answered()
        async with s.running():
            stopped = await s.discord.press(s.ana, answer, "regenerate")
            await until(lambda: answer.content == "two" and answer.buttons != ["stop"])
            assert stopped.followups == []
            assert await said(await s.discord.press(s.ana, answer, "up")) == "Thank you, noted."


async def test_an_answer_that_a_shutdown_parks_goes_on_in_its_message() -> None:
    model = TextGenerator(POEM, paced=True)
    async with loopback(model) as s:
        async with s.running():
            answer = await begun(s, model, 3)
            await until(lambda: model.steps == 3)
        (parked,) = await s.store.answers(unfinished=True)
        assert parked.state is AnswerState.WRITING
        model.let(100)
        async with s.running():
            await s.answered()
        assert answer.content == POEM
        assert s.discord.world.answers_in(s.general) == [answer]


async def test_a_message_on_its_way_at_the_end_is_known_to_the_next_run() -> None:
    model = TextGenerator(POEM, paced=True)
    told = asyncio.Event()
    async with loopback(model) as s:
        async with set_at_the_end(told), s.running():
            s.discord.rest.held = told
            await s.discord.ask(s.general, s.ana, "Write a poem.")
            model.let(3)
            await until(lambda: s.discord.world.answers_in(s.general))
        (answer,) = s.discord.world.answers_in(s.general)
        (parked,) = await s.store.answers(unfinished=True)
        assert [answer.id in reference for reference in parked.messages] == [True]


async def test_an_answer_whose_channel_is_gone_is_given_up() -> None:
    model = TextGenerator(POEM, paced=True)
    async with loopback(model) as s:
        async with s.running():
            await begun(s, model, 3)
            await until(lambda: model.steps == 3)
        del s.discord.world.channels[s.general.id]
        async with s.running():
            assert await s.store.answers(unfinished=True) == []


async def test_after_a_restart_answers_can_be_marked_instead() -> None:
    model = TextGenerator(POEM, paced=True)
    async with loopback(model) as s:
        async with s.running():
            answer = await begun(s, model, 3)
            await until(lambda: model.steps == 3)
        marked = s.settings.delivery.model_copy(update={"after_restart": "mark"})
        s.settings = s.settings.model_copy(update={"delivery": marked})
        async with s.running():
            await s.answered()
        part = Part(1, 0, "…", AnswerState.INTERRUPTED, last=True)
        assert answer.content == f"word0 word1 word2\n-# {note_of(part)}"
        assert model.steps == 3


async def test_a_button_of_a_forgotten_answer_says_so() -> None:
    async with scene() as s:
        await s.discord.ask(s.general, s.ana, "Count.")
        (answer,) = await s.answered()
        forgotten = await s.discord.command(s.ana, s.general, "forget", sub="me")
        assert "1 question of yours" in await said(forgotten)
        late = await s.discord.press(s.ana, answer, "regenerate")
        assert await said(late) == "There is no such answer any more."


async def test_a_long_thought_comes_as_a_file_that_only_who_pressed_sees() -> None:
    thought = "Let me see how that is. " * 150
    model = ScriptedGenerator(lambda _: "It is.", context=100_000, thought=thought)
    async with loopback() as s:
        folding = s.settings.conversation.model_copy(update={"thinking": "fold"})
        s.settings = s.settings.model_copy(update={"conversation": folding})
        async with s.running(model):
            await s.discord.ask(s.general, s.ana, "Is it?")
            (answer,) = await s.answered()
            assert answer.buttons == ["regenerate", "up", "down", "thinking"]
            assert answer.content.startswith("> -# Let me see")
            pressed = await s.discord.press(s.ana, answer, "thinking")
            await until(lambda: pressed.followups)
            (told,) = pressed.followups
            assert told.ephemeral
            assert list(told.files.values()) == [thought.strip().encode()]
