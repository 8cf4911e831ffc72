"""Tokens are granted as fast as the limit allows, by priority and staleness."""

import asyncio
import gc
import weakref
from itertools import pairwise

import pytest

from bot.delivery.pacing import BACKOFF_FACTOR, Budget, Budgets, Lag, Priority, Waiter
from bot.ports import SurfaceLimits
from tests.virtual_clock import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start=0.0)


def waiter(clock: VirtualClock, priority: Priority = Priority.EDIT, behind: int = 0) -> Waiter:
    lag = Lag(clock)
    lag.grow(behind)
    return Waiter(lag, priority)


async def moments(clock: VirtualClock, budget: Budget, count: int) -> list[float]:
    """The times at which tokens are granted to a caller that always waits for one."""
    found = []
    for _ in range(count):
        await budget.acquire(waiter(clock))
        found.append(round(clock.monotonic(), 3))
    return found


async def order(budget: Budget, waiters: dict[str, Waiter]) -> list[str]:
    """The order in which waiters that arrive while the bucket is empty are granted tokens."""
    await budget.acquire(Waiter(next(iter(waiters.values())).lag, Priority.END))
    served: list[str] = []

    async def wait(name: str) -> None:
        await budget.acquire(waiters[name])
        served.append(name)

    async with asyncio.TaskGroup() as tasks:
        for name in waiters:
            tasks.create_task(wait(name))
    return served


# ---------------------------------------------------------------- speed


async def test_edits_come_evenly_at_the_rate_declared(clock: VirtualClock) -> None:
    assert await moments(clock, Budget(clock, 2.0, 1), 5) == [0.0, 0.5, 1.0, 1.5, 2.0]


async def test_a_full_bucket_is_spent_little_by_little(clock: VirtualClock) -> None:
    found = await moments(clock, Budget(clock, 1.0, 5), 40)
    gaps = [b - a for a, b in pairwise(found)]
    assert all(gap <= later + 1e-2 for gap, later in pairwise(gaps))
    assert gaps[0] < 0.8
    assert gaps[-1] == pytest.approx(1.0, abs=0.02)


async def test_an_end_does_not_wait_for_the_even_distance(clock: VirtualClock) -> None:
    budget = Budget(clock, 1.0, 3)
    await budget.acquire(waiter(clock))
    await budget.acquire(waiter(clock, Priority.END))
    await budget.acquire(waiter(clock, Priority.END))
    assert clock.monotonic() == 0.0
    await budget.acquire(waiter(clock, Priority.END))
    assert clock.monotonic() == pytest.approx(1.0)


async def test_many_first_messages_share_what_the_bucket_holds(clock: VirtualClock) -> None:
    budget = Budget(clock, 1.0, 5)
    found = []
    for _ in range(8):
        await budget.acquire(waiter(clock, Priority.FIRST))
        found.append(clock.monotonic())
    assert found[0] == 0.0
    assert found[-1] <= 5.0
    assert all(0.2 < b - a < 1.0 for a, b in pairwise(found))


async def test_no_more_calls_are_granted_than_the_platform_allows(clock: VirtualClock) -> None:
    budget, rate, burst = Budget(clock, 0.83, 3), 0.83, 3
    granted: list[float] = []

    async def want(priority: Priority) -> None:
        for _ in range(8):
            await budget.acquire(waiter(clock, priority, behind=1))
            granted.append(clock.monotonic())
            await clock.sleep(0.1)

    async with asyncio.TaskGroup() as tasks:
        for priority in [*Priority] * 3:
            tasks.create_task(want(priority))
    assert len(granted) == 72
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            allowed = burst + rate * (granted[last] - granted[first])
            assert last - first + 1 <= allowed + 1e-6


# ---------------------------------------------------------------- fairness


async def test_ends_go_before_first_messages_and_those_before_edits(clock: VirtualClock) -> None:
    waiters = {
        "edit": waiter(clock, behind=10_000),
        "first": waiter(clock, Priority.FIRST),
        "end": waiter(clock, Priority.END),
    }
    assert await order(Budget(clock, 1.0, 1), waiters) == ["end", "first", "edit"]


async def test_the_edit_with_the_greatest_staleness_goes_first(clock: VirtualClock) -> None:
    waiters = {name: waiter(clock, behind=n) for name, n in {"a": 5, "b": 50, "c": 20}.items()}
    await clock.sleep(1.0)
    assert await order(Budget(clock, 1.0, 1), waiters) == ["b", "c", "a"]


async def test_answers_of_equal_speed_alternate(clock: VirtualClock) -> None:
    budget, served = Budget(clock, 1.0, 1), list[int]()
    await budget.acquire(waiter(clock))

    async def answer(number: int) -> None:
        lag = Lag(clock)
        await clock.sleep(0.5)
        for _ in range(4):
            lag.grow(10)
            await budget.acquire(Waiter(lag, Priority.EDIT))
            lag.take()
            served.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(answer(number))
    assert served == [0, 1, 2, 3, 4] * 4


async def test_a_slow_answer_does_not_starve_among_fast_ones(clock: VirtualClock) -> None:
    budget = Budget(clock, 1.0, 1)
    served = {"slow": 0, "fast": 0}

    async def answer(name: str, speed: int) -> None:
        lag = Lag(clock)
        written = clock.monotonic()
        while clock.monotonic() < 300.0:
            lag.grow(round(speed * (clock.monotonic() - written)) or 1)
            written = clock.monotonic()
            await budget.acquire(Waiter(lag, Priority.EDIT))
            lag.take()
            served[name] += 1

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(answer("slow", 2))
        for _ in range(4):
            tasks.create_task(answer("fast", 50))
    assert served["slow"] >= 10


async def test_a_waiter_can_be_promoted_while_it_waits(clock: VirtualClock) -> None:
    budget, late = Budget(clock, 1.0, 3), waiter(clock)
    await budget.acquire(waiter(clock))
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(budget.acquire(late))
        await clock.sleep(0.1)
        assert not waiting.done()
        budget.promote(late)
    assert clock.monotonic() == pytest.approx(0.1)


async def test_a_cancelled_waiter_takes_no_token(clock: VirtualClock) -> None:
    budget = Budget(clock, 1.0, 1)
    await budget.acquire(waiter(clock))
    async with asyncio.TaskGroup() as tasks:
        leaving = [tasks.create_task(budget.acquire(waiter(clock, behind=9))) for _ in range(3)]
        staying = tasks.create_task(budget.acquire(waiter(clock)))
        await clock.sleep(0.5)
        for task in leaving:
            task.cancel()
    assert staying.done()
    assert clock.monotonic() == pytest.approx(1.0)


async def test_a_token_that_was_not_needed_is_given_back(clock: VirtualClock) -> None:
    budget = Budget(clock, 1.0, 1)
    await budget.acquire(waiter(clock, Priority.END))
    budget.give_back()
    await budget.acquire(waiter(clock, Priority.END))
    assert clock.monotonic() == 0.0


async def test_a_token_granted_to_a_cancelled_waiter_is_given_back(clock: VirtualClock) -> None:
    class Leaving(asyncio.Event):
        def set(self) -> None:
            super().set()
            leaver.cancel()

    budget, granted = Budget(clock, 1.0, 1), waiter(clock, Priority.END)
    granted.woken = Leaving()
    await budget.acquire(waiter(clock))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(budget.acquire(waiter(clock)))
        await clock.sleep(0.1)
        leaver = tasks.create_task(budget.acquire(granted))
    assert leaver.cancelled()
    assert clock.monotonic() == pytest.approx(1.0)


# ---------------------------------------------------------------- refusals


async def test_a_refusal_pauses_the_whole_budget(clock: VirtualClock) -> None:
    budget = Budget(clock, 10.0, 5)
    budget.refused(30.0)
    await order(budget, {"a": waiter(clock), "b": waiter(clock, Priority.END)})
    assert clock.monotonic() >= 30.0


async def test_a_refusal_delays_those_who_wait_already(clock: VirtualClock) -> None:
    budget = Budget(clock, 1.0, 1)
    await budget.acquire(waiter(clock))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(budget.acquire(waiter(clock)))
        await clock.sleep(0.5)
        budget.refused(10.0)
    assert clock.monotonic() >= 10.5


async def test_a_refusal_lowers_the_rate_which_recovers(clock: VirtualClock) -> None:
    budget = Budget(clock, 1.0, 1)
    budget.refused(1.0)
    budget.refused(1.0)  # of a call that was under way at the same time: counts once
    first, second, third = await moments(clock, budget, 3)
    assert 1.3 < third - second <= second - first < 1.05 / BACKOFF_FACTOR
    await clock.sleep(120.0)
    first, second = await moments(clock, budget, 2)
    assert second - first == pytest.approx(1.0)


async def test_the_rate_never_falls_to_zero(clock: VirtualClock) -> None:
    budget = Budget(clock, 1.0, 1)
    for _ in range(50):
        budget.refused(0.0)
    first, second = await moments(clock, budget, 2)
    assert second - first <= 10.0


async def test_a_pause_that_was_foreseen_costs_its_time_and_nothing_more(
    clock: VirtualClock,
) -> None:
    budget = Budget(clock, 1.0, 1)
    await budget.acquire(waiter(clock))
    budget.pause(2.5)
    assert await moments(clock, budget, 3) == [2.5, 3.5, 4.5]


# ---------------------------------------------------------------- budgets by name


async def test_answers_share_the_budget_that_their_limits_name(clock: VirtualClock) -> None:
    budgets = Budgets(clock)
    one = budgets.of(SurfaceLimits(100, budget="channel 1"))
    assert budgets.of(SurfaceLimits(100, budget="channel 1", edits_per_second=2.0)) is one
    assert budgets.of(SurfaceLimits(100, budget="channel 2")) is not one
    assert await moments(clock, one, 3) == [0.0, 0.5, 1.0]


async def test_new_messages_may_have_a_budget_of_their_own(clock: VirtualClock) -> None:
    budgets = Budgets(clock)
    limits = SurfaceLimits(100, budget="channel", posts_burst=2)
    assert budgets.of(limits.of_posts) is not budgets.of(limits)
    assert await moments(clock, budgets.of(limits), 2) == [0.0, 1.0]
    assert await moments(clock, budgets.of(limits.of_posts), 2) == [1.0, 2.0]
    together = SurfaceLimits(100, budget="other")
    assert budgets.of(together.of_posts) is budgets.of(together)


async def test_budgets_in_use_are_kept_and_old_ones_dropped(clock: VirtualClock) -> None:
    budgets = Budgets(clock)
    used = budgets.of(SurfaceLimits(100, budget="used"))
    await used.acquire(waiter(clock))
    others = [
        weakref.ref(budgets.of(SurfaceLimits(100, budget=f"channel {number}")))
        for number in range(1500)
    ]
    assert budgets.of(SurfaceLimits(100, budget="used")) is used
    gc.collect()
    assert sum(other() is not None for other in others) <= 1000


async def test_lag_is_unseen_characters_integrated_over_time() -> None:
    clock = VirtualClock(start=0.0)
    lag = Lag(clock)
    lag.grow(10)
    await clock.sleep(2.0)
    assert lag.staleness == 20.0
    lag.grow(5)
    await clock.sleep(1.0)
    taken = lag.take()
    assert taken == (15, 35.0)
    assert lag.staleness == 0.0
    lag.grow(*taken)
    await clock.sleep(1.0)
    assert lag.staleness == 50.0
