"""Reading Discord's history: members' roles, new threads, and what is not shown."""

from typing import Any

import pytest

from adapters.common import catch_up
from tests.adapters.discord.scene import Scene, loopback
from tests.discord_loopback import Channel
from tests.discord_loopback.world import new_id
from tests.until import until


async def asked(s: Scene, count: int) -> list[str]:
    """Run Parley until the model was asked so often; the questions, sorted."""
    async with s.running():
        await until(lambda: len(s.generator.prompts) >= count)
        await s.engine.finish()
    return sorted(prompt.question.removeprefix("Ana: ") for prompt in s.generator.prompts)


async def began(s: Scene, channel: Channel | None = None) -> None:
    """A first run, in which Ana asks "first"."""
    async with s.running():
        await s.answer(channel or s.general, s.ana, "first")
    s.discord.gateway.current = None


async def test_a_missed_question_counts_with_its_authors_roles() -> None:
    async with loopback(allowed_roles=["42"]) as s:
        s.ana.roles.append("42")
        s.discord.world.roles["42"] = 0
        ben = s.discord.world.user("Ben")
        await began(s)
        await s.discord.ask(s.general, ben, "not allowed")
        await s.discord.ask(s.general, s.ana, "allowed")
        assert await asked(s, 2) == ["allowed", "first"]


async def test_somebody_who_left_is_left_out() -> None:
    async with loopback() as s:
        ben = s.discord.world.user("Ben")
        await began(s)
        await s.discord.ask(s.general, ben, "gone")
        await s.discord.ask(s.general, s.ana, "second")
        del s.discord.world.users[ben.id]
        assert await asked(s, 2) == ["first", "second"]


async def test_a_mention_in_a_new_thread_of_a_known_channel_is_found() -> None:
    async with loopback() as s:
        await began(s)
        thread = s.discord.world.thread(s.general, new_id(), "Of people", s.ana)
        await s.discord.ask(thread, s.ana, "in a thread")
        await s.discord.say(thread, s.ana, "not for the bot")
        assert await asked(s, 2) == ["first", "in a thread"]
        assert len(s.discord.world.answers_in(thread)) == 1


async def test_without_read_message_history_nothing_is_taken_as_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with loopback() as s:
        other = s.discord.world.channel("other")
        await began(s, other)
        await began(s)
        hidden = s.general

        def history(channel: Channel, **how: Any) -> list[dict[str, Any]]:
            return [] if channel is hidden else shown(channel, **how)

        shown = s.discord.world.history
        monkeypatch.setattr(s.discord.world, "history", history)
        await s.discord.ask(other, s.ana, "second")
        assert await asked(s, 3) == ["first", "first", "second"]
        assert len(await s.store.answers()) == 3


async def test_a_channel_that_refuses_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loopback() as s:
        other = s.discord.world.channel("other")
        await began(s, other)
        await began(s)
        await s.discord.ask(other, s.ana, "second")
        await s.discord.ask(s.general, s.ana, "closed")
        s.discord.trouble("GET", 403)
        assert await asked(s, 3) == ["first", "first", "second"]


async def test_a_discord_that_fails_while_history_is_read_loses_no_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catch_up, "FIRST_RETRY", 0.01)
    async with loopback() as s:
        other = s.discord.world.channel("other")
        await began(s, other)
        await began(s)
        await s.discord.ask(other, s.ana, "second")
        await s.discord.ask(s.general, s.ana, "third")
        s.discord.trouble("GET", 503, times=3)
        assert await asked(s, 4) == ["first", "first", "second", "third"]


async def test_a_discord_that_does_not_tell_who_asked_loses_no_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catch_up, "FIRST_RETRY", 0.01)
    async with loopback() as s:
        await began(s)
        await s.discord.ask(s.general, s.ana, "second")
        s.discord.rest.members_refused = 2
        assert await asked(s, 2) == ["first", "second"]


async def test_at_most_the_newest_hundred_messages_are_read() -> None:
    async with loopback() as s:
        await began(s)
        await s.discord.ask(s.general, s.ana, "too far back")
        for number in range(98):
            await s.discord.say(s.general, s.ana, f"Chat {number}")
        await s.discord.ask(s.general, s.ana, "second")
        await s.discord.say(s.general, s.ana, "Chat")
        assert await asked(s, 2) == ["first", "second"]
        reads = [call for call in s.discord.rest.calls if call.method == "GET"]
        assert len(reads) == 1  # the first run knew of no place
