"""One person's data as lines, and the lines in pieces."""

import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages import ConversationKey, Person, Question, Usage
from bot.personal import personal_lines, pieces
from bot.ports import AnswerState, Quota
from storage.in_memory import MemoryStore

ANN = Person("test", "1", "Ann")
HERE = ConversationKey("test", "general")


async def each(lines: list[bytes]) -> AsyncIterator[bytes]:
    for line in lines:
        yield line


async def test_every_line_is_an_object_with_its_kind() -> None:
    store = MemoryStore()
    answer = await store.accept(Question(HERE, ANN, "Wherefore — ü?", "e1"), Quota())
    assert answer is not None
    await store.close(answer.id, AnswerState.DONE, "So.", Usage(3, 0, 2), "Hm.")
    await store.rate(answer.id, ANN, 1)
    lines = [json.loads(line) async for line in personal_lines(store, ANN.key)]
    exchange, rating, usage = lines
    assert exchange["kind"] == "exchange"
    assert (exchange["question"], exchange["person"]) == ("Wherefore — ü?", "test:1")
    (shown,) = exchange["answers"]
    assert (shown["text"], shown["thought"], shown["verdicts"]) == ("So.", "Hm.", [1])
    assert (rating["kind"], rating["verdict"], rating["answer"]) == ("rating", 1, answer.id)
    assert (usage["kind"], usage["answers"], usage["tokens"]) == ("usage", 1, 5)


async def test_a_stranger_has_no_lines() -> None:
    assert [line async for line in personal_lines(MemoryStore(), ANN.key)] == []


@pytest.mark.parametrize("most", [1, 7, 1000])
@given(lines=st.lists(st.binary(min_size=1, max_size=30), max_size=20))
async def test_pieces_joined_are_the_lines_and_none_is_larger_than_may_be(
    most: int, lines: list[bytes]
) -> None:
    found = [piece async for piece in pieces(each(lines), most)]
    assert b"".join(found) == b"".join(lines)
    assert all(0 < len(piece) <= most for piece in found)


async def test_a_line_that_fits_is_never_cut() -> None:
    found = [piece async for piece in pieces(each([b"aaaa\n", b"bb\n", b"cccc\n"]), 8)]
    assert found == [b"aaaa\nbb\n", b"cccc\n"]
