"""Messages as they come in, change and go, through the real Bolt app on a loopback Slack."""

import asyncio
from typing import Any

import pytest

from adapters.common.texts import NOTHING_ASKED
from bot.messages import ConversationKey, Prompt
from tests.adapters.slack.bench import Bench, bench
from tests.slack_loopback import File, Someone
from tests.until import until


async def test_a_mention_is_answered_in_the_channel_and_remembered() -> None:
    async with bench() as b:
        await b.ana.mention("C1", "My name is Ana.")
        await b.answered()
        await b.ana.mention("C1", "Who am I?")
        await b.answered()
        first, second = b.team.answers("C1")
    assert first.shown == "[Be kind.] [] Ana: My name is Ana."
    assert second.shown == "[Be kind.] [Ana: My name is Ana.] Ana: Who am I?"


async def test_a_direct_message_needs_no_mention_and_shows_no_names() -> None:
    async with bench() as b:
        await b.ana.say("D1", "Hello")
        await b.answered()
        (answer,) = b.team.answers("D1")
    assert answer.shown == "[Be kind.] [] Hello"


async def test_a_thread_is_a_conversation_of_its_own_and_its_answers_need_no_mention() -> None:
    async with bench() as b:
        await b.ana.mention("C1", "In the channel")
        first = await b.ana.say("C1", "Let us talk here")
        await b.ana.mention("C1", "In the thread", thread=first.ts)
        await b.answered()
        await b.ana.say("C1", "And without a mention", thread=first.ts)
        await b.answered()
        answers = [m.shown for m in b.team.answers("C1", first.ts)]
    above = "Earlier messages in this thread: Ana: Let us talk here (end of the earlier messages)"
    assert answers == [
        f"[Be kind.] [] {above} Ana: In the thread",
        f"[Be kind.] [Ana: In the thread] {above} Ana: And without a mention",
    ]


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_message_whose_deletion_came_first_is_not_answered(*, threaded: bool) -> None:
    async with bench() as b:
        thread = b.ana.post("C1", "A thread").ts if threaded else ""
        late = b.ana.post("C1", f"<@{b.team.bot_user}> Hello", thread=thread)
        event = b.ana.event_of(late)
        await b.ana.delete(late)
        for kind in ("app_mention", "message"):
            await b.slack.send("events_api", b.ana.event_payload({**event, "type": kind}))
        changed = {**event, "subtype": "message_changed", "message": {**event, "text": "Hello?"}}
        await b.slack.send("events_api", b.ana.event_payload(changed))
        await b.ana.mention("C1", "Another", thread=thread)
        await b.answered()
        (prompt,) = b.scripted.prompts
        above = "Earlier messages in this thread:\nAna: A thread\n(end of the earlier messages)\n\n"
        assert prompt.question == f"{above if threaded else ''}Ana: Another"


async def test_what_people_say_to_each_other_is_left_alone() -> None:
    async with bench() as b:
        await b.ana.say("C1", "Nothing for the bot")
        other = await b.ana.say("C1", "A thread of others")
        await b.ada.say("C1", "Indeed", thread=other.ts)
        mine = await b.ana.mention("C1", "Hello")
        await b.answered()
        await b.ana.mention("C1", "Hello", thread=mine.ts)
        await b.answered()
        await b.ana.say("C1", "<@U2> what do you think?", thread=mine.ts)
        await b.answered()
    assert len(b.scripted.prompts) == 2


async def test_with_the_scope_thread_each_question_opens_a_thread() -> None:
    async with bench(conversation={"scope": "thread"}) as b:
        first = await b.ana.mention("C1", "One")
        second = await b.ana.mention("C1", "Two")
        await b.answered()
        assert b.team.answers("C1") == []
        assert b.joined("C1", first.ts) == "[Be kind.] [] Ana: One"
        assert b.joined("C1", second.ts) == "[Be kind.] [] Ana: Two"


async def test_a_thread_that_a_question_opens_begins_with_its_channels_settings() -> None:
    async with bench(conversation={"scope": "thread"}) as b:
        await b.ada.command("/parley", "system Be short.", "C1")
        await b.answered()
        first = await b.ana.mention("C1", "One")
        await b.answered()
        assert b.joined("C1", first.ts) == "[Be short.] [] Ana: One"


@pytest.mark.parametrize("twice", [False, True])
async def test_one_mention_is_answered_once_however_often_it_comes(*, twice: bool) -> None:
    async with bench() as b:
        await b.ana.mention("C1", "Hello", twice=twice)
        await b.answered()
        assert len(b.team.answers("C1")) == 1
        assert len(b.scripted.prompts) == 1


async def test_other_bots_and_slackbot_are_ignored() -> None:
    async with bench() as b:
        robot = Someone(b.slack, "UROBOT", "Robot", is_bot=True)
        event: dict[str, Any] = {
            "type": "app_mention",
            "channel": "C1",
            "channel_type": "channel",
            "ts": b.team.next_ts(),
            "user": "UROBOT",
            "bot_id": "BROBOT",
            "text": f"<@{b.team.bot_user}> Hello",
        }
        await b.slack.send("events_api", robot.event_payload(event))
        slackbot = {**event, "user": "USLACKBOT", "bot_id": "", "ts": b.team.next_ts()}
        await b.slack.send("events_api", robot.event_payload(slackbot))
        await b.answered()
        assert b.scripted.prompts == []


async def test_entities_are_resolved_and_escapes_undone() -> None:
    async with bench() as b:
        await b.ana.mention(
            "C1", "tell <@U2> in <#C1|general> that 1 &lt; 2 &amp;&amp; see <https://x.org|this>"
        )
        await b.answered()
    (prompt,) = b.scripted.prompts
    assert prompt.question == "Ana: tell @Ada in #general that 1 < 2 && see this (https://x.org)"


async def test_text_files_become_part_of_the_question() -> None:
    async with bench() as b:
        file = File("F9", "notes.txt", b"The sky is green.")
        picture = File("F8", "cat.png", b"\x89PNG", mimetype="image/png")
        await b.ana.mention("C1", "Read this", files=[file, picture])
        await b.answered()
        (prompt,) = b.scripted.prompts
        assert "The sky is green." in prompt.question
        (told,) = b.team.ephemeral("U1")
        assert "cat.png was left out" in told


async def test_a_mention_without_words_is_told_what_to_do() -> None:
    async with bench() as b:
        await b.ana.mention("C1", "")
        await b.answered()
        assert b.team.ephemeral("U1") == [NOTHING_ASKED]


async def test_a_refusal_is_told_to_the_person_alone() -> None:
    async with bench(engine={"question_characters": 10}) as b:
        await b.ana.mention("C1", "much longer than ten characters")
        await b.answered()
        (told,) = b.team.ephemeral("U1")
        assert "the most I take is 10" in told
        assert b.team.answers("C1") == []


async def test_only_allowed_people_are_answered_and_only_where_parley_speaks() -> None:
    async with bench(slack={"blocked_people": ["U1"], "allowed_channels": ["C7"]}) as b:
        b.team.channel("C7")
        await b.ana.mention("C7", "Hello")
        await b.ada.mention("C1", "Hello")
        await b.ada.mention("C7", "Hello")
        await b.answered()
        assert len(b.scripted.prompts) == 1
        assert b.team.ephemeral("U1") == ["You are not among the people whom I answer here."]
        assert b.team.ephemeral("U2") == []
        used = await b.ada.command("/ask", "Hello", "C1")
        await until(lambda: used.told)
        assert used.told == ["I am not set up to answer here."]


# ---------------------------------------------------------------- edits and deletions


async def test_an_edited_question_is_answered_anew_in_the_same_message() -> None:
    async with bench() as b:
        question = await b.ana.mention("C1", "What is 2 + 2?")
        await b.answered()
        await b.ana.edit(question, f"<@{b.team.bot_user}> What is 3 + 3?")
        await b.answered()
        (answer,) = b.team.answers("C1")
        assert answer.shown == "[Be kind.] [] Ana: What is 3 + 3?"


async def test_an_edit_while_it_is_answered_starts_over() -> None:
    async with bench(paced=True) as b:
        question = await b.ana.mention("C1", "one two three four")
        b.scripted.let(3)
        await until(lambda: b.joined("C1"))
        await b.ana.edit(question, f"<@{b.team.bot_user}> five")
        await until(lambda: len(b.scripted.prompts) == 2)
        b.scripted.let(100)
        await b.answered()
        (answer,) = b.team.answers("C1")
        assert answer.shown == "[Be kind.] [] Ana: five"


async def test_a_preview_is_no_edit() -> None:
    async with bench() as b:
        question = await b.ana.mention("C1", "See https://example.org")
        await b.answered()
        await b.ana.edit(question, question.text)
        await b.answered()
        assert len(b.scripted.prompts) == 1


@pytest.mark.parametrize("scope", ["channel", "thread"])
async def test_a_deleted_question_leaves_the_history_and_stops_its_answer(scope: str) -> None:
    async with bench(paced=True, conversation={"scope": scope}) as b:
        question = await b.ana.mention("C1", "one two three four")
        b.scripted.let(2)
        await until(lambda: b.scripted.steps == 2)
        await b.ana.delete(question)
        await b.answered()
        assert b.scripted.steps == 2
        thread = question.ts if scope == "thread" else ""
        key = ConversationKey("slack", "C1", thread, "T1")
        assert await b.store.exchanges(key) == []


async def test_a_deleted_question_that_leaves_a_tombstone_leaves_the_history_too() -> None:
    async with bench(conversation={"scope": "thread"}) as b:
        question = await b.ana.mention("C1", "Hello")
        await b.answered()
        assert b.joined("C1", question.ts)
        await b.ana.delete(question)
        await b.answered()
        key = ConversationKey("slack", "C1", question.ts, "T1")
        assert await b.store.exchanges(key) == []


async def test_a_persons_questions_keep_their_order_and_nobody_else_waits_for_their_files() -> None:
    async with bench() as b:
        big = File("F9", "notes.txt", b"Slow to fetch.", held=asyncio.Event())
        await b.ana.mention("C1", "first", files=[big])
        await b.ana.mention("C1", "second")
        await b.ada.mention("C1", "hers")
        await until(lambda: b.scripted.prompts)
        assert [prompt.question for prompt in b.scripted.prompts] == ["Ada: hers"]
        assert big.held
        big.held.set()
        await b.answered()
        asked = [prompt.question.split()[1] for prompt in b.scripted.prompts]
    assert asked == ["hers", "first", "second"]


async def test_what_the_model_writes_pings_nobody() -> None:
    def shout(prompt: Prompt) -> str:
        return "Hey <!channel> and <!here> and <@U2> and &lt;!everyone&gt; 1 < 2"

    async with bench(shout) as b:
        await b.ana.mention("C1", "Shout")
        first = await b.ana.say("C1", "thread")
        await b.ana.mention("C1", "Shout", thread=first.ts)
        await b.answered()
        shown = [m for m in b.team.messages.values() if m.bot_id]
        assert len(shown) == 2
        for message in shown:
            for ping in ("<!channel>", "<!here>", "<@U2>", "&lt;!everyone"):
                assert all(ping not in text for text in [*message.history, message.text])
            assert message.shown.replace("\u2060", "") == shout(b.scripted.prompts[0])
            assert not _unfurling(b, message.ts)


def _unfurling(b: Bench, ts: str) -> bool:
    posted = [args for method, args in b.team.calls if method == "chat.postMessage"]
    return any(args.get("unfurl_links") is not False for args in posted)
