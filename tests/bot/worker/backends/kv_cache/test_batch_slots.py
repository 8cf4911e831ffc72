"""Slots hold the tokens they are said to hold, through every order of acquire and release."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.worker.backends.kv_cache.batch_slots import BatchSlots, Move, common_prefix

CONTEXT = 40


class Memory:
    """A KV cache of which each cell holds the tokens up to itself: what a model would compute."""

    def __init__(self, slots: int) -> None:
        self.cells: list[list[tuple[int, ...]]] = [
            [() for _ in range(CONTEXT)] for _ in range(slots)
        ]

    def apply(self, moves: list[Move]) -> None:
        for move in moves:
            source, target = self.cells[move.source], self.cells[move.target]
            saved = target[: move.length]
            target[: move.length] = source[: move.length]
            if move.swap:
                source[: move.length] = saved

    def compute(self, slots: BatchSlots, request: int, tokens: list[int]) -> None:
        """Append tokens to a slot."""
        held = slots.tokens(request)
        for token in tokens:
            held.append(token)
            self.cells[slots.slot(request)][len(held) - 1] = tuple(held)

    def holds(self, slots: BatchSlots, request: int) -> bool:
        held = slots.tokens(request)
        row = self.cells[slots.slot(request)]
        return all(row[n] == tuple(held[: n + 1]) for n in range(len(held)))


@settings(max_examples=200)
@given(st.data())
def test_no_order_of_answers_ever_mixes_their_memory(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4))
    slots, memory = BatchSlots(count), Memory(count)
    # Few tokens and long common prefixes, so that slots are reused and copied all the time.
    prompts = st.builds(
        lambda common, rest: [0] * common + rest,
        st.integers(0, 20),
        st.lists(st.integers(0, 1), min_size=1, max_size=8),
    )
    for request in range(data.draw(st.integers(1, 25))):
        if slots.full or (slots.requests and data.draw(st.booleans())):
            memory.apply(slots.release(data.draw(st.sampled_from(list(slots.requests)))))
        prompt = data.draw(prompts)
        memory.apply(slots.acquire(request, prompt))
        cached = len(slots.tokens(request))
        assert slots.tokens(request) == prompt[:cached]
        assert cached < len(prompt)
        memory.compute(slots, request, prompt[cached:])
        for other in slots.requests:
            if data.draw(st.booleans()):
                memory.compute(slots, other, [data.draw(st.integers(0, 1))])
        assert all(memory.holds(slots, other) for other in slots.requests)
        assert [slots.slot(other) for other in slots.requests] == list(range(len(slots.requests)))


def test_the_next_turn_of_a_conversation_reuses_its_slot() -> None:
    slots, memory = BatchSlots(3), Memory(3)
    for request in (1, 2):
        memory.apply(slots.acquire(request, [request, 5, 6, 7]))
        memory.compute(slots, request, [request, 5, 6, 7, 8])
    for request in (1, 2):
        memory.apply(slots.release(request))
    memory.apply(slots.acquire(3, [1, 5, 6, 7, 8, 9, 9]))
    assert slots.tokens(3) == [1, 5, 6, 7, 8]
    assert memory.holds(slots, 3)


def test_a_new_conversation_leaves_another_intact_and_copies_the_common_prefix() -> None:
    system = list(range(18))
    slots, memory = BatchSlots(3), Memory(3)
    memory.apply(slots.acquire(1, [*system, 50]))
    memory.compute(slots, 1, [*system, *range(50, 69)])
    memory.apply(slots.release(1))
    memory.apply(slots.acquire(2, [*system[:3], 99]))
    assert slots.tokens(2) == []  # too short a prefix to copy
    memory.apply(slots.acquire(3, [*system, 70]))
    assert slots.tokens(3) == system
    assert memory.holds(slots, 3)
    memory.apply(slots.release(3))
    memory.apply(slots.release(2))
    memory.apply(slots.acquire(4, [*system, *range(50, 69), 1]))
    assert len(slots.tokens(4)) == 37  # the first conversation is still whole
    assert memory.holds(slots, 4)


def test_people_of_one_conversation_at_once_share_its_prefix() -> None:
    history = list(range(30))
    slots, memory = BatchSlots(4), Memory(4)
    memory.apply(slots.acquire(1, [*history, 1]))
    memory.compute(slots, 1, [*history, 1])
    for request in (2, 3):  # while the first is in use, and empty slots are free
        memory.apply(slots.acquire(request, [*history, request]))
        assert slots.tokens(request) == history
        memory.compute(slots, request, [request, 90 + request])
    for request in (1, 2, 3):
        assert memory.holds(slots, request)
    for request in (2, 3, 1):
        memory.apply(slots.release(request))
    # the next one has them in the order of their ends, and takes the slot of the first that ended
    memory.apply(slots.acquire(4, [*history, 2, 92, 3, 93, 1, 4]))
    assert slots.tokens(4) == [*history, 2, 92]
    assert memory.holds(slots, 4)


def test_the_least_recently_used_free_slot_is_taken_first() -> None:
    slots = BatchSlots(2)
    for request, first in ((1, 1), (2, 2)):
        slots.acquire(request, [first, first])
        slots.tokens(request).extend([first] * 10)
        slots.release(request)
    slots.acquire(3, [3, 3])
    slots.release(3)
    slots.acquire(4, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    assert len(slots.tokens(4)) == 10


def test_common_prefixes_are_counted() -> None:
    assert common_prefix([1, 2, 3], [1, 2, 4]) == 2
    assert common_prefix([1, 2], [1, 2, 3]) == 2
    assert common_prefix([], [1]) == 0
