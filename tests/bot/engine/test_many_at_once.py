"""The settings for many questions at the same moment are read some at a time."""

import asyncio

from bot.engine.admission import READ_AT_ONCE
from bot.messages import Completion, ConversationKey, Person, Prompt, Question
from bot.ports import ConversationSettings
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import a_surface, bench
from tests.scripted_generator import ScriptedGenerator

MANY = 40


class Slow(MemoryStore):
    """Notes how many reads are open at the same time; each takes a few rounds of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.open = self.most = 0

    async def settings(self, conversation: ConversationKey) -> ConversationSettings:
        self.open += 1
        self.most = max(self.most, self.open)
        for _ in range(5):
            await asyncio.sleep(0)
        self.open -= 1
        return await super().settings(conversation)


class StuckServer(ScriptedGenerator):
    """Never says how many tokens questions have that begin with "stuck"."""

    async def count(self, prompt: Prompt | Completion) -> int:
        if isinstance(prompt, Prompt) and "stuck" in prompt.question:
            await asyncio.Event().wait()
        return await super().count(prompt)


def a_question(number: int, text: str = "Hello") -> Question:
    where = ConversationKey("test", f"channel {number}")
    return Question(where, Person("test", f"{number}", "Ana"), text, f"event {number}")


async def test_settings_of_many_conversations_are_read_some_at_a_time() -> None:
    store = Slow()
    async with bench(store=store, slots=MANY, queue=2 * MANY) as b:
        async with asyncio.TaskGroup() as tasks:
            asked = [
                tasks.create_task(b.engine.ask(a_question(number), a_surface()))
                for number in range(MANY)
            ]
        await b.engine.finish()
        assert all(job.result() is not None for job in asked)
        assert store.most == READ_AT_ONCE


async def test_questions_that_wait_for_a_server_do_not_hold_up_those_of_others() -> None:
    async with bench(StuckServer(), slots=MANY, queue=2 * MANY) as b:
        stuck = [
            asyncio.create_task(b.engine.ask(a_question(number, "stuck"), a_surface()))
            for number in range(2 * READ_AT_ONCE)
        ]
        job = await b.engine.ask(a_question(100), a_surface())
        assert job is not None
        await job.ended()
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
