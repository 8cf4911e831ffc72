"""Answers that grow, and answers that need several messages."""

from itertools import pairwise

from tests.adapters.discord.scene import ended, loopback, scene, whole
from tests.adapters.discord.texts import TextGenerator, code_and_prose, same
from tests.discord_loopback import Window
from tests.until import until


async def test_six_thousand_characters_with_code_arrive_whole_and_in_order() -> None:
    text = code_and_prose(6000)
    async with scene(TextGenerator(text)) as s:
        await s.discord.ask(s.general, s.ana, "Explain.")
        messages = await s.answered()
    assert len(messages) >= 4
    assert same(whole(messages)) == same(text)
    for message in messages:
        assert message.content.count("```") % 2 == 0, "a fence is open at the end of a message"
    assert [bool(message.buttons) for message in messages] == [False] * (len(messages) - 1) + [True]


async def test_beyond_eight_messages_the_whole_answer_comes_as_a_file_as_well() -> None:
    text = code_and_prose(20_000)
    async with scene(TextGenerator(text)) as s:
        await s.discord.ask(s.general, s.ana, "Explain everything.")
        messages = await s.answered()
    (file,) = [message for message in messages if message.files]
    assert file.files == {"answer.md": text.encode()}
    assert same(whole([m for m in messages if not m.files])) == same(text)


async def test_the_answer_is_there_at_once_and_grows() -> None:
    model = TextGenerator("one two three four five six", paced=True)
    async with scene(model) as s:
        await s.discord.ask(s.general, s.ana, "Count.")
        await until(lambda: s.discord.world.answers_in(s.general))
        (answer,) = s.discord.world.answers_in(s.general)
        assert answer.content == "-# Thinking…"
        assert answer.buttons == ["stop"]
        model.let(2)
        await until(lambda: answer.content.startswith("one two"))
        model.let(4)
        await s.answered()
        assert answer.content == "one two three four five six"
    shown = [content for _, content in answer.versions if not content.startswith("-# ")]
    assert len(shown) >= 2
    assert all(later.startswith(earlier) for earlier, later in pairwise(shown))


async def test_who_waits_is_told_how_many_questions_are_before() -> None:
    model = TextGenerator("one two", paced=True)
    async with scene(model) as s:
        await s.discord.ask(s.general, s.ana, "First.")
        await s.discord.ask(s.general, s.ana, "Second.")
        await until(lambda: len(s.discord.world.answers_in(s.general)) == 2)
        second = s.discord.world.answers_in(s.general)[1]
        assert second.content == "-# One question is before yours."
        model.let(4)
        await s.answered(count=2)
        assert second.content == "one two"


async def test_an_answer_that_its_length_cut_can_be_continued() -> None:
    async with scene(TextGenerator("one two three four five")) as s:
        mod = s.discord.world.user("Mo", moderator=True)
        await s.discord.gateway.dispatch("GUILD_UPDATE", s.discord.world.guild())
        done = await s.discord.command(mod, s.general, "settings", length="2")
        await until(lambda: done.said)
        await s.discord.ask(s.general, s.ana, "Count.")
        (answer,) = await s.answered()
        assert answer.content == "one two\n-# Length limit reached. Press Continue for more."
        assert answer.buttons == ["continue", "regenerate", "up", "down"]
        await s.discord.press(s.ana, answer, "continue")
        await until(lambda: answer.content.startswith("one two three four"))
        await s.answered()
        await s.discord.press(s.ana, answer, "continue")
        await until(lambda: answer.content == "one two three four five")
        await s.answered()
        assert "continue" not in answer.buttons


async def test_forty_answers_at_once_in_ten_channels_are_all_whole() -> None:
    text = code_and_prose(2500)
    async with loopback(TextGenerator(text)) as s:
        s.discord.rest.limits.windows = {"POST": Window(5, 0.4), "PATCH": Window(5, 0.4)}
        channels = [s.discord.world.channel(f"room-{n}") for n in range(10)]
        people = [s.discord.world.user(f"Person {n}") for n in range(40)]
        async with s.running():
            for number, person in enumerate(people):
                await s.discord.ask(channels[number % 10], person, f"Question {number}.")
            for channel in channels:
                await s.answered(channel, 4)
    answers = await s.store.answers()
    assert len(answers) == 40
    for answer in answers:
        messages = [s.discord.world.messages[message] for message in answer.messages]
        assert same(whole(messages)) == same(text)
    shown = [m for channel in channels for m in s.discord.world.answers_in(channel)]
    assert len(shown) == sum(len(answer.messages) for answer in answers)
    assert len(ended(shown)) == 40
