"""The contract of `bot.ports.PersonalData`, checked against both stores."""

from datetime import timedelta

import pytest

from bot.messages import Usage
from bot.ports import AnswerState, DayOfUse, Store
from tests.storage.samples import ANN, BOB, CHANNEL, NO_LIMIT, SLACK, SteppingClock, asked

USAGE = Usage(30, 10, 11, 0.5, 1.5)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.sql.personal.PAGE", 2)


async def test_everything_that_a_person_asked_comes_oldest_first_from_every_place(
    store: Store,
) -> None:
    for number in range(5):
        await asked(store, f"mine {number}", CHANNEL if number % 2 else SLACK, ANN)
        await asked(store, f"theirs {number}", CHANNEL, BOB)
    found = [one async for one in store.asked_by(ANN.key)]
    assert [one.question.text for one in found] == [f"mine {number}" for number in range(5)]
    assert {one.question.conversation for one in found} == {CHANNEL, SLACK}


async def test_replaced_answers_thoughts_and_what_a_reset_hid_are_in_it(store: Store) -> None:
    first = await asked(store, "Why?", CHANNEL, ANN)
    await store.close(first.id, AnswerState.DONE, "So.", USAGE, "Hm.")
    again = await store.reopen(first.id, BOB, NO_LIMIT, anew=True)
    await store.close(again.id, AnswerState.CUT, "Because", USAGE)
    await store.reset(CHANNEL)
    (one,) = [one async for one in store.asked_by(ANN.key)]
    assert one.forgotten
    assert [(a.text, a.thought, a.current) for a in one.answers] == [
        ("So.", "Hm.", False),
        ("Because", "", True),
    ]


async def test_an_answer_names_the_model_that_wrote_it(store: Store) -> None:
    answer = await asked(store, "Why?", CHANNEL, ANN)
    await store.close(answer.id, AnswerState.DONE, "So.", Usage(30, 10, 11, model="large"))
    (one,) = [one async for one in store.asked_by(ANN.key)]
    (archived,) = [one async for one in store.archived(CHANNEL)]
    assert [each.model for each in one.answers] == ["large"]
    assert one == archived


async def test_other_peoples_ratings_are_not_in_it(store: Store) -> None:
    answer = await asked(store, "Why?", CHANNEL, ANN)
    await store.rate(answer.id, BOB, -1)
    await store.rate(answer.id, ANN, 1)
    (one,) = [one async for one in store.asked_by(ANN.key)]
    assert one.answers[0].verdicts == (1,)
    assert one.answers[0].prompt is None


async def test_ratings_of_answers_to_others_are_ones_own(
    store: Store, clock: SteppingClock
) -> None:
    rated = [await asked(store, f"theirs {number}", CHANNEL, BOB) for number in range(5)]
    for answer in rated:
        await store.rate(answer.id, ANN, -1)
    await store.rate(rated[0].id, BOB, 1)
    found = [one async for one in store.ratings_by(ANN.key)]
    assert [one.answer_id for one in found] == [answer.id for answer in rated]
    assert {(one.conversation, one.verdict) for one in found} == {(CHANNEL, -1)}
    assert all(one.rated_at is not None and one.rated_at <= clock() for one in found)


async def test_use_is_a_line_for_each_day(store: Store, clock: SteppingClock) -> None:
    first = clock().date()
    answer = await asked(store, "Why?", CHANNEL, ANN)
    await store.close(answer.id, AnswerState.DONE, "So.", USAGE)
    clock.forward(days=1)
    await asked(store, "And now?", CHANNEL, ANN)
    await asked(store, "And I?", CHANNEL, BOB)
    found = [one async for one in store.use_by(ANN.key)]
    assert found == [DayOfUse(first, 1, 41), DayOfUse(first + timedelta(days=1), 1, 0)]


async def test_nothing_is_left_after_forget(store: Store) -> None:
    answer = await asked(store, "Why?", CHANNEL, ANN)
    await store.rate(answer.id, ANN, 1)
    await store.forget(person=ANN.key)
    assert [one async for one in store.asked_by(ANN.key)] == []
    assert [one async for one in store.ratings_by(ANN.key)] == []
    assert [one async for one in store.use_by(ANN.key)] == []


async def test_old_use_goes_with_a_purge(store: Store, clock: SteppingClock) -> None:
    await asked(store, "Why?", CHANNEL, ANN)
    clock.forward(days=2)
    await store.purge(clock())
    assert [one async for one in store.use_by(ANN.key)] == []
