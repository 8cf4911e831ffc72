"""Reading what people said around a question on Slack: scopes, invitations, long threads, names."""

from collections.abc import Callable

import pytest

from adapters.slack import surroundings
from bot.engine.surroundings import CANNOT_READ, GONE
from bot.engine.window import WindowOptions
from bot.messages import Exchange, Sampling
from tests.adapters.slack.bench import Bench, bench
from tests.slack_loopback import Message, Someone
from tests.slack_loopback.api import METHODS
from tests.slack_loopback.state import JSON, ApiError, Team
from tests.until import until

CONTEXT = {"window": WindowOptions("Be kind.", True, Sampling(), channel_context=3)}


async def asked(
    b: Bench, channel: str, thread: str = "", text: str = "who is right?"
) -> tuple[list[str], str]:
    """Ask there: what stood before the question, and the note below the answer."""
    before = len(b.scripted.prompts)
    await b.ana.mention(channel, text, thread=thread)
    await until(lambda: len(b.scripted.prompts) > before)
    await b.answered()
    lines = b.scripted.prompts[-1].question.split("\n")
    assert lines.pop() == f"Ana: {text}"
    return lines[1:-2], b.team.answers(channel, thread)[-1].small_print


def ben(b: Bench) -> Someone:
    return Someone(b.slack, "U3", "Ben")


async def test_a_private_channel_needs_its_own_scope_and_the_note_names_it() -> None:
    async with bench() as b:
        b.team.channel("G2", "group")
        first = b.ana.post("G2", "Tabs are better.")
        b.team.scopes.discard("groups:history")
        lines, note = await asked(b, "G2", first.ts)
        assert lines == []
        assert note == f"{CANNOT_READ}I lack the scope groups:history in this workspace."
        b.team.scopes.add("groups:history")
        assert await asked(b, "G2", first.ts) == (["Ana: Tabs are better."], "")


async def test_a_channel_that_parley_is_not_in_asks_for_an_invitation() -> None:
    async with bench(engine=CONTEXT) as b:
        b.team.channel("C3", joined=False)
        await b.ana.command("/ask", "who is right?", "C3")
        await until(lambda: b.scripted.prompts)
        await b.answered()
        note = b.team.answers("C3")[-1].small_print
        assert note == f"{CANNOT_READ}I lack an invitation to this channel (`/invite`)."


async def test_slacks_own_messages_are_not_what_people_said() -> None:
    async with bench() as b:
        first = b.ana.post("C1", "Tabs &lt;3 <@U2> <https://x.org|here>")
        joined = ben(b).post("C1", "<@U3> has joined", thread=first.ts)
        payload = joined.payload

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                Message,
                "payload",
                lambda self: (
                    payload() | {"subtype": "channel_join"} if self is joined else _payload(self)
                ),
            )
            lines, _ = await asked(b, "C1", first.ts)
        assert lines == ["Ana: Tabs <3 @Ada here (https://x.org)"]


_payload = Message.payload


async def test_an_apps_messages_bear_its_name() -> None:
    async with bench() as b:
        first = b.ana.post("C1", "Tabs are better.")
        posted = Message(
            b.team.next_ts(), "C1", "", "B9", text="The build failed.", thread_ts=first.ts
        )
        b.team.messages["C1", posted.ts] = posted
        lines, _ = await asked(b, "C1", first.ts)
        assert lines == ["Ana: Tabs are better.", "an app: The build failed."]


async def test_a_deleted_first_message_is_said() -> None:
    async with bench() as b:
        first = b.ana.post("C1", "Tabs are better.")
        ben(b).post("C1", "Spaces!", thread=first.ts)
        first.deleted = True
        assert await asked(b, "C1", first.ts) == (["Ben: Spaces!"], GONE)


async def test_what_slack_refuses_for_another_reason_is_in_the_log() -> None:
    async with bench() as b:
        first = b.ana.post("C1", "Tabs are better.")
        b.team.fail("conversations.replies", *[ApiError("invalid_ts_latest")] * 2)
        lines, note = await asked(b, "C1", first.ts)
        assert (lines, note) == ([], f"{CANNOT_READ}the operator's log says why.")


async def test_a_malformed_page_is_answered_without() -> None:
    async with bench() as b:
        first = b.ana.post("C1", "Tabs are better.")

        def broken(_team: Team, _args: JSON) -> JSON:
            return {"messages": [None, {"ts": 7}, {"ts": "x"}, "text"], "response_metadata": None}

        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(METHODS, "conversations.replies", (broken, ""))
            lines, _ = await asked(b, "C1", first.ts)
        assert lines == []


async def test_small_pages_of_a_channel_are_followed() -> None:
    async with bench(engine=CONTEXT) as b:
        for number in range(6):
            b.ana.post("C1", f"Opinion {number}")
        history, scope = METHODS["conversations.history"]

        def small(team: Team, args: JSON) -> JSON:
            return history(team, {**args, "limit": 1})

        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(METHODS, "conversations.history", (small, scope))
            lines, _ = await asked(b, "C1")
        assert lines == [
            "(older messages are left out)",
            "Ana: Opinion 3",
            "Ana: Opinion 4",
            "Ana: Opinion 5",
        ]


async def test_the_names_of_so_many_people_are_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(surroundings, "MOST_NAMES", 2)
    async with bench() as b:
        first = b.ana.post("C1", "Tabs are better.")
        for number in range(4):
            person = Someone(b.slack, f"U{50 + number}", f"Person {number}")
            person.post("C1", f"Opinion {number}", thread=first.ts)
        lines, _ = await asked(b, "C1", first.ts)
        assert lines == [
            "user U1: Tabs are better.",
            "user U50: Opinion 0",
            "user U51: Opinion 1",
            "Person 2: Opinion 2",
            "Person 3: Opinion 3",
        ]


def evenly(n: int) -> float:
    return n * 3600.0 / 20_000


def then_a_long_pause(n: int) -> float:
    return n * 300.0 / 20_000


@pytest.mark.parametrize("spread", [evenly, then_a_long_pause])
async def test_the_end_of_a_very_long_thread_is_found_by_time(
    spread: Callable[[int], float],
) -> None:
    async with bench() as b:
        first = b.ana.post("C1", "Tabs are better.", ago=3700.0)
        for number in range(20_000):
            b.ana.post("C1", f"Opinion {number}", thread=first.ts, ago=3650.0 - spread(number))
        before = len(b.calls("conversations.replies"))
        lines, _ = await asked(b, "C1", first.ts)
        assert len(b.calls("conversations.replies")) - before <= 6
        assert lines[:2] == ["Ana: Tabs are better.", "(older messages are left out)"]
        assert lines[-1] == "Ana: Opinion 19999"
        assert len(lines) > 100


async def test_a_thread_in_a_direct_message_begins_with_its_exchange_and_is_not_read() -> None:
    async with bench(lambda _: "Red and blue.") as b:
        first = await b.ana.say("D1", "Name two colours.")
        await b.answered()
        before = len(b.calls("conversations.replies"))
        await b.ana.say("D1", "explain the second", thread=first.ts)
        await until(lambda: len(b.scripted.prompts) == 2)
        await b.answered()
        prompt = b.scripted.prompts[-1]
        assert prompt.history == (Exchange("Name two colours.", "Red and blue."),)
        assert prompt.question == "explain the second"
        assert len(b.calls("conversations.replies")) == before


async def test_a_reply_below_an_answer_begins_with_the_exchange_of_the_channel() -> None:
    """With answers in threads, the default: question and answer are the channel's."""
    async with bench(lambda _: "Red and blue.", slack={"reply_in": "thread"}) as b:
        first = await b.ana.mention("C1", "Name two colours.")
        await until(lambda: b.scripted.prompts)
        await b.answered()
        await ben(b).mention("C1", "explain the second", thread=first.ts)
        await until(lambda: len(b.scripted.prompts) == 2)
        await b.answered()
        prompt = b.scripted.prompts[-1]
        assert prompt.history == (Exchange("Ana: Name two colours.", "Red and blue."),)
        assert prompt.question == "Ben: explain the second"
        await b.ana.mention("C1", "And now?")
        await until(lambda: len(b.scripted.prompts) == 3)
        await b.answered()
        assert b.scripted.prompts[-1].history == prompt.history
