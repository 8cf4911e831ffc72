"""Questions and answers that people edit and delete."""

import pytest

from tests.adapters.discord.scene import scene, whole
from tests.adapters.discord.texts import TextGenerator
from tests.discord_loopback import BOT
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


async def test_the_newest_question_is_answered_anew_in_the_same_message() -> None:
    async with scene() as s:
        question = await s.discord.ask(s.general, s.ana, "What is the capitol?")
        (answer,) = await s.answered()
        await s.discord.change(question, f"{BOT.mention} What is the capital?")
        await until(lambda: "capital" in answer.content and answer.buttons != ["stop"])
        assert whole([answer]) == "[Be kind.] [] Ana: What is the capital?"
        assert s.discord.world.answers_in(s.general) == [answer]


async def test_an_edit_while_it_is_answered_starts_the_answer_anew() -> None:
    model = ScriptedGenerator(lambda prompt: f"{prompt.question} done and done", paced=True)
    async with scene(model) as s:
        question = await s.discord.ask(s.general, s.ana, "Old.")
        await until(lambda: s.discord.world.answers_in(s.general))
        (answer,) = s.discord.world.answers_in(s.general)
        model.let(2)
        await until(lambda: answer.content.startswith("Ana:"))
        await s.discord.change(question, f"{BOT.mention} New.")
        await until(lambda: len(model.prompts) == 2)
        model.let(20)
        await s.answered()
        assert answer.content == "Ana: New. done and done"


async def test_an_older_question_changes_only_in_the_history() -> None:
    async with scene() as s:
        older = await s.discord.ask(s.general, s.ana, "My cat is Tom.")
        await s.answered()
        await s.answer(s.general, s.ana, "Hello.")
        await s.discord.change(older, f"{BOT.mention} My cat is Mia.")
        third = await s.answer(s.general, s.ana, "Who is my cat?")
        assert "Mia" in third
        assert "Tom" not in third
        assert len(s.generator.prompts) == 3


async def test_an_update_without_a_new_text_answers_nothing_anew() -> None:
    async with scene() as s:
        question = await s.discord.ask(s.general, s.ana, "See https://example.org.")
        await s.answered()
        await s.discord.change(question, question.content)  # the link's preview is ready
        await s.answer(s.general, s.ana, "Hello.")
        assert len(s.generator.prompts) == 2


async def test_a_deleted_question_is_stopped_and_leaves_the_history() -> None:
    model = TextGenerator("one two three four", paced=True)
    async with scene(model) as s:
        question = await s.discord.ask(s.general, s.ana, "A secret.")
        await until(lambda: s.discord.world.answers_in(s.general))
        model.let(2)
        await until(lambda: model.steps == 2)
        (answer,) = s.discord.world.answers_in(s.general)
        await until(lambda: "one" in answer.content)
        await s.discord.delete(question)
        await until(lambda: not answer.buttons)
        assert answer.content.startswith("one")
        model.let(20)
        await s.answer(s.general, s.ana, "What do you know?")
        assert model.prompts[-1].history == ()


async def test_a_deleted_question_without_a_word_of_its_answer_leaves_no_message() -> None:
    model = TextGenerator("one two three four", paced=True)
    async with scene(model) as s:
        question = await s.discord.ask(s.general, s.ana, "A secret.")
        await until(lambda: s.discord.world.answers_in(s.general))
        await s.discord.delete(question)
        await until(lambda: not s.discord.world.answers_in(s.general))


async def test_a_deleted_reply_stops_its_answer_without_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = TextGenerator(" ".join(f"word{n}" for n in range(200)), paced=True)
    async with scene(model) as s:
        await s.discord.ask(s.general, s.ana, "Write.")
        await until(lambda: s.discord.world.answers_in(s.general))
        (answer,) = s.discord.world.answers_in(s.general)
        model.let(3)
        await until(lambda: answer.content.startswith("word0"))
        await s.discord.delete(answer)
        model.let(1)
        await until(lambda: not model.writing)
        await s.engine.finish()
        assert model.steps < 200
        assert s.discord.world.answers_in(s.general) == []
        model.let(200)
        assert (await s.answer(s.general, s.ana, "And now?")).endswith("word199")
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


async def test_a_deleted_question_in_a_direct_message_is_forgotten_too() -> None:
    async with scene() as s:
        direct = s.discord.world.direct(s.ana)
        question = await s.discord.say(direct, s.ana, "A secret.")
        (answer,) = await s.answered(direct)
        await s.discord.delete(question)
        await until(lambda: not answer.buttons)
        await s.discord.say(direct, s.ana, "What do you know?")
        assert "secret" not in whole((await s.answered(direct))[1:])
