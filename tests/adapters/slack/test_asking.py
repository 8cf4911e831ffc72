"""Questions and answers on a loopback Slack, through the real Bolt app."""

from tests.adapters.slack.bench import bench


async def test_a_mention_is_answered_in_the_channel_and_remembered() -> None:
    async with bench() as b:
        await b.ana.mention("C1", "My name is Ana.")
        await b.answered()
        await b.ana.mention("C1", "Who am I?")
        await b.answered()
        first, second = b.team.answers("C1")
    assert first.shown == "[Be kind.] [] Ana: My name is Ana."
    assert second.shown == "[Be kind.] [Ana: My name is Ana.] Ana: Who am I?"


async def test_ask_shows_the_question_and_answers_below_it() -> None:
    async with bench() as b:
        used = await b.ana.command("/ask", "What is 2 + 2?", "C1")
        await b.answered()
        question, answer = b.team.answers("C1")
    assert question.shown == "**Ana asks:** What is 2 + 2?"
    assert answer.shown == "[Be kind.] [] Ana: What is 2 + 2?"
    assert used.told == []
