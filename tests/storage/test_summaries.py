"""The contract of `bot.ports.SummaryLedger`, checked against both stores."""

from datetime import timedelta

import pytest

from bot.errors import OverQuota
from bot.ports import DayOfUse, Quota, Store
from tests.storage.samples import ANN, BOB, CHANNEL, NO_LIMIT, SLACK, SteppingClock


async def test_a_summary_that_began_is_pending_until_it_ends(
    store: Store, clock: SteppingClock
) -> None:
    before = clock()
    begun = await store.begin_summary(CHANNEL, BOB, "10", "20", NO_LIMIT)
    assert (begun.conversation, begun.first, begun.last) == (CHANNEL, "10", "20")
    assert (begun.person.key, begun.person.name, begun.person.admin) == (BOB.key, "Bob", False)
    assert before < begun.asked_at < clock()
    assert await store.pending_summaries("discord") == [begun]
    assert await store.pending_summaries("slack") == []
    await store.end_summary(begun.id)
    await store.end_summary(begun.id)
    assert await store.pending_summaries("discord") == []


async def test_it_is_charged_as_an_answer_and_its_steps_as_tokens(
    store: Store, clock: SteppingClock
) -> None:
    await store.begin_summary(CHANNEL, ANN, "10", "20", NO_LIMIT)
    await store.charge_tokens(ANN, 30)
    await store.charge_tokens(ANN, 12)
    await store.charge_tokens(BOB, 0)
    assert [one async for one in store.use_by(ANN.key)] == [DayOfUse(clock().date(), 1, 42)]
    assert [one async for one in store.use_by(BOB.key)] == []


async def test_whose_quota_is_used_up_begins_none(store: Store) -> None:
    quota = Quota(answers_per_day=1)
    first = await store.begin_summary(CHANNEL, ANN, "10", "20", quota)
    with pytest.raises(OverQuota):
        await store.begin_summary(CHANNEL, ANN, "10", "20", quota)
    assert await store.pending_summaries("discord") == [first]


async def test_forgetting_a_person_or_a_place_forgets_their_summaries(store: Store) -> None:
    await store.begin_summary(CHANNEL, ANN, "10", "20", NO_LIMIT)
    others = await store.begin_summary(CHANNEL, BOB, "10", "20", NO_LIMIT)
    await store.begin_summary(SLACK, BOB, "10", "20", NO_LIMIT)
    await store.forget(person=ANN.key)
    await store.forget(conversation=SLACK)
    assert await store.pending_summaries("discord") == [others]
    assert await store.pending_summaries("slack") == []


async def test_a_purge_deletes_old_ones(store: Store, clock: SteppingClock) -> None:
    await store.begin_summary(CHANNEL, ANN, "10", "20", NO_LIMIT)
    clock.forward(days=2)
    new = await store.begin_summary(CHANNEL, ANN, "10", "20", NO_LIMIT)
    await store.purge(clock() - timedelta(days=1))
    assert await store.pending_summaries("discord") == [new]
