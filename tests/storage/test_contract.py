"""The contract of `bot.ports.Store`, checked against both stores."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import NothingToDo, OverQuota
from bot.messages import Exchange, Person, Reasoning, Usage
from bot.ports import (
    AnswerState,
    ArchivedAnswer,
    ConversationSettings,
    Leftover,
    Quota,
    RecentConversation,
    Spent,
    Store,
    StoredAnswer,
)
from tests.storage.samples import (
    ANN,
    BOB,
    CHANNEL,
    NO_LIMIT,
    SLACK,
    THREAD,
    SteppingClock,
    asked,
    question,
    spent,
)

USAGE = Usage(30, 10, 12, 0.25, 1.5, model="large")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few rows make several batches and pages."""
    monkeypatch.setattr("storage.sql.archive.FIRST_BATCH", 5)
    monkeypatch.setattr("storage.sql.archive.MOST_IN_BATCH", 5)
    monkeypatch.setattr("storage.sql.archive.EXPORT_PAGE", 5)


async def answered(store: Store, text: str = "Why?", answer: str = "So.") -> StoredAnswer:
    accepted = await asked(store, text)
    await store.close(accepted.id, AnswerState.DONE, answer, USAGE)
    return accepted


async def texts(store: Store) -> list[Exchange]:
    """Questions with the current answers, as far as they are saved, newest first."""
    return [
        Exchange(one.question.text, one.text) for one in await store.answers(conversation=CHANNEL)
    ]


# ---------------------------------------------------------------- accept


async def test_an_accepted_question_has_a_queued_answer_and_comes_back_whole(store: Store) -> None:
    sent = question("Why?", SLACK, BOB, message_id="m1", direct=True)
    accepted = await store.accept(sent, NO_LIMIT)
    assert accepted is not None
    assert accepted.question == sent
    assert (accepted.state, accepted.text, accepted.messages) == (AnswerState.QUEUED, "", ())
    assert await store.answers(answer_id=accepted.id) == [accepted]


async def test_an_event_that_comes_twice_is_accepted_once(store: Store) -> None:
    sent = question("Why?", event_id="e1")
    assert await store.accept(sent, NO_LIMIT) is not None
    assert await store.accept(replace(sent, text="changed"), NO_LIMIT) is None
    assert await texts(store) == [Exchange("Why?", "")]
    assert await spent(store, ANN) == Spent(answers=1)


async def test_the_same_event_id_on_another_platform_is_another_event(store: Store) -> None:
    assert await store.accept(question("Why?", CHANNEL, event_id="e1"), NO_LIMIT) is not None
    assert await store.accept(question("Why?", SLACK, event_id="e1"), NO_LIMIT) is not None


async def test_the_same_event_delivered_many_times_at_once_is_accepted_once(store: Store) -> None:
    sent = question("Why?", event_id="e1")
    accepted = await asyncio.gather(*(store.accept(sent, NO_LIMIT) for _ in range(20)))
    assert sum(answer is not None for answer in accepted) == 1


async def test_an_event_is_remembered_for_a_week(store: Store, clock: SteppingClock) -> None:
    sent = question("Why?", event_id="e1")
    await store.accept(sent, NO_LIMIT)
    clock.forward(days=6.9)
    assert await store.accept(sent, NO_LIMIT) is None
    clock.forward(days=0.2)
    assert await store.accept(sent, NO_LIMIT) is not None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\ud83d\ude00", "\N{GRINNING FACE}"),
        ("half \ud83d of it", "half \N{REPLACEMENT CHARACTER} of it"),
        ("nul \0", "nul \N{REPLACEMENT CHARACTER}"),
        ("Grüße 😀 \r\n\t", "Grüße 😀 \r\n\t"),
    ],
)
async def test_text_that_no_database_holds_is_mended(store: Store, text: str, kept: str) -> None:
    accepted = await asked(store, text, author=Person("discord", "1", text), message_id="m1")
    assert (accepted.question.text, accepted.question.author.name) == (kept, kept)
    await store.checkpoint(accepted.id, AnswerState.WRITING, text)
    (found,) = await store.answers()
    assert (found.question, found.text) == (accepted.question, kept)
    await store.close(accepted.id, AnswerState.DONE, text, USAGE)
    edited = await store.edit_question(CHANNEL, "m1", text)
    assert edited is not None
    assert (edited.question.text, edited.text) == (kept, kept)


# ---------------------------------------------------------------- quotas


async def test_the_days_answers_are_counted_when_they_are_accepted(store: Store) -> None:
    quota = Quota(answers_per_day=2)
    assert await store.accept(question(), quota) is not None
    assert await store.accept(question(), quota) is not None
    with pytest.raises(OverQuota, match="2 answers"):
        await store.accept(question(), quota)
    assert await store.accept(question(author=BOB), quota) is not None


async def test_the_days_tokens_are_charged_when_an_answer_is_closed(store: Store) -> None:
    quota = Quota(tokens_per_day=50)
    first = await store.accept(question(), quota)
    assert first is not None
    await store.close(first.id, AnswerState.DONE, "So.", USAGE)
    assert await spent(store, ANN) == Spent(answers=1, tokens=42)
    second = await store.accept(question(), quota)
    assert second is not None
    await store.close(second.id, AnswerState.FAILED, "", replace(USAGE, completion_tokens=0))
    with pytest.raises(OverQuota, match="50 tokens"):
        await store.accept(question(), quota)


async def test_a_refused_question_leaves_nothing_behind(store: Store) -> None:
    quota = Quota(answers_per_day=1)
    await store.accept(question("first"), quota)
    refused = question("second", THREAD)
    with pytest.raises(OverQuota):
        await store.accept(refused, quota)
    assert await spent(store, ANN) == Spent(answers=1)
    assert [one.conversation for one in await store.conversations()] == [CHANNEL]
    assert await store.accept(refused, NO_LIMIT) is not None  # its event was not taken as seen


async def test_a_quota_begins_anew_at_midnight_utc(store: Store, clock: SteppingClock) -> None:
    quota = Quota(answers_per_day=1)
    clock.time = datetime(2026, 3, 1, 23, 59, 0, tzinfo=UTC)
    await store.accept(question(), quota)
    with pytest.raises(OverQuota):
        await store.accept(question(), quota)
    clock.forward(minutes=1)
    assert await spent(store, ANN) == Spent()
    assert await store.accept(question(), quota) is not None


async def test_refusals_among_many_at_once_take_nobody_with_them(store: Store) -> None:
    quota = Quota(answers_per_day=5)
    people = [Person("discord", str(number), "") for number in range(4)]
    results = await asyncio.gather(
        *(store.accept(question(author=person), quota) for person in people for _ in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, StoredAnswer) for result in results) == 4 * 5
    assert sum(isinstance(result, OverQuota) for result in results) == 4 * 3
    assert [await spent(store, person) for person in people] == [Spent(answers=5)] * 4


# ---------------------------------------------------------------- exchanges, reset


async def test_exchanges_are_newest_first_and_pages_meet(store: Store) -> None:
    for number in range(7):
        await answered(store, str(number), f"answer {number}")
    newest = await store.exchanges(CHANNEL, limit=3)
    assert [one.question.text for one in newest] == ["6", "5", "4"]
    older = await store.exchanges(CHANNEL, before=newest[-1].position, limit=10)
    assert [one.question.text for one in older] == ["3", "2", "1", "0"]
    assert await store.exchanges(CHANNEL, before=older[-1].position) == []


async def test_a_thread_is_a_conversation_of_its_own(store: Store) -> None:
    await answered(store, "in the channel")
    inside = await asked(store, "in the thread", THREAD)
    await store.close(inside.id, AnswerState.DONE, "So.", USAGE)
    (one,) = await store.exchanges(THREAD)
    assert one.question.text == "in the thread"
    await store.reset(THREAD)
    assert len(await store.exchanges(CHANNEL)) == 1


async def test_the_time_of_a_question_is_the_clocks(store: Store, clock: SteppingClock) -> None:
    before = clock.time
    await answered(store)
    (one,) = await store.exchanges(CHANNEL)
    assert before < one.asked_at <= clock.time
    assert one.asked_at.utcoffset() == timedelta(0)


async def test_reset_lets_the_conversation_start_anew(store: Store) -> None:
    await answered(store, "one")
    await answered(store, "two")
    assert await store.reset(CHANNEL) == 2
    assert await store.exchanges(CHANNEL) == []
    assert await store.answers(conversation=CHANNEL) == []
    assert await store.reset(CHANNEL) == 0
    await answered(store, "three")
    assert await texts(store) == [Exchange("three", "So.")]
    assert await store.reset(CHANNEL) == 1


async def test_reset_of_an_unknown_conversation_does_nothing(store: Store) -> None:
    assert await store.reset(THREAD) == 0
    assert await store.exchanges(THREAD) == []


# ---------------------------------------------------------------- edits


async def test_an_edited_question_keeps_its_answer(store: Store) -> None:
    accepted = await asked(store, "Wy?", message_id="m1")
    await store.shown(accepted.id, 0, "shown 0")
    edited = await store.edit_question(CHANNEL, "m1", "Why?")
    assert edited is not None
    assert edited == replace(
        accepted, question=replace(accepted.question, text="Why?"), messages=("shown 0",)
    )
    assert await texts(store) == [Exchange("Why?", "")]


async def test_a_deleted_question_is_gone_with_all_its_answers(store: Store) -> None:
    await answered(store, "stays")
    old = await asked(store, "goes", message_id="m1")
    await store.close(old.id, AnswerState.DONE, "So.", USAGE)
    await store.rate(old.id, BOB, 1)
    new = await store.reopen(old.id, ANN, NO_LIMIT, anew=True)
    await store.shown(new.id, 0, "shown 0")
    assert await store.delete_question(CHANNEL, "m1") == replace(new, messages=("shown 0",))
    assert await texts(store) == [Exchange("stays", "So.")]
    assert await store.answers(answer_id=new.id) == []
    assert len([one async for one in store.archived(CHANNEL)]) == 1
    assert await store.delete_question(CHANNEL, "m1") is None


async def test_where_an_answer_is_shown_is_kept_with_its_question(store: Store) -> None:
    there = replace(question(message_id="m1"), shown_in="m1")
    accepted = await store.accept(there, NO_LIMIT)
    assert accepted is not None
    assert accepted.question.shown_at == replace(CHANNEL, thread="m1")
    (found,) = await store.answers(conversation=CHANNEL)
    assert found.question == there
    await store.close(accepted.id, AnswerState.DONE, "So.", Usage())
    await store.close(accepted.id, AnswerState.DONE, "So.", Usage())
    (exchange,) = await store.exchanges(CHANNEL)
    assert exchange.question == there


async def test_how_much_of_a_question_points_elsewhere_is_kept_with_it(store: Store) -> None:
    for number, pointed in enumerate((None, 0, 14)):
        sent = replace(question(f"Ben wrote:\nHi. {number}?", message_id=f"m{number}"))
        sent = replace(sent, event_id=f"e{number}", pointed=pointed)
        await store.accept(sent, NO_LIMIT)
        found = await store.find_question(CHANNEL, f"m{number}")
        assert found is not None
        assert found.question == sent
    await store.edit_question(CHANNEL, "m2", "Ben wrote:\nHi.\n\nReally?")
    edited = await store.find_question(CHANNEL, "m2")
    assert edited is not None
    assert edited.question.pointed == 14


async def test_what_a_person_has_spent_today_is_known(store: Store) -> None:
    assert await store.spent(ANN) == Spent()
    accepted = await asked(store)
    await store.close(accepted.id, AnswerState.DONE, "So.", Usage(3, 0, 2))
    assert await store.spent(ANN) == Spent(answers=1, tokens=5)
    assert await store.spent(BOB) == Spent()


async def test_what_is_left_of_an_answer_is_where_it_was_shown(store: Store) -> None:
    there = replace(question(message_id="m1"), shown_in="m1")
    accepted = await store.accept(there, NO_LIMIT)
    assert accepted is not None
    await store.shown(accepted.id, 0, "a1")
    await store.delete_question(CHANNEL, "m1")
    thread = replace(CHANNEL, thread="m1")
    assert await store.leftovers("discord") == [Leftover(thread, "a1", remove=True)]


async def test_a_message_that_holds_no_question_is_not_known(store: Store) -> None:
    await asked(store, "without a message")
    await asked(store, "in another place", THREAD, message_id="m1")
    for message_id in ("", "m1", "m2"):
        assert await store.edit_question(CHANNEL, message_id, "changed") is None
        assert await store.delete_question(CHANNEL, message_id) is None
    assert await texts(store) == [Exchange("without a message", "")]


async def test_the_event_of_a_deleted_question_stays_seen(store: Store) -> None:
    sent = question(message_id="m1")
    await store.accept(sent, NO_LIMIT)
    await store.delete_question(CHANNEL, "m1")
    assert await store.accept(sent, NO_LIMIT) is None


async def test_calls_at_once_are_as_if_one_came_after_the_other(store: Store) -> None:
    accepted = await asked(store, message_id="m1")
    before, _, after, again = await asyncio.gather(
        store.edit_question(CHANNEL, "m1", "one"),
        store.close(accepted.id, AnswerState.DONE, "So.", USAGE),
        store.edit_question(CHANNEL, "m1", "two"),
        store.reopen(accepted.id, ANN, NO_LIMIT, anew=False),
    )
    assert before is not None
    assert after is not None
    assert (before.question.text, before.text) == ("one", "")
    assert (after.question.text, after.text, after.usage) == ("two", "So.", USAGE)
    assert again == replace(after, state=AnswerState.QUEUED, kept=3)


# ---------------------------------------------------------------- the ledger


async def test_a_checkpoint_overwrites_the_last(store: Store) -> None:
    accepted = await asked(store)
    await store.checkpoint(accepted.id, AnswerState.WRITING, "Once")
    await store.checkpoint(accepted.id, AnswerState.WRITING, "Once upon")
    (found,) = await store.answers()
    assert (found.state, found.text) == (AnswerState.WRITING, "Once upon")


async def test_many_answers_are_checkpointed_at_once(store: Store) -> None:
    answers = [await asked(store, author=BOB) for _ in range(50)]
    for text in ("a", "ab"):
        await asyncio.gather(
            *(store.checkpoint(one.id, AnswerState.WRITING, f"{text}{one.id}") for one in answers)
        )
    assert {one.id: one.text for one in await store.answers()} == {
        one.id: f"ab{one.id}" for one in answers
    }


async def test_a_closed_answer_is_whole(store: Store) -> None:
    accepted = await asked(store)
    await store.close(accepted.id, AnswerState.CUT, "Once upon a time", USAGE)
    (found,) = await store.answers()
    assert found == replace(
        accepted, state=AnswerState.CUT, text="Once upon a time", usage=USAGE, position=1
    )


async def test_a_thought_is_kept_apart_from_its_answer(store: Store) -> None:
    accepted = await asked(store)
    await store.checkpoint(accepted.id, AnswerState.WRITING, "", "Let me")
    assert [(one.text, one.thought) for one in await store.answers()] == [("", "Let me")]
    await store.checkpoint(accepted.id, AnswerState.WRITING, "So", "Let me see.")
    usage = replace(USAGE, thinking_tokens=7)
    await store.close(accepted.id, AnswerState.DONE, "So.", usage, "Let me see \0.")
    (found,) = await store.answers()
    assert (found.text, found.thought) == ("So.", "Let me see \N{REPLACEMENT CHARACTER}.")
    assert found.usage == usage
    assert await texts(store) == [Exchange("Why?", "So.")]


async def test_a_continued_answer_keeps_its_thought_and_a_regenerated_one_has_none(
    store: Store,
) -> None:
    accepted = await asked(store)
    await store.close(accepted.id, AnswerState.CUT, "So", USAGE, "Let me see.")
    again = await store.reopen(accepted.id, ANN, NO_LIMIT, anew=False)
    assert again.thought == "Let me see."
    await store.close(again.id, AnswerState.DONE, "So.", USAGE, "Let me see.")
    new = await store.reopen(accepted.id, ANN, NO_LIMIT, anew=True)
    assert new.thought == ""
    (archived,) = [one async for one in store.archived(CHANNEL)]
    assert [one.thought for one in archived.answers] == ["Let me see.", ""]


async def test_what_comes_after_the_end_changes_nothing(store: Store) -> None:
    accepted = await answered(store)
    await store.checkpoint(accepted.id, AnswerState.WRITING, "too late")
    await store.close(accepted.id, AnswerState.FAILED, "too late", USAGE)
    assert await texts(store) == [Exchange("Why?", "So.")]
    assert await spent(store, ANN) == Spent(answers=1, tokens=42)


@pytest.mark.parametrize("state", [AnswerState.QUEUED, AnswerState.WRITING])
async def test_an_end_that_is_none_is_refused(store: Store, state: AnswerState) -> None:
    accepted = await asked(store)
    with pytest.raises(ValueError, match=state):
        await store.close(accepted.id, state, "", USAGE)
    with pytest.raises(ValueError, match="done"):
        await store.checkpoint(accepted.id, AnswerState.DONE, "")


async def test_messages_come_in_the_order_of_the_parts(store: Store) -> None:
    accepted = await asked(store)
    for index in (1, 0, 10, 2):
        await store.shown(accepted.id, index, f"message {index}")
    await store.shown(accepted.id, 1, "another")
    (found,) = await store.answers()
    assert found.messages == ("message 0", "another", "message 2", "message 10")
    await store.shown(accepted.id, 10, "")
    await store.shown(accepted.id, 11, "")
    (found,) = await store.answers()
    assert found.messages == ("message 0", "another", "message 2")


async def test_an_answer_is_unfinished_until_its_end_is_delivered(store: Store) -> None:
    accepted = await asked(store)
    await store.delivered(accepted.id)  # it has no end yet
    assert len(await store.answers(unfinished=True)) == 1
    await store.close(accepted.id, AnswerState.DONE, "So.", USAGE)
    assert len(await store.answers(unfinished=True)) == 1
    await store.delivered(accepted.id)
    assert await store.answers(unfinished=True) == []
    assert len(await store.answers()) == 1
    await store.reopen(accepted.id, ANN, NO_LIMIT, anew=False)
    assert len(await store.answers(unfinished=True)) == 1


async def test_answers_meet_every_condition_newest_first(store: Store) -> None:
    first = await answered(store)
    await store.delivered(first.id)
    second = await asked(store)
    third = await asked(store, "Why?", THREAD)

    async def ids(**conditions: object) -> list[int]:
        return [one.id for one in await store.answers(**conditions)]  # type: ignore[arg-type]

    assert await ids() == [third.id, second.id, first.id]
    assert await ids(limit=2) == [third.id, second.id]
    assert await ids(conversation=CHANNEL) == [second.id, first.id]
    assert await ids(unfinished=True) == [third.id, second.id]
    assert await ids(conversation=CHANNEL, unfinished=True) == [second.id]
    assert await ids(answer_id=first.id) == [first.id]
    assert await ids(answer_id=first.id, unfinished=True) == []
    assert await ids(answer_id=first.id, conversation=THREAD) == []
    assert await ids(answer_id=10**30) == []


async def test_a_reset_hides_unfinished_answers_from_the_conversation_alone(store: Store) -> None:
    accepted = await asked(store)
    await store.reset(CHANNEL)
    assert await store.answers(conversation=CHANNEL, unfinished=True) == []
    assert await store.answers(unfinished=True) == [accepted]
    await store.close(accepted.id, AnswerState.DONE, "So.", USAGE)
    assert await spent(store, ANN) == Spent(answers=1, tokens=42)


@pytest.mark.parametrize("way", ["question", "conversation", "person", "age"])
async def test_an_answer_deleted_while_it_is_written_ends_quietly(
    store: Store, clock: SteppingClock, way: str
) -> None:
    accepted = await asked(store, message_id="m1")
    await store.checkpoint(accepted.id, AnswerState.WRITING, "S")
    match way:
        case "question":
            await store.delete_question(CHANNEL, "m1")
        case "conversation":
            assert await store.forget(conversation=CHANNEL) == 1
        case "person":
            assert await store.forget(person=ANN.key) == 1
        case _:
            assert await store.purge(clock()) == 1
    await store.checkpoint(accepted.id, AnswerState.WRITING, "So")
    await store.shown(accepted.id, 0, "message")
    await store.close(accepted.id, AnswerState.DONE, "So.", USAGE)
    await store.delivered(accepted.id)
    assert await store.answers() == []
    assert await store.conversations() == []
    assert (await spent(store, ANN)).tokens == 0


# ---------------------------------------------------------------- reopen


async def test_a_regenerated_answer_takes_the_place_and_the_messages_of_the_old(
    store: Store,
) -> None:
    old = await answered(store)
    await store.shown(old.id, 0, "message 0")
    await store.shown(old.id, 1, "message 1")
    new = await store.reopen(old.id, BOB, NO_LIMIT, anew=True)
    assert new.id != old.id
    assert new == replace(old, id=new.id, messages=("message 0", "message 1"), position=1)
    assert await store.answers() == [new]
    await store.close(new.id, AnswerState.DONE, "Thus.", USAGE)
    assert await texts(store) == [Exchange("Why?", "Thus.")]
    (archived,) = [one async for one in store.archived(CHANNEL)]
    assert [(one.text, one.current) for one in archived.answers] == [
        ("So.", False),
        ("Thus.", True),
    ]


async def test_a_continued_answer_goes_on_from_its_text(store: Store) -> None:
    accepted = await asked(store)
    await store.shown(accepted.id, 0, "message 0")
    await store.close(accepted.id, AnswerState.CUT, "Once upon", USAGE)
    again = await store.reopen(accepted.id, ANN, NO_LIMIT, anew=False)
    assert again == replace(
        accepted, text="Once upon", messages=("message 0",), usage=USAGE, position=1, kept=9
    )
    await store.close(again.id, AnswerState.DONE, "Once upon a time", Usage(1, 0, 2, 0.0, 0.0))
    (found,) = await store.answers()
    assert found.usage == Usage(1, 0, 2, 0.0, 0.0)


async def test_an_answer_asked_for_again_is_charged_to_who_asked_for_it(store: Store) -> None:
    old = await answered(store)
    new = await store.reopen(old.id, BOB, NO_LIMIT, anew=True)
    await store.close(new.id, AnswerState.CUT, "Thus", USAGE)
    await store.reopen(new.id, BOB, NO_LIMIT, anew=False)
    assert await spent(store, ANN) == Spent(answers=1, tokens=42)
    assert await spent(store, BOB) == Spent(answers=2, tokens=42)


@pytest.mark.parametrize("anew", [True, False])
async def test_over_quota_nothing_is_reopened(store: Store, anew: bool) -> None:
    old = await answered(store)
    await store.shown(old.id, 0, "message 0")
    with pytest.raises(OverQuota):
        await store.reopen(old.id, ANN, Quota(answers_per_day=1), anew=anew)
    (found,) = await store.answers()
    assert (found.id, found.state, found.messages) == (old.id, AnswerState.DONE, ("message 0",))
    assert (await spent(store, ANN)).answers == 1


@pytest.mark.parametrize("anew", [True, False])
async def test_only_a_current_answer_at_its_end_is_reopened(store: Store, anew: bool) -> None:
    with pytest.raises(NothingToDo):
        await store.reopen(12345, ANN, NO_LIMIT, anew=anew)
    with pytest.raises(NothingToDo):
        await store.reopen(10**30, ANN, NO_LIMIT, anew=anew)
    accepted = await asked(store)
    with pytest.raises(NothingToDo, match="still"):
        await store.reopen(accepted.id, ANN, NO_LIMIT, anew=anew)
    await store.close(accepted.id, AnswerState.DONE, "So.", USAGE)
    new = await store.reopen(accepted.id, ANN, NO_LIMIT, anew=True)
    await store.close(new.id, AnswerState.DONE, "Thus.", USAGE)
    with pytest.raises(NothingToDo):
        await store.reopen(accepted.id, ANN, NO_LIMIT, anew=anew)
    assert (await spent(store, ANN)).answers == 2


async def test_of_two_who_reopen_an_answer_at_once_one_does(store: Store) -> None:
    old = await answered(store)
    results = await asyncio.gather(
        *(store.reopen(old.id, person, NO_LIMIT, anew=True) for person in (ANN, BOB)),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["NothingToDo", "StoredAnswer"]


# ---------------------------------------------------------------- settings, verdicts


async def test_settings_are_replaced_whole_and_outlive_a_reset(store: Store) -> None:
    assert await store.settings(CHANNEL) == ConversationSettings()
    first = ConversationSettings(
        "Brief. \N{GRINNING FACE}", 0.0, 64, False, True, Reasoning.LOW, "m"
    )
    await store.change_settings(CHANNEL, first)
    await asked(store)
    await store.reset(CHANNEL)
    assert await store.settings(CHANNEL) == first
    assert await store.settings(THREAD) == ConversationSettings()
    await store.change_settings(CHANNEL, ConversationSettings(temperature=1.5))
    assert await store.settings(CHANNEL) == ConversationSettings(temperature=1.5)
    await store.change_settings(CHANNEL, ConversationSettings())
    assert await store.settings(CHANNEL) == ConversationSettings()


async def test_settings_alone_are_no_conversation(store: Store) -> None:
    await store.change_settings(CHANNEL, ConversationSettings(muted=True))
    assert await store.conversations() == []


async def verdicts(store: Store) -> tuple[int, ...]:
    (archived,) = [one async for one in store.archived(CHANNEL)]
    return archived.answers[0].verdicts


async def test_a_persons_last_verdict_wins(store: Store) -> None:
    accepted = await answered(store)
    await store.rate(accepted.id, ANN, -1)
    await store.rate(accepted.id, BOB, 1)
    await store.rate(accepted.id, ANN, 1)
    assert await verdicts(store) == (1, 1)
    await store.rate(accepted.id, ANN, -1)
    assert await verdicts(store) == (-1, 1)
    await store.rate(accepted.id, ANN, 0)
    await store.rate(accepted.id, ANN, 0)
    assert await verdicts(store) == (1,)


async def test_an_answer_that_does_not_exist_is_not_rated(store: Store) -> None:
    for verdict in (1, 0, -1):
        with pytest.raises(NothingToDo):
            await store.rate(12345, ANN, verdict)
    accepted = await answered(store)
    with pytest.raises(ValueError, match="2"):
        await store.rate(accepted.id, ANN, 2)


# ---------------------------------------------------------------- the archive


async def test_conversations_are_listed_last_used_first(store: Store) -> None:
    await asked(store, "Why?", SLACK)
    await asked(store, "Why?", CHANNEL)
    await asked(store, "Why?", THREAD)
    await asked(store, "Why?", SLACK)
    await store.reset(SLACK)
    listed = await store.conversations()
    assert [(one.conversation, one.exchanges) for one in listed] == [
        (SLACK, 2),
        (THREAD, 1),
        (CHANNEL, 1),
    ]
    assert listed[0].first_at < listed[2].first_at < listed[1].first_at < listed[0].last_at


async def test_the_archive_holds_all_in_order_and_tells_what_was_forgotten(
    store: Store, clock: SteppingClock
) -> None:
    before = clock.time
    number = 12  # more than two pages
    for index in range(number):
        await answered(store, str(index))
    (newest,) = await store.exchanges(CHANNEL, limit=1)
    await store.reset(CHANNEL)
    await asked(store, "after the reset", message_id="m1", direct=True)
    archived = [one async for one in store.archived(CHANNEL)]
    assert [one.question.text for one in archived[:-1]] == [str(index) for index in range(number)]
    assert all(one.forgotten for one in archived[:-1])
    last = archived[-1]
    assert (last.question.message_id, last.question.direct, last.forgotten) == ("m1", True, False)
    assert [answer.current for answer in last.answers] == [True]
    assert before < archived[0].asked_at < last.asked_at <= last.answers[0].created_at
    assert newest.asked_at == archived[-2].asked_at


async def test_the_archive_names_the_model_of_each_answer(store: Store) -> None:
    accepted = await asked(store)
    await store.close(accepted.id, AnswerState.DONE, "So.", USAGE)
    (archived,) = [one async for one in store.archived(CHANNEL)]
    assert [answer.model for answer in archived.answers] == ["large"]


async def test_an_archived_answer_is_as_far_as_it_got(store: Store) -> None:
    accepted = await asked(store)
    await store.checkpoint(accepted.id, AnswerState.WRITING, "S")
    (archived,) = [one async for one in store.archived(CHANNEL)]
    (answer,) = archived.answers
    assert answer == ArchivedAnswer(AnswerState.WRITING, "S", answer.created_at, True)


async def test_an_unknown_conversation_has_no_archive(store: Store) -> None:
    assert [one async for one in store.archived(SLACK)] == []


async def test_forgetting_a_conversation_takes_all_of_it_and_no_more(store: Store) -> None:
    await answered(store, "one")
    await answered(store, "two")
    await asked(store, "in the thread", THREAD)
    await store.change_settings(CHANNEL, ConversationSettings(muted=True))
    assert await store.forget(conversation=CHANNEL) == 2
    assert await store.settings(CHANNEL) == ConversationSettings()
    assert [one.conversation for one in await store.conversations()] == [THREAD]
    assert await store.forget(conversation=CHANNEL) == 0
    await asked(store, "three")
    assert await texts(store) == [Exchange("three", "")]


async def test_forgetting_a_person_takes_questions_answers_verdicts_and_usage(
    store: Store,
) -> None:
    await answered(store, "Ann's")
    await asked(store, "Ann's too", THREAD)
    bobs = await asked(store, "Bob's", author=BOB)
    await store.close(bobs.id, AnswerState.DONE, "So.", USAGE)
    await store.rate(bobs.id, ANN, -1)
    await store.rate(bobs.id, BOB, 1)
    again = await store.reopen(bobs.id, ANN, NO_LIMIT, anew=True)
    assert await store.forget(person=ANN.key) == 2
    assert await spent(store, ANN) == Spent()
    assert await spent(store, BOB) == Spent(answers=1, tokens=42)
    (left,) = [one async for one in store.archived(CHANNEL)]
    assert left.question.text == "Bob's"
    assert left.answers[0].verdicts == (1,)
    assert [one.conversation for one in await store.conversations()] == [CHANNEL]
    await store.close(again.id, AnswerState.DONE, "Thus.", USAGE)  # is charged to nobody
    assert await spent(store, ANN) == Spent()


async def test_forget_takes_one_of_both(store: Store) -> None:
    with pytest.raises(ValueError, match="either"):
        await store.forget()
    with pytest.raises(ValueError, match="either"):
        await store.forget(conversation=CHANNEL, person=ANN.key)


async def test_purge_takes_what_was_asked_before(store: Store, clock: SteppingClock) -> None:
    number = 12  # more than two batches
    for index in range(number):
        await asked(store, str(index))
    await asked(store, "old", THREAD)
    clock.forward(days=2)
    border = clock()
    await asked(store, "new")
    assert await store.purge(border) == number + 1
    assert await texts(store) == [Exchange("new", "")]
    assert [one.conversation for one in await store.conversations()] == [CHANNEL]
    assert await store.purge(border) == 0


async def test_purge_keeps_settings(store: Store, clock: SteppingClock) -> None:
    await asked(store)
    await store.change_settings(CHANNEL, ConversationSettings(muted=True))
    assert await store.purge(clock()) == 1
    assert await store.settings(CHANNEL) == ConversationSettings(muted=True)


async def test_purge_needs_a_zone(store: Store) -> None:
    with pytest.raises(ValueError, match="zone"):
        await store.purge(datetime(2026, 3, 1))  # noqa: DTZ001


async def test_no_answers_id_is_given_twice(store: Store) -> None:
    first = await asked(store)
    await store.forget(conversation=CHANNEL)
    second = await asked(store)
    assert second.id != first.id
    assert second.question_id != first.question_id


# ---------------------------------------------------------------- missed questions


async def test_recent_conversations_are_those_of_the_platform_the_last_used_first(
    store: Store, clock: SteppingClock
) -> None:
    dm = replace(CHANNEL, channel="300", workspace="")
    await asked(store, conversation=dm, direct=True)
    await asked(store, conversation=THREAD)
    clock.forward(days=3)
    since = clock()
    assert await store.recent_conversations("discord", since, limit=9) == [
        RecentConversation(dm, True)
    ]
    await asked(store, conversation=CHANNEL)
    await asked(store, conversation=SLACK)
    await asked(store, conversation=THREAD)
    await store.reset(THREAD)
    found = await store.recent_conversations("discord", since, limit=9)
    assert found == [
        RecentConversation(THREAD, False),
        RecentConversation(CHANNEL, False),
        RecentConversation(dm, True),
    ]
    assert await store.recent_conversations("discord", since, limit=2) == found[:2]
    assert await store.recent_conversations("disc", since, limit=9) == []


async def test_how_far_messages_were_handled_is_kept_for_each_platform(store: Store) -> None:
    assert await store.handled_to("slack") is None
    first = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    await store.record_handled("slack", first)
    await store.record_handled("discord", first + timedelta(hours=1))
    assert await store.handled_to("slack") == first
    await store.record_handled("slack", first - timedelta(microseconds=1))
    assert await store.handled_to("slack") == first - timedelta(microseconds=1)
