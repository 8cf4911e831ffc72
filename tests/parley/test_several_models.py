"""Parley with several models, put together from settings, each on a loopback server of its own."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from bot.checks import State
from bot.clock import SystemClock
from bot.config import Settings, load
from bot.errors import ModelError
from bot.messages import ConversationKey, Person, Question
from bot.ports import AnswerState, ConversationSettings
from parley.app import Parley, open_parley
from parley.commands.status_report import _collect, _lines
from parley.doctor.backends import check_further
from parley.setup.session import secret_in, secrets_of
from parley.web.reports import in_force
from tests.fake_surface import FakeSurface
from tests.raw_server import STOP, RawServer, event, plain, raw_server, stream

ADA = Person("test", "1", "Ada", admin=True)
HERE = ConversationKey("test", "here")
THERE = ConversationKey("test", "there")
SECRET = "a-secret-key-of-large"
NOWHERE = "http://127.0.0.1:9/v1"
"""The discard port: nothing listens there."""


def configured(folder: Path, small: str, large: str) -> Settings:
    file = folder / "config.toml"
    file.write_text(
        f'[model]\nbackend = "openai"\n[model.openai]\nbase_urls = ["{small}"]\n'
        f'[models.large]\nbase_urls = ["{large}"]\ncontext = 999\nmax_parallel = 3\n'
        '[storage]\nurl = "memory://"\n'
    )
    return load(file, {"PARLEY_MODELS__LARGE__API_KEY": SECRET})


@asynccontextmanager
async def running(
    folder: Path, small: RawServer | str, large: RawServer | str
) -> AsyncIterator[Parley]:
    urls = [one if isinstance(one, str) else one.url for one in (small, large)]
    async with open_parley(configured(folder, *urls)) as parley:
        await parley.engine.change_settings(THERE, ADA, ConversationSettings(model="large"))
        yield parley


async def answer(parley: Parley, where: ConversationKey) -> tuple[AnswerState, str]:
    surface = FakeSurface(SystemClock())
    question = Question(where, ADA, "Hi", uuid4().hex)
    job = await parley.engine.ask(question, surface)
    assert job is not None
    outcome = await job.ended()
    return outcome.state, surface.joined() or outcome.note


async def test_each_conversation_goes_to_the_server_of_its_model(tmp_path: Path) -> None:
    async with raw_server(chat=stream(event("small"), STOP)) as small:
        async with raw_server(chat=stream(event("LARGE"), STOP)) as large:
            async with running(tmp_path, small, large) as parley:
                assert await answer(parley, HERE) == (AnswerState.DONE, "small")
                assert await answer(parley, THERE) == (AnswerState.DONE, "LARGE")
                (status,) = parley.engine.status.further
                assert status.model is not None
                assert (status.name, status.model.context, status.slots) == ("large", 999, 3)
            keys = {request.headers.get("authorization", "") for request in large.requests}
            assert keys == {f"Bearer {SECRET}"}
            assert not any(SECRET in str(request.headers) for request in small.requests)


async def test_a_further_model_that_is_down_prevents_no_start_and_no_other_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with raw_server(chat=stream(event("small"), STOP)) as small:
            async with running(tmp_path, small, NOWHERE) as parley:
                state, note = await answer(parley, THERE)
                assert state is AnswerState.FAILED
                assert note.startswith("The model large is not available right now.")
                assert await answer(parley, HERE) == (AnswerState.DONE, "small")
    assert "the model large cannot be used" in caplog.text
    assert "[models.large] base_urls" in caplog.text
    assert SECRET not in caplog.text


async def test_the_default_model_has_to_answer_as_before(tmp_path: Path) -> None:
    async with raw_server(chat=stream(event("LARGE"), STOP)) as large:
        with pytest.raises(ModelError, match=r"\[model.openai\]"):
            async with running(tmp_path, NOWHERE, large):
                raise AssertionError("it must not start")


async def test_the_doctor_asks_each_server_of_each_model(tmp_path: Path) -> None:
    async with raw_server(chat=stream(event("OK"), STOP)) as good:
        (result,) = await check_further(configured(tmp_path, NOWHERE, good.url))
        assert (result.state, result.what) == (State.OK, f"large: {good.url}")
        assert result.detail.startswith("llama answers, context 999 tokens")
    async with raw_server(models=plain({"error": "no"}, status=401)) as locked:
        (result,) = await check_further(configured(tmp_path, NOWHERE, locked.url))
        assert result.state is State.FAILED
        assert result.remedy == "Set PARLEY_MODELS__LARGE__API_KEY."
    assert await check_further(Settings()) == []


async def test_status_and_the_operators_page_tell_the_models_and_no_key(tmp_path: Path) -> None:
    settings = configured(tmp_path, "http://10.0.0.2/v1", "http://10.0.0.3/v1")
    shown = dict(_lines(await _collect(settings)))
    assert shown["Model large"] == "the first that the server lists, on http://10.0.0.3/v1"
    listed = {
        (one.section, one.name): (one.value, one.origin)
        for one in in_force(settings)
        if one.section == "models.large"
    }
    assert listed["models.large", "max_parallel"] == ("3", "config.toml")
    assert listed["models.large", "api_key"] == ("set", "PARLEY_MODELS__LARGE__API_KEY")


def test_the_key_of_each_model_is_a_secret(tmp_path: Path) -> None:
    settings = configured(tmp_path, "http://10.0.0.2/v1", "http://10.0.0.3/v1")
    assert SECRET in settings.secrets
    assert secrets_of(settings)[-1] == ("models", "large", "api_key")
    assert secret_in(settings, ("models", "large", "api_key")) == SECRET
    assert SECRET not in repr(settings)
