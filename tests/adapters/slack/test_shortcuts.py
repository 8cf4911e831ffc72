"""The shortcuts in the menu of a message, through the real Bolt app."""

from typing import Any

import pytest

from adapters.slack.shortcuts import ASK, SUMMARIZE, TOO_LATE
from bot.messages import ConversationKey
from storage.in_memory import MemoryStore
from tests.adapters.slack.bench import Bench, bench
from tests.scaled_clock import ScaledClock
from tests.slack_loopback import LoopbackSlack, Message, Someone, Used
from tests.until import until


async def window(b: Bench, person: Someone, message: Message) -> Used:
    """Use "Ask Parley about this"; the window is open then, unless it was refused."""
    before = len(b.team.views)
    used = await person.use_shortcut(ASK, message)
    await until(lambda: len(b.team.views) > before or used.told)
    return used


async def ask(b: Bench, person: Someone, question: str) -> None:
    """Fill in the window that was opened last."""
    values = {"question": {"question": {"value": question}}}
    await person.submit(b.team.views[-1], values)


async def test_a_question_about_a_message_is_answered_in_its_thread() -> None:
    async with bench() as b:
        about = await b.ada.say("C1", "The cat sat on the mat.")
        await window(b, b.ana, about)
        await ask(b, b.ana, "Where did it sit?")
        await until(lambda: len(b.team.answers("C1", about.ts)) == 2)
        await b.answered()
        shown, answer = b.team.answers("C1", about.ts)
        assert shown.shown == "**Ana asks:** Where did it sit?"
        assert "The cat sat on the mat." in answer.shown
        assert answer.shown.endswith("Where did it sit?")
        key = ConversationKey("slack", "C1", about.ts, "T1")
        assert len(await b.store.exchanges(key)) == 1
        assert not b.team.answers("C1")


async def test_in_a_thread_it_stays_in_that_thread() -> None:
    async with bench() as b:
        first = await b.ada.say("C1", "A thread")
        about = await b.ada.say("C1", "It rains.", thread=first.ts)
        await window(b, b.ana, about)
        await ask(b, b.ana, "Does it?")
        await until(lambda: len(b.team.answers("C1", first.ts)) == 2)
        await b.answered()
        assert "It rains." in b.team.answers("C1", first.ts)[1].shown


async def test_a_window_is_good_for_one_question() -> None:
    async with bench() as b:
        about = await b.ada.say("C1", "It rains.")
        await window(b, b.ana, about)
        await ask(b, b.ana, "Does it?")
        await until(lambda: len(b.team.answers("C1", about.ts)) == 2)
        await ask(b, b.ana, "Does it?")
        await b.answered()
        assert len(b.team.answers("C1", about.ts)) == 2


async def test_somebody_else_cannot_use_the_window() -> None:
    async with bench() as b:
        b.team.channel("U2", "im")  # what Slack takes as the direct message with Ada
        about = await b.ana.say("C1", "It rains.")
        await window(b, b.ana, about)
        await ask(b, b.ada, "Does it?")
        await until(lambda: b.team.answers("U2"))
        assert b.team.answers("U2")[0].shown == TOO_LATE
        assert not b.team.answers("C1", about.ts)


async def test_a_window_of_before_a_restart_is_refused_in_words() -> None:
    store = MemoryStore()
    async with LoopbackSlack(ScaledClock(60.0)) as slack:
        slack.team.trigger_seconds *= 60
        slack.team.channel("U1", "im")
        async with bench(at=slack, store=store) as b:
            about = await b.ada.say("C1", "It rains.")
            await window(b, b.ana, about)
        async with bench(at=slack, store=store) as b:
            await ask(b, b.ana, "Does it?")
            await until(lambda: b.team.answers("U1"))
            assert b.team.answers("U1")[0].shown == TOO_LATE


async def test_who_may_not_ask_is_told_so() -> None:
    async with bench(slack={"blocked_people": ["U1"]}) as b:
        about = await b.ada.say("C1", "It rains.")
        used = await window(b, b.ana, about)
        await ask(b, b.ana, "Does it?")
        await until(lambda: used.told)
        assert "not among the people" in used.told[0]
        assert not b.team.answers("C1", about.ts)


async def test_where_parley_may_not_write_the_person_is_told_to_invite_it() -> None:
    async with bench() as b:
        about = b.ada.post("G1", "It rains.")
        used = await window(b, b.ana, about)
        await ask(b, b.ana, "Does it?")
        await until(lambda: used.told)
        assert "/invite" in used.told[0]


async def test_a_thread_is_summed_up_for_one_person_alone() -> None:
    async with bench() as b:
        first = await b.ada.say("C1", "Shall we meet at nine?")
        await b.ana.say("C1", "Ten is better.", thread=first.ts)
        last = await b.ada.say("C1", "Ten it is.", thread=first.ts)
        used = await b.ana.use_shortcut(SUMMARIZE, last)
        await until(lambda: used.told)
        told = "\n".join(used.told)
        assert "Ten it is." in told  # the scripted model repeats its prompt
        assert not b.team.answers("C1", first.ts)
        assert not b.team.answers("C1")


async def test_summaries_that_are_off_are_refused() -> None:
    async with bench(conversation={"summaries": False}) as b:
        first = await b.ada.say("C1", "Shall we meet at nine?")
        used = await b.ana.use_shortcut(SUMMARIZE, first)
        await until(lambda: used.told)
        assert not b.scripted.prompts


@pytest.mark.parametrize("callback", [ASK, SUMMARIZE])
async def test_a_malformed_shortcut_ends_alone(callback: str) -> None:
    async with bench() as b:
        message = await b.ada.say("C1", "It rains.")
        cases: list[dict[str, Any]] = [
            {"message": "x"},
            {"message": {}},
            {"channel": None},
            {"user": 7},
        ]
        for broken in cases:
            payload = {
                "type": "message_action",
                **b.ana._interaction_origin(),
                "user": {"id": "U1"},
                "channel": {"id": "C1"},
                "callback_id": callback,
                "trigger_id": "t",
                "message": message.payload(),
                **broken,
            }
            await b.slack.send("interactive", payload)
        await b.ana.mention("C1", "Hello")
        await b.answered()
        assert len(b.team.answers("C1")) == 1
        assert not b.team.views
