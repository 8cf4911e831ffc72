"""A connection that breaks, and events that come twice, on every platform that has them."""

from tests.scenarios.acting import COUNT, ask, begin, counting, given, only, repeating
from tests.scenarios.driver import Can, GroupPlatform, Who
from tests.scenarios.platforms import on_all_that_can
from tests.until import until


@on_all_that_can(Can.CONNECTION)
async def test_an_answer_is_whole_and_there_once_when_the_connection_was_lost_meanwhile(
    group: GroupPlatform,
) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        await chat.lose_connection()
        model.let(100)
        await chat.settled()
        assert only(chat).text == COUNT
        assert chat.posted() == 1
        await ask(chat, model, Who.BEN, "Count again.")
        assert [answer.text for answer in chat.answers()] == [COUNT, COUNT]
        assert given(model.prompts[-1]) == ["Ana: Count.", "Ben: Count again."]


@on_all_that_can(Can.CONNECTION)
async def test_a_question_that_is_delivered_twice_is_answered_once(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await chat.say(Who.ANA, "@bot Hello")
        await chat.deliver_again()
        await until(lambda: chat.answers())
        await chat.say(Who.BEN, "@bot And?")
        await chat.deliver_again()
        await ask(chat, model, Who.ADA, "Is that all?", after=2)
        assert sorted(answer.text for answer in chat.answers()) == [
            "On Ada: Is that all?",
            "On Ana: Hello",
            "On Ben: And?",
        ]
        assert len(model.prompts) == chat.posted() == 3
