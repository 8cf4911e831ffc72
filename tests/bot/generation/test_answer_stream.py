"""Ids reach the consumer whole and in order, and the end comes after them."""

import asyncio

import pytest

from bot.errors import GenerationError, WorkerLost
from bot.generation.answer_stream import AnswerStream
from bot.messages import FinishReason
from bot.worker.protocol import END, ERROR, LENGTH, Ended, Usage


class Ends:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


async def test_a_slow_consumer_gets_many_ids_at_once() -> None:
    answer = AnswerStream(1, Ends())
    for token in range(5):
        answer.put([token])
    assert await answer.next() == ([0, 1, 2, 3, 4], None)


async def test_a_quick_consumer_waits() -> None:
    answer = AnswerStream(1, Ends())
    waiting = asyncio.create_task(answer.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    answer.put([7])
    assert await waiting == ([7], None)


async def test_the_end_comes_with_the_last_ids_and_stays() -> None:
    ends = Ends()
    answer = AnswerStream(1, ends)
    answer.put([1])
    answer.end(Ended(1, END, usage=Usage(completion_tokens=1)))
    ids, end = await answer.next()
    assert ids == [1]
    assert end is not None
    assert (end.reason, end.usage.completion_tokens) == (FinishReason.END, 1)
    assert (await answer.next())[1] == end
    assert ends.count == 1


async def test_what_came_before_a_loss_is_given_out_first() -> None:
    ends = Ends()
    answer = AnswerStream(1, ends)
    answer.put([1, 2])
    answer.fail(WorkerLost("gone"))
    answer.fail(WorkerLost("gone again"))
    assert await answer.next() == ([1, 2], None)
    with pytest.raises(WorkerLost, match="^gone$"):
        await answer.next()
    assert ends.count == 1


async def test_an_error_of_the_model_is_no_loss_of_the_worker() -> None:
    answer = AnswerStream(1, Ends())
    answer.end(Ended(1, ERROR, "there is no memory left"))
    with pytest.raises(GenerationError, match=r"The model failed: there is no memory left\.") as e:
        await answer.next()
    assert not isinstance(e.value, WorkerLost)


async def test_a_loss_after_the_end_changes_nothing() -> None:
    answer = AnswerStream(1, Ends())
    answer.end(Ended(1, LENGTH))
    answer.fail(WorkerLost("gone"))
    _, end = await answer.next()
    assert end is not None
    assert end.reason is FinishReason.LENGTH
