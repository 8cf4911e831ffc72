"""Summaries on Slack: scopes, membership, long threads, and what comes too late."""

import pytest

from adapters.common.place import Place
from adapters.slack import late_replies
from adapters.slack.transcripts import SlackTranscripts
from bot.messages import ConversationKey
from tests.adapters.slack.bench import bench
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


def short() -> ScriptedGenerator:
    return ScriptedGenerator(lambda _: "In short.", context=100_000)


async def test_a_missing_scope_is_named() -> None:
    async with bench(generator=short()) as at:
        at.team.channel("C1")
        at.team.scopes -= {"channels:history"}
        used = await at.ana.command("/parley", "summarize 1h", "C1")
        await until(lambda: used.told)
        (text,) = used.told
        assert text.strip() == (
            "I cannot read what was said: the Slack app lacks the scope channels:history."
        )


async def test_past_the_life_of_the_response_url_it_comes_by_direct_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(late_replies, "LIFE", -1.0)
    async with bench(generator=short()) as at:
        at.team.channel("C1")
        at.ana.post("C1", "Hello")
        used = await at.ana.command("/parley", "summarize 1h", "C1")
        await until(lambda: at.team.answers("D1"))
        (message,) = at.team.answers("D1")
        assert "**Summary of 1 message**\n\nIn short." in message.shown
        assert used.told == []


async def test_in_a_thread_the_thread_is_summed_up_with_its_first_message() -> None:
    model = short()
    async with bench(generator=model) as at:
        at.team.channel("C1")
        first = at.ana.post("C1", "Where do we eat?")
        at.ana.post("C1", "At Ben's.", thread=first.ts)
        at.ana.post("C1", "Not in the thread")
        await at.ana.mention("C1", "/parley summarize 1h", thread=first.ts)
        await until(lambda: at.team.answers("D1"))
        question = model.prompts[0].question
        assert "--- messages ---\nAna: Where do we eat?\nAna: At Ben's.\n--- end" in question


def test_a_link_is_recognised_in_its_own_place_only() -> None:
    reader = SlackTranscripts.__new__(SlackTranscripts)
    channel = Place(ConversationKey("slack", "C1", workspace="T1"))
    thread = Place(ConversationKey("slack", "C1", "1700000000.000100", "T1"))
    link = "https://x.slack.com/archives/C1/p1700000000000200"
    inside = f"{link}?thread_ts=1700000000.000100&cid=C1"
    assert reader.linked(channel, link) == "1700000000.000200"
    assert reader.linked(channel, link.replace("C1", "C2")) == ""
    assert reader.linked(thread, inside) == "1700000000.000200"
    assert reader.linked(channel, inside) == ""
    assert reader.linked(channel, "2h") == ""
