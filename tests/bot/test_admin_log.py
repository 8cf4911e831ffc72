"""What admins do leaves a line in the log: who, where and what, and no text of anybody."""

import logging
from collections.abc import Iterator

import pytest

from bot.logs import JsonLines
from bot.ports import ConversationSettings, StoredAnswer
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import ADMIN, ANA, BEN, GENERAL, bench
from tests.fake_surface import FakeSurface
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

SECRET = "the text of somebody"


class Lines(logging.Handler):
    """Keeps what the log gets, as lines of JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    handler = Lines()
    caplog.set_level(logging.INFO, "bot.admin_log")
    logging.getLogger("bot.admin_log").addHandler(handler)
    yield handler.lines
    logging.getLogger("bot.admin_log").removeHandler(handler)


def line(lines: list[str]) -> str:
    (one,) = lines
    assert f'"conversation": "{GENERAL}"' in one
    assert '"level": "info"' in one
    return one


async def test_a_reset_leaves_a_line(lines: list[str]) -> None:
    async with bench() as b:
        await b.answer(SECRET)
        await b.engine.reset(GENERAL, ADMIN)
    assert "admin test:3 restarted the conversation: 1 question hidden" in line(lines)
    assert SECRET not in line(lines)


async def test_changed_settings_leave_a_line_that_names_each_and_no_prompt(
    lines: list[str],
) -> None:
    async with bench() as b:
        settings = ConversationSettings(SECRET, temperature=0.5, muted=True)
        await b.engine.change_settings(GENERAL, ADMIN, settings)
    said = "set system_prompt to a text of 20 characters, temperature to 0.5, muted to True"
    assert f"admin test:3 {said}" in line(lines)
    assert SECRET not in line(lines)


async def test_settings_that_stay_as_they_are_leave_no_line(lines: list[str]) -> None:
    async with bench() as b:
        await b.engine.change_settings(GENERAL, ADMIN, ConversationSettings())
    assert not lines


async def test_a_default_that_returns_is_called_so(lines: list[str]) -> None:
    store = MemoryStore()
    await store.change_settings(GENERAL, ConversationSettings(muted=True, system_prompt=SECRET))
    async with bench(store=store) as b:
        await b.engine.change_settings(GENERAL, ADMIN, ConversationSettings(muted=True))
    assert "admin test:3 set system_prompt to default" in line(lines)


async def test_stopping_answers_to_others_leaves_a_line_and_ones_own_do_not(
    lines: list[str],
) -> None:
    async with bench(ScriptedGenerator(paced=True)) as b:
        await b.ask("Count.", by=ANA)
        await b.ask("Count.", by=ADMIN)
        await b.engine.stop(GENERAL, ADMIN)
        assert not lines
        await b.engine.stop(GENERAL, ADMIN, everyone=True)
    assert "admin test:3 stopped 1 answer to other people" in line(lines)


async def test_having_an_answer_to_somebody_else_written_again_leaves_a_line(
    lines: list[str],
) -> None:
    async with bench() as b:
        job = await b.ask(SECRET, by=BEN)
        await job.ended()

        async def find(answer: StoredAnswer) -> FakeSurface:
            return b.surfaces[answer.id] if answer.id in b.surfaces else b.surfaces[job.id]

        again = await b.engine.regenerate(GENERAL, BEN, find)
        await again.ended()
        await until(lambda: not b.engine.running)
        assert not lines
        await (await b.engine.regenerate(GENERAL, ADMIN, find)).ended()
    assert "admin test:3 had answered again an answer to another person" in line(lines)


async def test_a_deleted_conversation_leaves_a_line(lines: list[str]) -> None:
    async with bench() as b:
        await b.answer(SECRET)
        await b.engine.forget_conversation(GENERAL)
    assert "admin (the operator) deleted the conversation: 1 question" in line(lines)
