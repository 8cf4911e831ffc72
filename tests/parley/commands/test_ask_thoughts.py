"""A thought on standard error, in front of its answer."""

import asyncio
import io

from adapters.console.plain import PlainSurface, PlainText
from bot.engine.job import Job, Outcome
from bot.messages import Thought
from bot.ports import AnswerState, Part
from parley.commands.ask_thoughts import AnswerBelow, PrintedThought
from tests.bot.delivery.recording_ledger import stored


async def test_the_answer_begins_below_the_thought() -> None:
    both = io.StringIO()
    thought = PrintedThought(PlainText(both))
    surface = AnswerBelow(PlainText(both), thought)
    job = Job(stored(), PlainSurface(PlainText(io.StringIO())), None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(thought.follow(job))
        await asyncio.sleep(0)
        job.write(Thought("Let me"))
        job.write(Thought(" see."))
        await surface.send(Part(1, 0, "Fine.", AnswerState.WRITING, last=True))
        job.outcome = Outcome(AnswerState.DONE)
        await surface.edit("", Part(1, 0, "Fine.", AnswerState.DONE, last=True))
        job.mark_ended()
    assert both.getvalue() == "Let me see.\nFine.\n"


async def test_a_thought_that_is_begun_anew_is_printed_anew() -> None:
    out = io.StringIO()
    thought = PrintedThought(PlainText(out))
    job = Job(stored(), PlainSurface(PlainText(io.StringIO())), None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(thought.follow(job))
        job.write(Thought("Let me"))
        while "Let me" not in out.getvalue():
            await asyncio.sleep(0)
        job.write(Thought("", whole=True))
        job.write(Thought("Well."))
        job.mark_ended()
    assert out.getvalue() == "Let me\nWell.\n"
