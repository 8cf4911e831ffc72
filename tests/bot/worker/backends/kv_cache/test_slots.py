"""Slots hold what the table says, through every order of taking and releasing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.worker.backends.kv_cache.slots import Move, SlotTable, common_prefix
from tests.limits import examples

CONTEXT = 40


class Memory:
    """A cache of which each cell holds the tokens up to itself: what a model would compute."""

    def __init__(self, slots: int) -> None:
        self.cells: list[list[tuple[int, ...]]] = [
            [() for _ in range(CONTEXT)] for _ in range(slots)
        ]

    def carry_out(self, moves: list[Move]) -> None:
        for move in moves:
            source, target = self.cells[move.source], self.cells[move.target]
            kept = target[: move.length]
            target[: move.length] = source[: move.length]
            if move.exchange:
                source[: move.length] = kept

    def compute(self, table: SlotTable, owner: int, tokens: list[int]) -> None:
        """Write what follows on what the slot holds."""
        held = table.tokens(owner)
        for token in tokens:
            held.append(token)
            self.cells[table.slot(owner)][len(held) - 1] = tuple(held)

    def holds(self, table: SlotTable, owner: int) -> bool:
        held = table.tokens(owner)
        row = self.cells[table.slot(owner)]
        return all(row[n] == tuple(held[: n + 1]) for n in range(len(held)))


@settings(max_examples=examples(200))
@given(st.data())
def test_no_order_of_answers_ever_mixes_their_memory(data: st.DataObject) -> None:
    slots = data.draw(st.integers(1, 4))
    table, memory = SlotTable(slots), Memory(slots)
    # Few tokens and long common beginnings, so that slots are taken over and copied all the time.
    prompts = st.builds(
        lambda common, rest: [0] * common + rest,
        st.integers(0, 20),
        st.lists(st.integers(0, 1), min_size=1, max_size=8),
    )
    for owner in range(data.draw(st.integers(1, 25))):
        if table.full or (table.owners and data.draw(st.booleans())):
            memory.carry_out(table.release(data.draw(st.sampled_from(list(table.owners)))))
        prompt = data.draw(prompts)
        memory.carry_out(table.take(owner, prompt))
        cached = len(table.tokens(owner))
        assert table.tokens(owner) == prompt[:cached]
        assert cached < len(prompt)
        memory.compute(table, owner, prompt[cached:])
        for other in table.owners:
            if data.draw(st.booleans()):
                memory.compute(table, other, [data.draw(st.integers(0, 1))])
        assert all(memory.holds(table, other) for other in table.owners)
        assert [table.slot(other) for other in table.owners] == list(range(len(table.owners)))


def test_the_next_turn_of_a_conversation_takes_its_slot_over() -> None:
    table, memory = SlotTable(3), Memory(3)
    for owner in (1, 2):
        memory.carry_out(table.take(owner, [owner, 5, 6, 7]))
        memory.compute(table, owner, [owner, 5, 6, 7, 8])
    for owner in (1, 2):
        memory.carry_out(table.release(owner))
    memory.carry_out(table.take(3, [1, 5, 6, 7, 8, 9, 9]))
    assert table.tokens(3) == [1, 5, 6, 7, 8]
    assert memory.holds(table, 3)


def test_a_new_conversation_spares_another_and_copies_the_common_beginning() -> None:
    system = list(range(18))
    table, memory = SlotTable(3), Memory(3)
    memory.carry_out(table.take(1, [*system, 50]))
    memory.compute(table, 1, [*system, *range(50, 69)])
    memory.carry_out(table.release(1))
    memory.carry_out(table.take(2, [*system[:3], 99]))
    assert table.tokens(2) == []  # too little in common to be worth a copy
    memory.carry_out(table.take(3, [*system, 70]))
    assert table.tokens(3) == system
    assert memory.holds(table, 3)
    memory.carry_out(table.release(3))
    memory.carry_out(table.release(2))
    memory.carry_out(table.take(4, [*system, *range(50, 69), 1]))
    assert len(table.tokens(4)) == 37  # the first conversation is still whole
    assert memory.holds(table, 4)


def test_an_idle_slot_that_was_used_least_lately_goes_first() -> None:
    table = SlotTable(2)
    for owner, first in ((1, 1), (2, 2)):
        table.take(owner, [first, first])
        table.tokens(owner).extend([first] * 10)
        table.release(owner)
    table.take(3, [3, 3])
    table.release(3)
    table.take(4, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    assert len(table.tokens(4)) == 10


def test_common_beginnings_are_counted() -> None:
    assert common_prefix([1, 2, 3], [1, 2, 4]) == 2
    assert common_prefix([1, 2], [1, 2, 3]) == 2
    assert common_prefix([], [1]) == 0
