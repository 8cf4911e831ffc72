"""What the history of the plots counts, and when it is saved."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import StorageError
from bot.measures import Bucket, Measure, Series, Step
from bot.messages import Usage
from bot.observer import AnswerEnded, AnswerRated, Event, QuestionAccepted
from bot.ports import AnswerState
from parley.history import MOST_WAITING, SAVED_EVERY, History, saving
from storage.in_memory import MemoryStore
from tests.virtual_clock import VirtualClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Clockwork:
    """The time of the buckets, set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def ended(state: AnswerState = AnswerState.DONE, usage: Usage | None = None) -> AnswerEnded:
    return AnswerEnded(
        answer_id=1,
        platform="discord",
        model="large",
        state=state,
        usage=usage or Usage(20, 0, 11, 0.5, 1.5),
        waited=3.0,
        window=2048,
    )


async def counted(store: MemoryStore, step: Step = Step.DAY) -> dict[Series, Measure]:
    return {bucket.measure.series: bucket.measure for bucket in await store.buckets(step, LONG_AGO)}


async def test_an_answer_counts_by_its_end_with_times_speed_and_tokens() -> None:
    store = MemoryStore()
    history = History(store, Clockwork(), "demo")
    history.observe(ended())
    await history.save()
    found = await counted(store)
    assert found.keys() == {
        Series.DONE,
        Series.QUEUE,
        Series.TOKENS,
        Series.FIRST_TOKEN,
        Series.SPEED,
    }
    assert (found[Series.FIRST_TOKEN].total, found[Series.QUEUE].total) == (0.5, 3.0)
    assert found[Series.SPEED].total == pytest.approx(10.0)
    assert found[Series.TOKENS].total == 11
    assert {(one.platform, one.model) for one in found.values()} == {("discord", "large")}


@pytest.mark.parametrize("state", [state for state in AnswerState if not state.open])
async def test_every_end_has_a_series(state: AnswerState) -> None:
    store = MemoryStore()
    history = History(store, Clockwork(), "demo")
    history.observe(ended(state, Usage()))
    await history.save()
    assert (await counted(store)).keys() == {Series(state.value), Series.QUEUE}


async def test_questions_and_verdicts_count_and_withdrawn_verdicts_do_not() -> None:
    store = MemoryStore()
    history = History(store, Clockwork(), "demo")
    history.observe(QuestionAccepted("slack"))
    for verdict in (1, -1, -1, 0):
        history.observe(AnswerRated("slack", verdict))
    await history.save()
    found = {series: measure.count for series, measure in (await counted(store)).items()}
    assert found == {Series.QUESTIONS: 1, Series.UP: 1, Series.DOWN: 2}


async def test_what_happened_in_two_minutes_is_in_two_buckets() -> None:
    store, time = MemoryStore(), Clockwork()
    history = History(store, time, "demo")
    history.observe(QuestionAccepted("slack"))
    time.now += timedelta(minutes=1)
    history.observe(QuestionAccepted("slack"))
    time.now -= timedelta(hours=3)  # the computer's clock is set back
    history.observe(QuestionAccepted("slack"))
    await history.save()
    buckets: list[Bucket] = await store.buckets(Step.MINUTE, LONG_AGO)
    assert [(one.start, one.measure.count) for one in buckets] == [
        (NOON - timedelta(hours=2, minutes=59), 1),
        (NOON, 1),
        (NOON + timedelta(minutes=1), 1),
    ]


async def test_a_database_that_fails_is_tried_again_and_nothing_counts_twice() -> None:
    class Failing(MemoryStore):
        broken = True

        async def add_measures(self, *args: object) -> None:
            if self.broken:
                raise StorageError("locked")
            await super().add_measures(*args)  # type: ignore[arg-type]

    store = Failing()
    history = History(store, Clockwork(), "demo")
    for _ in range(MOST_WAITING + 5):
        history.observe(QuestionAccepted("slack"))
    with pytest.raises(StorageError):
        await history.save()
    store.broken = False
    await history.save()
    await history.save()
    assert (await counted(store))[Series.QUESTIONS].count == MOST_WAITING


async def test_it_is_saved_regularly_and_at_the_end() -> None:
    store, clock = MemoryStore(), VirtualClock()
    history = History(store, Clockwork(), "demo")
    async with saving(history, clock):
        history.observe(QuestionAccepted("slack"))
        await clock.sleep(SAVED_EVERY + 1)
        assert (await counted(store))[Series.QUESTIONS].count == 1
        history.observe(QuestionAccepted("slack"))
    assert (await counted(store))[Series.QUESTIONS].count == 2


def test_every_event_is_passed_on() -> None:
    heard: list[Event] = []

    class Listener:
        def observe(self, event: Event) -> None:
            heard.append(event)

    history = History(MemoryStore(), Clockwork(), "demo", Listener())
    events: list[Event] = [QuestionAccepted("slack"), AnswerRated("slack", 1), ended()]
    for event in events:
        history.observe(event)
    assert heard == events


async def test_a_clock_that_jumps_ahead_deletes_nothing_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, wall, clock = MemoryStore(), Clockwork(), VirtualClock()
    history = History(store, wall, "demo", monotonic=clock.monotonic)
    history.observe(QuestionAccepted("discord"))
    await history.save()
    wall.now += timedelta(days=3650)  # somebody set the year wrong
    await clock.sleep(10.0)
    wall.now += timedelta(seconds=10)
    await history.save()
    wall.now = NOON + timedelta(seconds=20)
    await clock.sleep(10.0)
    await history.save()
    assert (await counted(store, Step.MINUTE))[Series.QUESTIONS].count == 1
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "the computer's clock jumped by 87600.0 h" in caplog.text


async def test_what_is_too_old_goes_once_the_clock_was_right_for_a_day() -> None:
    store, wall, clock = MemoryStore(), Clockwork(), VirtualClock()
    history = History(store, wall, "demo", monotonic=clock.monotonic)
    history.observe(QuestionAccepted("discord"))
    await history.save()
    wall.now += timedelta(days=2)
    await history.save()
    assert await counted(store, Step.MINUTE)
    for _ in range(25):
        wall.now += timedelta(hours=1)
        await clock.sleep(3600.0)
        await history.save()
    assert not await counted(store, Step.MINUTE)
