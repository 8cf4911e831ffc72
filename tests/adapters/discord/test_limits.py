"""Rate limits, failures and slowness of Discord: nothing is lost, nothing comes twice."""

from itertools import pairwise
from typing import Any

import pytest

from bot.ports import AnswerState
from tests.adapters.discord.scene import Scene, loopback, scene, whole
from tests.adapters.discord.texts import TextGenerator, code_and_prose, same
from tests.discord_loopback import Window
from tests.until import until


def refusals(s: Scene) -> int:
    return sum(call.status == 429 for call in s.discord.rest.calls)


async def test_real_buckets_are_kept_so_that_discord_hardly_ever_refuses() -> None:
    text = code_and_prose(6000)
    async with loopback(TextGenerator(text)) as s:
        s.discord.rest.limits.windows = {"POST": Window(5, 0.5), "PATCH": Window(5, 0.5)}
        async with s.running():
            for _ in range(3):
                await s.discord.ask(s.general, s.ana, "Explain.")
            await s.answered(count=3)
        for answer in await s.store.answers():
            messages = [s.discord.world.messages[message] for message in answer.messages]
            assert same(whole(messages)) == same(text)
        assert refusals(s) <= 2  # the first window is not known yet


async def test_a_storm_of_refusals_delays_the_end_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.delivery.live.LONGEST_BACKOFF", 0.03)
    text = code_and_prose(3000)
    model = TextGenerator(text, paced=True)
    async with scene(model) as s:
        await s.discord.ask(s.general, s.ana, "Explain.")
        await until(lambda: s.discord.world.answers_in(s.general))
        s.discord.trouble("", 429, times=12, retry_after=0.02)
        model.let(10_000)
        messages = await s.answered()
        assert refusals(s) == 12
        assert same(whole(messages)) == same(text)


async def test_the_text_after_a_refusal_is_the_newest() -> None:
    model = TextGenerator("one two three four", paced=True)
    async with scene(model) as s:
        await s.discord.ask(s.general, s.ana, "Count.")
        await until(lambda: s.discord.world.answers_in(s.general))
        (answer,) = s.discord.world.answers_in(s.general)
        s.discord.trouble("PATCH", 429, retry_after=0.3)
        model.let(1)
        await until(lambda: refusals(s) == 1)
        model.let(3)
        await s.answered()
        shown = [content for _, content in answer.versions if not content.startswith("-# ")]
        assert shown[0] == "one two three four"  # not "one", which was refused


@pytest.mark.parametrize("how", [{"everywhere": True, "retry_after": 0.05}, {"html": True}])
async def test_a_global_limit_holds_everything_back(
    how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.discord.api.LONGEST_BACKOFF", 0.05)
    async with scene(TextGenerator("one two three")) as s:
        s.discord.trouble("POST", 429, **how)
        await s.discord.ask(s.general, s.ana, "Count.")
        assert whole(await s.answered()) == "one two three"


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_failing_server_is_tried_again(status: int) -> None:
    async with scene(TextGenerator("one two three")) as s:
        s.discord.trouble("POST", status)
        s.discord.trouble("PATCH", status)
        await s.discord.ask(s.general, s.ana, "Count.")
        (answer,) = await s.answered()
        assert whole([answer]) == "one two three"


async def test_a_message_whose_answer_was_lost_is_not_posted_twice() -> None:
    async with scene(TextGenerator("one two three")) as s:
        s.discord.trouble("POST", 502, takes_effect=True)
        await s.discord.ask(s.general, s.ana, "Count.")
        (answer,) = await s.answered()
        assert whole([answer]) == "one two three"
        posts = [call for call in s.discord.rest.calls if call.method == "POST"]
        assert len(posts) == 2


async def test_a_slow_discord_gets_the_newest_text_and_one_call_at_a_time() -> None:
    text = code_and_prose(1500)
    async with scene(TextGenerator(text)) as s:
        s.discord.rest.latency = 0.05
        await s.discord.ask(s.general, s.ana, "Explain.")
        messages = await s.answered()
        assert same(whole(messages)) == same(text)
        calls = sorted(s.discord.rest.calls, key=lambda call: call.begun)
        for earlier, later in pairwise(calls):
            assert later.begun >= earlier.done


async def test_one_refused_edit_is_made_again_and_the_answer_is_whole() -> None:
    model = TextGenerator("one two three", paced=True)
    async with scene(model) as s:
        await s.discord.ask(s.general, s.ana, "Count.")
        await until(lambda: s.discord.world.answers_in(s.general))
        s.discord.trouble("PATCH", 403)
        model.let(10)
        assert whole(await s.answered()) == "one two three"


async def test_a_channel_that_closes_on_the_way_stops_nothing_and_whoever_asked_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.delivery.answer_messages.RETRY_SECONDS", 0.001)
    model = TextGenerator("one two three", paced=True)
    async with scene(model) as s:
        await s.discord.ask(s.general, s.ana, "Count.")
        await until(lambda: s.discord.world.answers_in(s.general))
        s.discord.trouble("PATCH", 403, times=40)
        s.general.closed = True
        model.let(10)
        direct = s.discord.world.direct(s.ana)
        await until(lambda: s.discord.world.answers_in(direct))
        (told,) = s.discord.world.answers_in(direct)
        assert "not allowed to show it" in told.content
        assert "Give it View Channel, Send Messages" in caplog.text
        await s.engine.finish()
        (kept,) = await s.store.answers()
        assert (kept.text, kept.state) == ("one two three", AnswerState.DONE)
        assert await s.store.answers(unfinished=True), "the next start tries to show the end again"
