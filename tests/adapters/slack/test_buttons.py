"""Buttons and feedback under answers, through the real Bolt app."""

from bot.messages import ConversationKey, Prompt
from tests.adapters.slack.bench import Bench, bench, labels
from tests.slack_loopback import Someone, Used
from tests.until import until

CHANNEL = ConversationKey("slack", "C1", workspace="T1")


async def told(used: Used) -> str:
    await until(lambda: used.told)
    return used.told[0]


def numbered() -> list[str]:
    return [f"answer {n}" for n in range(10)]


async def verdicts(b: Bench) -> list[int]:
    return [
        verdict
        async for exchange in b.store.archived(CHANNEL)
        for answer in exchange.answers
        for verdict in answer.verdicts
    ]


async def test_stop_halts_the_model_and_leaves_what_it_wrote() -> None:
    async with bench(lambda p: "one two three four five", paced=True) as b:
        await b.ana.mention("C1", "Count")
        b.scripted.let(2)
        await until(lambda: b.joined("C1"))
        (answer,) = b.team.answers("C1")
        await b.ana.press(answer, "Stop")
        await b.answered()
        assert answer.shown == "one two"
        assert labels(answer) == ["Continue", "Regenerate"]
        assert b.scripted.steps == 2


async def test_somebody_else_cannot_stop_it_and_is_told_so_alone() -> None:
    async with bench(paced=True) as b:
        await b.ana.mention("C1", "Count")
        b.scripted.let(2)
        await until(lambda: b.joined("C1"))
        (answer,) = b.team.answers("C1")
        stranger = Someone(b.slack, "U9", "Stranger")
        used = await stranger.press(answer, "Stop")
        assert await told(used) == "Only who asked, or an admin, can stop this answer."
        assert b.scripted.writing == 1
        await b.ada.press(answer, "Stop")
        await b.answered()


async def test_regenerate_answers_anew_in_the_same_message() -> None:
    replies = iter(numbered())

    def next_one(prompt: Prompt) -> str:
        return next(replies)

    async with bench(next_one) as b:
        await b.ana.mention("C1", "Hello")
        await b.answered()
        (answer,) = b.team.answers("C1")
        assert answer.shown == "answer 0"
        await b.ana.press(answer, "Regenerate")
        await b.answered()
        assert b.team.answers("C1") == [answer]
        assert answer.shown == "answer 1"


async def test_regenerate_works_on_an_answer_that_was_streamed_in_a_thread() -> None:
    replies = iter(numbered())
    async with bench(lambda p: next(replies)) as b:
        first = await b.ana.say("C1", "thread")
        await b.ana.mention("C1", "Hello", thread=first.ts)
        await b.answered()
        (answer,) = b.team.answers("C1", first.ts)
        await b.ana.press(answer, "Regenerate")
        await b.answered()
        assert b.team.answers("C1", first.ts) == [answer]
        assert answer.shown == "answer 1"


async def test_continue_goes_on_where_a_stop_cut_it() -> None:
    async with bench(lambda p: "one two three four five", paced=True) as b:
        await b.ana.mention("C1", "Count")
        b.scripted.let(2)
        await until(lambda: b.joined("C1"))
        (answer,) = b.team.answers("C1")
        await b.ana.press(answer, "Stop")
        await b.answered()
        b.scripted.let(100)
        await b.ana.press(answer, "Continue")
        await b.answered()
        assert answer.shown == "one two three four five"


async def test_the_last_verdict_wins() -> None:
    async with bench() as b:
        await b.ana.mention("C1", "Hello")
        await b.answered()
        (answer,) = b.team.answers("C1")
        await b.ana.press(answer, "Good answer")
        await b.answered()
        assert await verdicts(b) == [1]
        await b.ana.press(answer, "Bad answer")
        await b.answered()
        assert await verdicts(b) == [-1]


async def test_a_button_of_an_answer_that_is_forgotten_says_so() -> None:
    async with bench() as b:
        await b.ana.mention("C1", "Hello")
        await b.answered()
        (answer,) = b.team.answers("C1")
        await b.store.forget(conversation=CHANNEL)
        used = await b.ana.press(answer, "Regenerate")
        assert await told(used) == "There is no such answer any more."


async def test_a_button_does_not_reach_into_another_channel() -> None:
    async with bench() as b:
        await b.ana.mention("C1", "Hello")
        await b.answered()
        (answer,) = b.team.answers("C1")
        b.team.channel("C2")
        answer.channel = "C2"
        used = await b.ana.press(answer, "Regenerate")
        assert await told(used) == "There is no such answer any more."
        assert len(b.scripted.prompts) == 1


async def test_opening_the_app_suggests_what_to_ask() -> None:
    async with bench() as b:
        await b.ana.open_app("D1")
        await until(lambda: b.team.prompts)
        (suggested,) = b.team.prompts
        assert suggested["channel_id"] == "D1"
        assert all(prompt["message"] for prompt in suggested["prompts"])
