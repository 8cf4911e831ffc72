"""Summaries on Discord: the menu of a message, links, rights, and what comes too late."""

from datetime import timedelta

import pytest

from adapters.common.place import Place
from adapters.discord import late_replies
from adapters.discord.transcripts import YOU_MAY_NOT, DiscordTranscripts
from bot.messages import ConversationKey
from tests.adapters.discord.scene import Scene, scene
from tests.discord_loopback import BOT
from tests.discord_loopback.world import GUILD, READ_MESSAGE_HISTORY
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


def short() -> ScriptedGenerator:
    return ScriptedGenerator(lambda _: "In short.", context=100_000)


def said_in(scene: Scene) -> list[str]:
    prompt = scene.generator.prompts[-1].question
    inside = prompt.partition("--- messages ---\n")[2].partition("\n--- end")[0]
    return inside.split("\n")


async def test_the_menu_of_a_message_sums_up_from_there_on() -> None:
    async with scene(short()) as s:
        await s.discord.say(s.general, s.ana, "Before")
        first = await s.discord.say(s.general, s.ana, "From here")
        await s.discord.say(s.general, s.ana, "Later")
        used = await s.discord.message_command(s.ana, first, "Summarize from here")
        await until(lambda: used.said)
        assert used.said == ["**Summary of 2 messages**\n\nIn short."]
        assert said_in(s) == ["Ana: From here", "Ana: Later"]


async def test_a_link_names_the_message_and_only_one_of_this_place_counts() -> None:
    async with scene(short()) as s:
        first = await s.discord.say(s.general, s.ana, "From here")
        link = f"https://discord.com/channels/{GUILD}/{s.general.id}/{first.id}"
        used = await s.discord.command(s.ana, s.general, "summarize", since=link)
        await until(lambda: used.said)
        assert said_in(s) == ["Ana: From here"]
        elsewhere = link.replace(s.general.id, "1234567")
        used = await s.discord.command(s.ana, s.general, "summarize", since=elsewhere)
        await until(lambda: used.said)
        assert used.said[0].startswith("Say since when")


async def test_without_read_message_history_the_permission_is_named() -> None:
    async with scene(short()) as s:
        await s.discord.say(s.general, s.ana, "Hello")
        s.general.hidden = True
        used = await s.discord.command(s.ana, s.general, "summarize", since="1h")
        await until(lambda: used.said)
        assert "Read Message History" in used.said[0]
        assert s.generator.prompts == []


async def test_without_the_message_content_intent_it_is_named() -> None:
    async with scene(short(), message_content=False) as s:
        used = await s.discord.command(s.ana, s.general, "summarize", since="1h")
        await until(lambda: used.said)
        assert used.said[0].startswith("I lack the Message Content intent")


async def test_past_the_interactions_life_it_comes_by_direct_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(late_replies, "LIFE", timedelta(seconds=-1))
    async with scene(short()) as s:
        await s.discord.say(s.general, s.ana, "Hello")
        used = await s.discord.command(s.ana, s.general, "summarize", since="1h")
        direct = s.discord.world.direct(s.ana)
        await until(lambda: s.discord.world.answers_in(direct))
        (message,) = s.discord.world.answers_in(direct)
        assert message.content == f"<#{s.general.id}>: **Summary of 1 message**\n\nIn short."
        assert used.said == []


async def test_a_long_summary_is_whole_in_several_messages_or_a_file() -> None:
    long = "\n\n".join(f"Paragraph {n}. {'word ' * 100}".strip() for n in range(12))
    async with scene(ScriptedGenerator(lambda _: long, context=100_000)) as s:
        await s.discord.say(s.general, s.ana, "Hello")
        used = await s.discord.command(s.ana, s.general, "summarize", since="1h")
        await until(lambda: len(used.said) == 4)
        assert all(len(text) <= 2000 for text in used.said)
        whole = "".join("".join(used.said).split())
        assert "".join(long.split()) in whole


def test_a_link_is_recognised_in_its_own_place_only() -> None:
    reads = DiscordTranscripts.linked
    place = Place(ConversationKey("discord", "10", "11", "9"))
    here = DiscordTranscripts.__new__(DiscordTranscripts)
    assert reads(here, place, "https://discord.com/channels/9/11/77") == "77"
    assert reads(here, place, "<https://ptb.discord.com/channels/9/11/77>") == "77"
    assert reads(here, place, "https://discord.com/channels/9/10/77") == ""
    assert reads(here, place, "2h") == ""


async def test_who_may_not_read_the_history_gets_no_summary_of_it() -> None:
    async with scene(short()) as s:
        await s.discord.say(s.general, s.ana, "Hello")
        stranger = s.discord.world.user("Stranger")
        s.general.overwrites.append(
            {"id": stranger.id, "type": 1, "allow": "0", "deny": str(READ_MESSAGE_HISTORY)}
        )
        await s.discord.gateway.dispatch("CHANNEL_UPDATE", s.general.payload())
        used = await s.discord.command(stranger, s.general, "summarize", since="1h")
        await until(lambda: used.said)
        assert used.said == [YOU_MAY_NOT]
        await s.discord.say(s.general, stranger, f"{BOT.mention} summarize")
        told = s.discord.world.messages.values()
        await until(lambda: [one for one in told if one.content == YOU_MAY_NOT][1:])
        assert s.generator.prompts == []
