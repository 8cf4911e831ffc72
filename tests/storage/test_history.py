"""A conversation's history is in the order in which answers ended, and can be read as it was.

Part of the contract of `bot.ports.Store`, checked against both stores.
"""

from dataclasses import replace

from bot.messages import Usage
from bot.ports import AnswerState, Snapshot, Store, StoredAnswer
from tests.storage.samples import ANN, BOB, CHANNEL, NO_LIMIT, SLACK, asked

USAGE = Usage(30, 10, 12, 0.25, 1.5)
BEGUN = Snapshot(0)


async def end(
    store: Store, answer: StoredAnswer, text: str, state: AnswerState = AnswerState.DONE
) -> None:
    await store.close(answer.id, state, text, USAGE, "", BEGUN)


async def history(store: Store, **of: int) -> list[tuple[str, str]]:
    """Questions and answers, oldest first."""
    found = await store.exchanges(CHANNEL, **of)
    return [(one.question.text, one.answer) for one in reversed(found)]


async def test_the_order_is_that_in_which_answers_ended(store: Store) -> None:
    one, two, three = [await asked(store, text) for text in ("one", "two", "three")]
    for answer in (two, three, one):
        await end(store, answer, "So.")
    assert await history(store) == [("two", "So."), ("three", "So."), ("one", "So.")]
    (newest,) = await store.exchanges(CHANNEL, limit=1)
    assert await history(store, before=newest.position) == [("two", "So."), ("three", "So.")]


async def test_an_open_answer_is_in_no_history(store: Store) -> None:
    accepted = await asked(store)
    await store.checkpoint(accepted.id, AnswerState.WRITING, "Half of", "", BEGUN)
    assert await history(store) == []


async def test_the_present_grows_with_every_end(store: Store) -> None:
    assert await store.moment(CHANNEL) == 0
    one, two = await asked(store, "one"), await asked(store, "two")
    other = await asked(store, "other", SLACK)
    await end(store, one, "So.")
    first = await store.moment(CHANNEL)
    await end(store, other, "So.")
    assert await store.moment(CHANNEL) == first > 0
    await end(store, two, "So.")
    assert await store.moment(CHANNEL) > first


async def test_the_history_of_a_moment_has_nothing_that_ended_later(store: Store) -> None:
    one, two = await asked(store, "one"), await asked(store, "two")
    await end(store, two, "So.")
    before = await store.moment(CHANNEL)
    await end(store, one, "So.")
    assert await history(store, at=before) == [("two", "So.")]


async def test_an_answer_being_regenerated_stays_in_the_history_until_the_new_one_ends(
    store: Store,
) -> None:
    one, two = await asked(store, "one"), await asked(store, "two")
    await end(store, one, "Old.")
    await end(store, two, "So.")
    again = await store.reopen(one.id, BOB, NO_LIMIT, anew=True)
    await store.checkpoint(again.id, AnswerState.WRITING, "Ne", "", BEGUN)
    before = await store.moment(CHANNEL)
    assert await history(store) == [("one", "Old."), ("two", "So.")]
    await end(store, again, "New.")
    assert await history(store) == [("one", "New."), ("two", "So.")]
    assert await history(store, at=before) == [("one", "Old."), ("two", "So.")]


async def test_an_answer_being_continued_is_in_the_history_as_it_was(store: Store) -> None:
    accepted = await asked(store, "one")
    await end(store, accepted, "Once", AnswerState.CUT)
    await store.reopen(accepted.id, ANN, NO_LIMIT, anew=False)
    await store.checkpoint(accepted.id, AnswerState.WRITING, "Once upon")
    before = await store.moment(CHANNEL)
    assert await history(store) == [("one", "Once")]
    await end(store, accepted, "Once upon a time")
    assert await history(store) == [("one", "Once upon a time")]
    assert await history(store, at=before) == [("one", "Once")]


async def test_an_edited_question_keeps_its_place_and_loses_its_answers_at_once(
    store: Store,
) -> None:
    one, two = await asked(store, "one", message_id="m1"), await asked(store, "two")
    await end(store, one, "Old.")
    await end(store, two, "So.")
    before = await store.moment(CHANNEL)
    await store.edit_question(CHANNEL, "m1", "ONE")
    again = await store.reopen(one.id, ANN, NO_LIMIT, anew=True, edited=True)
    assert again.position == 1
    assert await history(store) == await history(store, at=before) == [("two", "So.")]
    await end(store, again, "New.")
    assert await history(store) == [("ONE", "New."), ("two", "So.")]
    assert await history(store, at=before) == [("two", "So.")]


async def test_an_edit_of_an_answer_that_was_interrupted_gets_the_place_of_its_own_end(
    store: Store,
) -> None:
    one, two = await asked(store, "one", message_id="m1"), await asked(store, "two")
    await end(store, one, "Hal", AnswerState.INTERRUPTED)
    await store.edit_question(CHANNEL, "m1", "ONE")
    again = await store.reopen(one.id, ANN, NO_LIMIT, anew=True, edited=True)
    assert again.position is None
    await end(store, two, "So.")
    await end(store, again, "New.")
    assert await history(store) == [("two", "So."), ("ONE", "New.")]


async def test_what_failed_keeps_its_place_and_what_never_began_has_none(store: Store) -> None:
    failed, waited, good = [await asked(store, text) for text in ("failed", "waited", "good")]
    await store.close(waited.id, AnswerState.STOPPED, "", USAGE)
    await end(store, failed, "", AnswerState.FAILED)
    await end(store, good, "So.")
    for answer in (failed, waited):
        again = await store.reopen(answer.id, ANN, NO_LIMIT, anew=True)
        await end(store, again, "Now.")
    texts = [text for text, _ in await history(store)]
    assert texts == ["failed", "good", "waited"]


async def test_a_reset_hides_what_is_answered_at_the_time(store: Store) -> None:
    one, two = await asked(store, "one"), await asked(store, "two")
    await end(store, one, "So.")
    assert await store.reset(CHANNEL) == 2
    await end(store, two, "So.")
    three = await asked(store, "three")
    await end(store, three, "So.")
    assert await history(store) == [("three", "So.")]
    before = await store.moment(CHANNEL)
    await store.reset(CHANNEL)
    assert await history(store, at=before) == []


async def test_deleted_questions_are_in_no_moment_and_positions_are_not_used_again(
    store: Store,
) -> None:
    one, two = await asked(store, "one"), await asked(store, "two", message_id="m2")
    await end(store, one, "So.")
    await end(store, two, "So.")
    before = await store.moment(CHANNEL)
    await store.delete_question(CHANNEL, "m2")
    three = await asked(store, "three")
    await end(store, three, "So.")
    assert await history(store, at=before) == [("one", "So.")]
    assert await history(store) == [("one", "So."), ("three", "So.")]


async def test_the_history_that_an_answer_was_given_is_kept(store: Store) -> None:
    accepted = await asked(store)
    assert accepted.snapshot is None
    await store.checkpoint(accepted.id, AnswerState.WRITING, "O", "", Snapshot(7, 3))
    await store.checkpoint(accepted.id, AnswerState.WRITING, "On")
    (found,) = await store.answers()
    assert (found.text, found.snapshot) == ("On", Snapshot(7, 3))
    await store.checkpoint(accepted.id, AnswerState.WRITING, "Onc", "", Snapshot(7))
    await store.close(accepted.id, AnswerState.DONE, "Once.", USAGE)
    (found,) = await store.answers()
    assert found.snapshot == Snapshot(7)
    again = await store.reopen(accepted.id, ANN, NO_LIMIT, anew=True)
    assert again.snapshot is None


async def test_an_end_alone_keeps_the_history_that_was_given(store: Store) -> None:
    accepted = await asked(store)
    await store.close(accepted.id, AnswerState.DONE, "Once.", USAGE, "", Snapshot(7, 3))
    (found,) = await store.answers()
    assert found == replace(
        accepted,
        state=AnswerState.DONE,
        text="Once.",
        usage=USAGE,
        position=1,
        snapshot=Snapshot(7, 3),
    )


async def test_a_persons_newest_question_is_found_among_others(store: Store) -> None:
    mine = await asked(store, "mine", author=ANN)
    await asked(store, "theirs", author=BOB)
    await asked(store, "elsewhere", SLACK, ANN)
    assert await store.answers(conversation=CHANNEL, person=ANN.key, limit=1) == [mine]
    await store.reset(CHANNEL)
    assert await store.answers(conversation=CHANNEL, person=ANN.key, limit=1) == []


async def test_known_questions_are_all_since_the_reset_answered_or_not(store: Store) -> None:
    hidden = await asked(store, "hidden", message_id="m0")
    await end(store, hidden, "So.")
    await store.reset(CHANNEL)
    one, _ = await asked(store, "one", message_id="m1"), await asked(store, "two", message_id="m2")
    await end(store, one, "So.")
    known = await store.known_questions(CHANNEL, limit=10)
    assert [question.message_id for question in known] == ["m2", "m1"]
    assert known[0].asked_at > known[1].asked_at
    assert await store.known_questions(CHANNEL, limit=1) == known[:1]
