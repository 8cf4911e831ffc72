"""Memory runs out while an answer is written: it goes on by itself, with less of the conversation.

Everything is real but the model, which runs in a process of its own and has only so much memory.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.job import Job, Outcome
from bot.engine.runner import SHORT
from bot.engine.window import WindowOptions
from bot.generation import WorkerGenerator, WorkerOptions
from bot.messages import ConversationKey, Person, Question, Sampling, Usage
from bot.ports import AnswerState, Quota, SurfaceLimits
from storage.in_memory import MemoryStore
from tests.fake_surface import FakeSurface
from tests.out_of_memory_worker import out_of_memory_python

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a shell"),
]

GENERAL = ConversationKey("test", "general")
ANA = Person("test", "1", "Ana")
STORY = " ".join(f"word{n}" for n in range(60))
CONTEXT = 4000
OPTIONS = EngineOptions(
    window=WindowOptions("Be brief.", True, Sampling(max_new_tokens=200)),
    slots=4,
    queue=50,
    queue_per_person=50,
    quota=Quota(),
    question_characters=100_000,
    checkpoint_interval=0.01,
)


def surface() -> FakeSurface:
    return FakeSurface(SystemClock(), SurfaceLimits(1900, edits_per_second=1e4, burst=10_000))


class Bench:
    """An engine over a worker whose memory is full while `full` holds."""

    def __init__(self, engine: Engine, store: MemoryStore) -> None:
        self.engine = engine
        self.store = store
        self.surface = surface()
        """The last question's."""
        self._asked = 0

    def _question(self, text: str, where: ConversationKey) -> Question:
        self._asked += 1
        return Question(where, ANA, text, f"event {self._asked}", f"message {self._asked}")

    async def remember(self, exchanges: int, words: int, where: ConversationKey = GENERAL) -> None:
        """Let the conversation have a past."""
        for _ in range(exchanges):
            answer = await self.store.accept(self._question("word " * (words // 2), where), Quota())
            assert answer is not None
            text = "word " * (words // 2)
            await self.store.close(answer.id, AnswerState.DONE, text, Usage())
            await self.store.delivered(answer.id)

    async def answered(self, text: str, where: ConversationKey = GENERAL) -> tuple[Job, Outcome]:
        self.surface = surface()
        job = await self.engine.ask(self._question(text, where), self.surface)
        assert job is not None
        return job, await job.ended()


@asynccontextmanager
async def bench(folder: Path, full: str) -> AsyncIterator[Bench]:
    generator = WorkerGenerator(
        WorkerOptions(
            backend="scripted",
            script=STORY,
            tokens_per_second=0.0,
            context=CONTEXT,
            python=out_of_memory_python(folder, full),
        )
    )
    clock, store = SystemClock(), MemoryStore()
    delivery = Delivery(clock, store, edit_interval=0.0, max_messages=8)
    try:
        async with Engine(generator, store, delivery, clock, OPTIONS) as engine:
            yield Bench(engine, store)
    finally:
        await generator.aclose()


async def test_a_long_conversation_is_cut_and_the_answer_goes_on(tmp_path: Path) -> None:
    async with bench(tmp_path, "prompt > 2500") as b:
        await b.remember(10, words=300)
        job, outcome = await b.answered("And now?")
        assert (outcome.state, outcome.error) == (AnswerState.DONE, None)
        assert job.text == b.surface.joined() == STORY
        assert outcome.note == SHORT
        assert b.surface.visible[-1].note == SHORT
        assert outcome.usage.completion_tokens == 60
        status = b.engine.status.model
        assert status.context == 2000
        assert "the context was halved from 4000 to 2000 tokens" in status.note
        _, outcome = await b.answered("And then?")
        assert (outcome.state, outcome.note) == (AnswerState.DONE, ""), "it is said once"


async def test_an_answer_that_was_half_shown_goes_on_where_it_was(tmp_path: Path) -> None:
    async with bench(tmp_path, "prompt > 2500 and made == 20") as b:
        await b.remember(10, words=300)
        job, outcome = await b.answered("And now?")
        assert (outcome.state, outcome.note) == (AnswerState.DONE, SHORT)
        assert job.text == b.surface.joined() == STORY
        assert outcome.usage.completion_tokens == 60


async def test_a_question_that_alone_is_too_long_now_is_told_the_numbers(tmp_path: Path) -> None:
    async with bench(tmp_path, "prompt > 2500") as b:
        _, outcome = await b.answered("word " * 3000)
        assert outcome.state is AnswerState.FAILED
        assert "question is 3,00" in b.surface.visible[-1].note
        _, outcome = await b.answered("Shorter?")
        assert outcome.state is AnswerState.DONE


async def test_the_second_time_it_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path, "context > 100") as b:
        _, outcome = await b.answered("Hello?")
        assert outcome.state is AnswerState.FAILED
        assert "ran out again, with a context of 2000 tokens" in str(outcome.error)
        assert b.surface.visible[-1].note.startswith("The model is not available right now.")


async def test_answers_side_by_side_all_go_on(tmp_path: Path) -> None:
    channels = [ConversationKey("test", f"channel {number}") for number in range(4)]
    async with bench(tmp_path, "context > 2000") as b:
        for channel in channels:
            await b.remember(10, words=300, where=channel)
        both = await asyncio.gather(*(b.answered("And now?", channel) for channel in channels))
    assert [outcome.state for _, outcome in both] == [AnswerState.DONE] * 4
    assert [job.text for job, _ in both] == [STORY] * 4
