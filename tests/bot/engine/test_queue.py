"""The queue is fair, bounded, and tells everybody their place."""

import asyncio
from collections import Counter
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
    parallel: int = 1,
    lanes: Mapping[str, int] | None = None,
) -> FairQueue:
    return FairQueue(
        slots=slots, bound=bound, bound_per_person=per_person, parallel=parallel, lanes=lanes
    )


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


def test_people_of_one_conversation_are_answered_at_the_same_time() -> None:
    fair = queue(slots=8, parallel=3)
    tickets = [fair.join("general", person) for person in ("ana", "ben", "ana", "cem", "dan")]
    assert [one.granted.is_set() for one in tickets] == [True, True, False, True, False]
    fair.leave(tickets[1])  # a place in the conversation: Dan has asked nothing yet
    assert [one.granted.is_set() for one in tickets] == [True, True, False, True, True]
    fair.leave(tickets[4])
    assert not tickets[2].granted.is_set()
    fair.leave(tickets[0])
    assert tickets[2].granted.is_set()


def test_one_person_is_answered_in_two_conversations_at_once() -> None:
    fair = queue(slots=8, parallel=3)
    tickets = [fair.join(where, "ana") for where in ("general", "direct")]
    assert all(ticket.granted.is_set() for ticket in tickets)


def test_somebody_with_one_question_passes_one_with_ten_in_the_same_conversation() -> None:
    fair = queue(parallel=8)
    many = [fair.join("general", "ana") for _ in range(10)]
    one = fair.join("general", "ben")
    order = served(fair, [*many, one])
    assert order.index(10) == 1
    assert [index for index in order if index < 10] == list(range(10))


def test_one_at_a_time_is_in_the_order_of_the_questions() -> None:
    fair = queue(slots=8, parallel=1)
    tickets = [fair.join("general", person) for person in ("ana", "ana", "ana", "ben")]
    assert served(fair, tickets) == [0, 1, 2, 3]


def test_who_comes_again_and_again_is_not_kept_waiting_by_newcomers() -> None:
    fair = queue(parallel=8)
    first, second = fair.join("general", "ana"), fair.join("general", "ana")
    newcomers = [fair.join("general", f"person {number}") for number in range(3)]
    assert served(fair, [first, second, *newcomers]) == [0, 2, 3, 4, 1]


def test_a_busy_channel_of_many_people_does_not_hold_up_a_quiet_one() -> None:
    fair = queue(slots=2, parallel=8)
    busy = [fair.join("busy", f"person {n}") for n in range(10)]
    quiet = fair.join("quiet", "zoe")
    fair.leave(busy[0])
    assert quiet.granted.is_set()


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
    st.integers(1, 4),
)
def test_everybody_is_served_once_and_each_person_in_order(
    joins: list[tuple[str, str]], slots: int, parallel: int
) -> None:
    fair = queue(slots=slots, parallel=parallel)
    tickets = [fair.join(conversation, person) for conversation, person in joins]
    running = Counter(one.conversation for one in tickets if one.granted.is_set())
    assert all(count <= parallel for count in running.values())
    assert running.total() <= slots
    order = served(fair, tickets)
    assert sorted(order) == list(range(len(tickets)))
    for asker in set(joins):
        mine = [index for index in order if joins[index] == asker]
        assert mine == sorted(mine)
    for conversation in "abcd" if parallel == 1 else "":
        here = [index for index in order if joins[index][0] == conversation]
        assert here == sorted(here)
    assert fair.waiting == fair.granted == 0


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), max_size=40),
    st.integers(1, 5),
    st.integers(2, 4),
)
def test_nobody_waits_while_there_is_a_place_for_them(
    joins: list[tuple[str, str]], slots: int, parallel: int
) -> None:
    fair = queue(slots=slots, parallel=parallel)
    tickets = [fair.join(conversation, person) for conversation, person in joins]
    while fair.granted:
        running = [one for one in tickets if one.granted.is_set()]
        assert len(running) == fair.granted
        for one in tickets:
            if one not in running:
                here = [other for other in running if other.conversation == one.conversation]
                assert (
                    len(running) == slots
                    or len(here) == parallel
                    or one.person in {other.person for other in here}
                )
        fair.leave(running[0])
        tickets.remove(running[0])
    assert not tickets


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
