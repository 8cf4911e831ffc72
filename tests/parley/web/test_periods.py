"""What the plots show is what the buckets hold."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from bot.measures import SECONDS, Measure, Series
from parley.web.periods import Group, Period, plots, quantile
from storage.in_memory import MemoryStore

NOON = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)


def measured(*values: float) -> list[Measure]:
    return [Measure.of(Series.FIRST_TOKEN, "discord", "demo", value) for value in values]


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile([], 0.5) is None


def test_a_quantile_lies_between_the_bounds_of_its_bin() -> None:
    # four of five are in the bin from 0.5 to 1 s: the median is 2.5 of 4 into it
    values = measured(0.6, 0.7, 0.8, 0.9, 100.0)
    assert quantile(values, 0.5) == pytest.approx(0.5 + 0.5 * 2.5 / 4)
    assert 60.0 < (quantile(values, 0.95) or 0.0) <= 120.0


def test_what_exceeds_the_last_bound_is_at_most_twice_as_much() -> None:
    assert SECONDS[-1] < (quantile(measured(5000.0), 0.95) or 0.0) <= 2 * SECONDS[-1]


@given(
    st.lists(st.floats(0.001, SECONDS[-1]), min_size=1, max_size=50), st.sampled_from([0.5, 0.95])
)
def test_a_quantile_is_wrong_by_its_bin_at_most(values: list[float], share: float) -> None:
    found = quantile(measured(*values), share)
    exact = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    bounds = [0.0, *SECONDS]
    place = next(n for n, bound in enumerate(SECONDS) if exact <= bound)
    assert found is not None
    assert bounds[place] <= found <= bounds[place + 1] + 1e-9


@pytest.mark.parametrize("period", Period)
async def test_a_period_shows_its_own_time_and_nothing_else(period: Period) -> None:
    store, step = MemoryStore(), timedelta(seconds=int(period.step))
    one = Measure(Series.QUESTIONS, "discord", "demo")
    for back in (0, period.points - 1, period.points):  # the last one is too old
        await store.add_measures(NOON - back * step, [one])
    await store.add_measures(NOON + 5 * step, [one])  # from a clock that was wrong
    (questions, *_) = await plots(store, period, Group.NOTHING, NOON)
    points = questions.lines[0].points
    assert (points[0], points[-1], sum(point or 0 for point in points)) == (1, 1, 2)
    assert len(questions.labels) == period.points


@pytest.mark.parametrize(
    ("group", "names"),
    [
        (Group.NOTHING, ["Questions"]),
        (Group.PLATFORM, ["Discord", "Slack"]),
        (Group.MODEL, ["demo", "large"]),
    ],
)
async def test_a_plot_has_a_line_for_each_group(group: Group, names: list[str]) -> None:
    store = MemoryStore()
    for platform, model in (("discord", "demo"), ("slack", "large")):
        await store.add_measures(NOON, [Measure(Series.QUESTIONS, platform, model)])
    (questions, *_) = await plots(store, Period.DAY, group, NOON)
    assert [line.name for line in questions.lines] == names
