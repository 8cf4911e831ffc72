"""The queue is fair, bounded, and tells everybody their place."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.queue import FairQueue, Ticket
from bot.errors import Busy


def queue(
    slots: int = 1,
    bound: int = 100,
    per_person: int = 100,
    lanes: Mapping[str, int] | None = None,
) -> FairQueue:
    return FairQueue(slots=slots, bound=bound, bound_per_person=per_person, lanes=lanes)


def served(fair: FairQueue, tickets: list[Ticket]) -> list[int]:
    """The tickets' indices in the order in which they are granted, each leaving at once."""
    order: list[int] = []
    left = set(range(len(tickets)))
    while left:
        granted = sorted(index for index in left if tickets[index].granted.is_set())
        assert granted, "somebody waits and nobody is granted"
        for index in granted:
            order.append(index)
            left.remove(index)
            fair.leave(tickets[index])
    return order


def test_one_conversation_is_answered_in_order() -> None:
    fair = queue(slots=4)
    tickets = [fair.join("general", person) for person in ("ana", "ben", "ana")]
    assert [ticket.granted.is_set() for ticket in tickets] == [True, False, False]
    assert served(fair, tickets) == [0, 1, 2]


def test_somebody_with_one_question_does_not_wait_behind_somebody_with_ten() -> None:
    fair = queue()
    many = [fair.join(f"channel {n}", "ana") for n in range(10)]
    one = fair.join("elsewhere", "ben")
    order = served(fair, [*many, one])
    assert order.index(10) == 1  # right after the one that was being answered


def test_a_busy_channel_does_not_hold_up_a_quiet_one() -> None:
    fair = queue()
    busy = [fair.join("busy", f"person {n}") for n in range(10)]
    quiet = fair.join("quiet", "zoe")
    assert served(fair, [*busy, quiet]).index(10) == 1


def test_a_conversation_being_answered_lets_others_pass_it() -> None:
    fair = queue(slots=2)
    first, second = fair.join("a", "ana"), fair.join("a", "ana")
    other = fair.join("b", "ana")
    assert first.granted.is_set()
    assert not second.granted.is_set()
    assert other.granted.is_set()


async def test_everybody_is_told_their_place_and_each_change_of_it() -> None:
    fair = queue()
    tickets = [fair.join(f"channel {n}", f"person {n}") for n in range(3)]
    told: list[int] = []
    fair.leave(tickets[0])  # the second is granted, the third is next
    fair_place = fair.turn(tickets[2], told.append)
    task = asyncio.create_task(fair_place)
    await asyncio.sleep(0)
    assert told == [1]
    fair.leave(tickets[1])
    await task
    assert told == [1, 0]


def test_the_queue_has_a_bound_and_says_so() -> None:
    fair = queue(slots=1, bound=2)
    for n in range(3):  # one is answered, two wait
        fair.join(f"channel {n}", f"person {n}")
    with pytest.raises(Busy, match="2 questions are waiting"):
        fair.join("another", "zoe")
    assert fair.waiting == 2


def test_one_person_has_a_bound_of_their_own() -> None:
    fair = queue(slots=1, per_person=2)
    fair.join("a", "ana")
    fair.join("b", "ana")
    with pytest.raises(Busy, match="2 of your questions"):
        fair.join("c", "ana")
    fair.join("c", "ben")


def test_who_leaves_while_waiting_frees_the_place() -> None:
    fair = queue(bound=1)
    first, second = fair.join("a", "ana"), fair.join("b", "ben")
    fair.leave(second)
    fair.leave(second)
    third = fair.join("c", "cy")
    fair.leave(first)
    assert third.granted.is_set()


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), max_size=40),
    st.integers(1, 5),
)
def test_everybody_is_served_once_and_each_conversation_in_order(
    joins: list[tuple[str, str]], slots: int
) -> None:
    fair = queue(slots=slots)
    tickets = [fair.join(conversation, person) for conversation, person in joins]
    running: dict[str, int] = {}
    for ticket in tickets:
        if ticket.granted.is_set():
            running[ticket.conversation] = running.get(ticket.conversation, 0) + 1
    assert all(count == 1 for count in running.values())
    assert len(running) <= slots
    order = served(fair, tickets)
    assert sorted(order) == list(range(len(tickets)))
    for conversation in "abcd":
        mine = [index for index in order if joins[index][0] == conversation]
        assert mine == sorted(mine)
    assert fair.waiting == fair.granted == 0


# ---------------------------------------------------------------- several models


def test_a_full_lane_keeps_nobody_of_another_lane_waiting() -> None:
    fair = queue(slots=1, lanes={"large": 2})
    tickets = [fair.join(f"channel {n}", f"person {n}", lane="large") for n in range(4)]
    tickets += [fair.join("general", "ana"), fair.join("random", "ben")]
    granted = [ticket.granted.is_set() for ticket in tickets]
    assert granted == [True, True, False, False, True, False]
    assert (fair.granted_in("large"), fair.granted_in("")) == (2, 1)
    fair.leave(tickets[0])
    assert tickets[2].granted.is_set()
    assert not tickets[5].granted.is_set()


def test_a_ticket_without_a_lane_waits_at_its_place_until_it_has_one() -> None:
    fair = queue(slots=2, lanes={"large": 1})
    first, second = (fair.join("general", person, lane=None) for person in ("ana", "ben"))
    fair.assign(second, "")
    assert [first.granted.is_set(), second.granted.is_set()] == [False, False]
    fair.assign(first, "large")
    assert first.granted.is_set()
    fair.leave(first)
    assert second.granted.is_set()


def test_a_waiting_ticket_can_change_its_lane_and_a_granted_one_stays() -> None:
    fair = queue(slots=1, lanes={"large": 1})
    busy, waiting = fair.join("general", "ana"), fair.join("random", "ben")
    fair.assign(busy, "large")
    assert (busy.lane, waiting.granted.is_set()) == ("", False)
    fair.assign(waiting, "large")
    assert waiting.granted.is_set()
    fair.leave(waiting)
    fair.assign(waiting, "")
    assert fair.granted == 1


async def test_the_place_counts_only_those_who_wait_for_the_same_model() -> None:
    fair = queue(slots=1, lanes={"large": 1})
    fair.join("a", "ana")
    fair.join("b", "ben", lane="large")
    for n in range(3):
        fair.join(f"c{n}", f"p{n}", lane="large")
    places: list[int] = []
    waiting = asyncio.create_task(fair.turn(fair.join("d", "dan"), places.append))
    await asyncio.sleep(0)
    assert places == [1]
    waiting.cancel()
