"""Reading what people said around a question on Discord: permissions, threads of every kind, and
what fails."""

from typing import Any

import pytest

from bot.engine.surroundings import GONE
from tests.adapters.discord.scene import Scene, scene, whole
from tests.discord_loopback import BOT, Channel, Message
from tests.discord_loopback.world import new_id


async def opened(s: Scene, text: str = "Tabs are better.") -> tuple[Message, Channel]:
    """A message of Ana's in the channel, and the thread that she opened on it."""
    said = await s.discord.say(s.general, s.ana, text)
    thread = s.discord.world.thread(s.general, said.id, "A thread", s.ana)
    await s.discord.gateway.dispatch("THREAD_CREATE", thread.payload())
    return said, thread


def posted(s: Scene, channel: Channel, text: str, name: str = "Ben", *, bot: bool = False) -> None:
    """A message of which Parley gets no event."""
    message = Message(channel, s.discord.world.user(name, bot=bot), text)
    s.discord.world.messages[message.id] = message


async def asked(s: Scene, channel: Channel, text: str = "who is right?") -> tuple[list[str], str]:
    """Ask there: what stood before the question, and the note below the answer."""
    await s.discord.ask(channel, s.ana, text)
    newest = (await s.answered(channel))[-1]
    notes = [line for line in newest.content.split("\n") if line.startswith("-# ")]
    assert whole([newest])
    lines = s.generator.prompts[-1].question.split("\n")
    assert lines.pop() == f"Ana: {text}"
    return lines[1:-2], "\n".join(notes).removeprefix("-# ")


async def test_other_bots_are_read_and_nicknames_of_servers_are_not_needed() -> None:
    async with scene() as s:
        _, thread = await opened(s)
        posted(s, thread, "The build failed.", "CI", bot=True)
        lines, note = await asked(s, thread)
        assert (lines, note) == (["Ana: Tabs are better.", "CI: The build failed."], "")


async def test_mentions_are_names_and_what_is_said_to_parley_is_not_read() -> None:
    async with scene() as s:
        _, thread = await opened(s, f"{s.ana.mention} says: tabs <:party:12>")
        posted(s, thread, f"{BOT.mention} an old question")
        lines, _ = await asked(s, thread)
        assert lines == ["Ana: @Ana says: tabs :party:"]


async def test_a_thread_that_was_opened_on_no_message_has_no_beginning_and_no_note() -> None:
    async with scene() as s:
        thread = s.discord.world.thread(s.general, new_id(), "Alone", s.ana)
        await s.discord.gateway.dispatch("THREAD_CREATE", thread.payload())
        posted(s, thread, "Spaces!")
        assert await asked(s, thread) == (["Ben: Spaces!"], "")


async def test_what_a_long_thread_was_opened_on_is_fetched() -> None:
    async with scene() as s:
        _, thread = await opened(s)
        for number in range(250):
            posted(s, thread, f"Opinion {number}")
        before = len(s.discord.rest.calls)
        lines, note = await asked(s, thread)
        reads = [call for call in s.discord.rest.calls[before:] if call.method == "GET"]
        assert lines[:2] == ["Ana: Tabs are better.", "(older messages are left out)"]
        assert lines[2:] == [f"Ben: Opinion {number}" for number in range(50, 250)]
        assert note == ""
        assert len(reads) <= 5


async def test_a_deleted_beginning_of_a_long_thread_is_left_out() -> None:
    async with scene() as s:
        said, thread = await opened(s)
        for number in range(250):
            posted(s, thread, f"Opinion {number}")
        said.deleted = True
        lines, _ = await asked(s, thread)
        assert lines[:2] == ["(older messages are left out)", "Ben: Opinion 50"]


async def test_a_deleted_beginning_is_said() -> None:
    async with scene() as s:
        said, thread = await opened(s)
        said.deleted = True
        posted(s, thread, "Spaces!")
        assert await asked(s, thread) == (["Ben: Spaces!"], GONE)


async def test_a_thread_on_a_notice_of_the_bot_has_no_beginning() -> None:
    async with scene() as s:
        notice = Message(s.general, BOT, "I am muted here.")
        s.discord.world.messages[notice.id] = notice
        thread = s.discord.world.thread(s.general, notice.id, "A thread", s.ana)
        await s.discord.gateway.dispatch("THREAD_CREATE", thread.payload())
        posted(s, thread, "Spaces!")
        lines, _ = await asked(s, thread)
        assert lines == ["Ben: Spaces!"]


@pytest.mark.parametrize(
    ("status", "told"), [(403, "I lack the permission"), (400, "log says why")]
)
async def test_a_refusal_is_a_note(status: int, told: str) -> None:
    async with scene() as s:
        _, thread = await opened(s)
        s.discord.trouble("GET", status)  # the message that the thread hangs on, for its files
        s.discord.trouble("GET", status)
        lines, note = await asked(s, thread)
        assert lines == []
        assert told in note


async def test_the_asker_has_one_name_though_history_knows_no_nicknames() -> None:
    async with scene() as s:
        said, thread = await opened(s)
        said.author = s.ana
        question = Message(thread, s.ana, f"{BOT.mention} who is right?")
        s.discord.world.messages[question.id] = question
        body = question.payload(s.discord.world)
        body["member"]["nick"] = "Ana of the server"
        await s.discord.gateway.dispatch("MESSAGE_CREATE", body)
        await s.answered(thread)
        lines = s.generator.prompts[-1].question.split("\n")
        assert lines[1] == "Ana of the server: Tabs are better."
        assert lines[-1] == "Ana of the server: who is right?"


async def test_a_malformed_message_of_the_history_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as s:
        _, thread = await opened(s)
        posted(s, thread, "Spaces!")
        posted(s, thread, "odd")
        shown = s.discord.world.history

        def history(channel: Channel, **how: Any) -> list[dict[str, Any]]:
            listed = shown(channel, **how)
            for body in listed:
                if body["content"] == "odd":
                    body["content"] = 7
            return listed

        monkeypatch.setattr(s.discord.world, "history", history)
        assert await asked(s, thread) == (["Ana: Tabs are better.", "Ben: Spaces!"], "")


async def test_a_page_that_is_none_is_answered_without(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene() as s:
        _, thread = await opened(s)

        def history(_channel: Channel, **_how: Any) -> list[dict[str, Any]]:
            return [{"id": "x"}]

        monkeypatch.setattr(s.discord.world, "history", history)
        lines, note = await asked(s, thread)
        assert lines == []
        assert "log says why" in note
