"""An edit that the database refuses half way leaves no message unfinished."""

import pytest

from bot.engine.engine import NOT_BEGUN
from bot.errors import StorageError
from bot.messages import ConversationKey
from bot.ports import AnswerState, StoredAnswer
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import GENERAL, POEM, bench
from tests.fake_surface import at
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


class FullForEdits(MemoryStore):
    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        raise StorageError("the disk is full")


async def test_an_answer_that_was_stopped_for_an_edit_which_fails_shows_its_end() -> None:
    generator = ScriptedGenerator(lambda _: POEM, paced=True)
    async with bench(generator, FullForEdits()) as b:
        job = await b.ask("What is 2+2?")
        surface = b.surfaces[job.id]
        generator.let(5)
        await until(lambda: "word3" in surface.joined())
        with pytest.raises(StorageError):
            await b.engine.question_edited(GENERAL, "message 1", "What is 3+3?", at(surface))
        await b.engine.finish()
        (shown,) = surface.visible
        assert shown.text.startswith("word0 word1")
        assert not shown.state.open
        assert shown.note == NOT_BEGUN
        stored = await b.stored(job)
        assert (stored.state, stored.question.text) == (AnswerState.STOPPED, "What is 2+2?")
        assert await b.store.answers(unfinished=True) == []
