"""Parley put together from settings, with the scripted backend in a process of its own."""

import asyncio
import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest

from bot.clock import SystemClock
from bot.config import Settings, load
from bot.errors import ModelError, StorageError
from bot.generation import WorkerGenerator, worker_client
from bot.generation.process import spawn
from bot.messages import ConversationKey, ModelInfo, Person, Question
from bot.observer import Event, NoObserver, WorkerStarted
from bot.ports import AnswerState, Quota, Store
from parley import app
from parley.app import _purging, engine_options, open_parley, server_options, worker_options
from storage import open_store
from storage.in_memory import MemoryStore
from tests.fake_surface import FakeSurface
from tests.tiny_model import write_tiny_model
from tests.until import until

ME = Person("test", "1", "Ana")
HERE = ConversationKey("test", "here")


def configured(folder: Path, text: str = "") -> Settings:
    file = folder / "config.toml"
    file.write_text(text)
    environment = {
        "PARLEY_MODEL__BACKEND": "scripted",
        "PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND": "500",
        "PARLEY_STORAGE__URL": "sqlite:///parley.sqlite3",
    }
    return load(file, environment)


def question(text: str) -> Question:
    return Question(HERE, ME, text, event_id=uuid4().hex)


@pytest.mark.process
async def test_a_question_is_answered_and_kept(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    surface = FakeSurface(SystemClock())
    async with open_parley(settings) as running:
        job = await running.engine.ask(question("Hello"), surface)
        assert job is not None
        assert (await job.ended()).state is AnswerState.DONE
    assert surface.joined() == settings.model.scripted.text
    async with open_store(settings.database_url) as store:
        (exchange,) = await store.exchanges(HERE)
        assert exchange.answer == settings.model.scripted.text


async def test_the_system_prompts_date_is_that_of_the_configured_time_zone(tmp_path: Path) -> None:
    for zone, hours in (("Etc/GMT-14", 14), ("Etc/GMT+12", -12)):
        chosen = configured(tmp_path, f'[conversation]\ntime_zone = "{zone}"\n')
        assert engine_options(chosen).window.now().utcoffset() == timedelta(hours=hours)


@pytest.mark.process
async def test_the_models_process_ends_with_parley(tmp_path: Path) -> None:
    async with open_parley(configured(tmp_path)) as running:
        assert isinstance(running.generator, WorkerGenerator)
        pid = running.generator.worker_pid
        assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.process
async def test_what_is_too_old_is_deleted_at_the_start(tmp_path: Path) -> None:
    settings = configured(tmp_path, "[storage]\nretention_days = 30\n")
    long_ago = datetime.now(UTC) - timedelta(days=31)
    async with open_store(settings.database_url, now=lambda: long_ago) as store:
        await store.accept(question("old"), Quota())
    async with open_store(settings.database_url) as store:
        await store.accept(question("new"), Quota())
    async with open_parley(settings) as running:

        async def deleted() -> bool:
            return len(await running.store.answers(conversation=HERE)) < 2

        await until(deleted)  # the deletion runs in the background
        answers = await running.store.answers(conversation=HERE)
    assert [answer.question.text for answer in answers] == ["new"]


@pytest.mark.process
async def test_nothing_is_deleted_by_default(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    async with open_store(
        settings.database_url, now=lambda: datetime(2000, 1, 1, tzinfo=UTC)
    ) as store:
        await store.accept(question("old"), Quota())
    async with open_parley(settings) as running:
        assert len(await running.store.answers(conversation=HERE)) == 1


class FailingArchive(MemoryStore):
    """Its first two deletions fail, by a defect and by the database."""

    def __init__(self) -> None:
        super().__init__()
        self.purged = 0

    async def purge(self, before: datetime) -> int:
        self.purged += 1
        match self.purged:
            case 1:
                raise TypeError("a defect")
            case 2:
                raise StorageError("the database is locked")
            case _:
                return await super().purge(before)


class DaysGoBy(SystemClock):
    """Sleeping takes no time."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


async def test_the_daily_deletion_outlives_every_failure(caplog: pytest.LogCaptureFixture) -> None:
    archive = FailingArchive()
    async with _purging(archive, DaysGoBy(), 30):
        while archive.purged < 3:
            await asyncio.sleep(0)
    said = [record for record in caplog.records if record.name == "parley.app"]
    assert [record.getMessage() for record in said[:2]] == [
        "exchanges older than 30 days could not be deleted, by a defect of Parley",
        "exchanges older than 30 days could not be deleted: the database is locked",
    ]
    assert [bool(record.exc_info) for record in said[:2]] == [True, False]


@pytest.mark.process
async def test_a_model_that_cannot_be_loaded_lets_go_of_the_database(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    broken = settings.model_copy(
        update={"model": settings.model.model_copy(update={"python": "/no/python"})}
    )
    with pytest.raises(ModelError, match="/no/python"):
        async with open_parley(broken):
            raise AssertionError("it has no model")
    async with open_parley(settings):
        pass


@pytest.mark.process
async def test_a_database_that_cannot_be_opened_ends_the_models_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[asyncio.subprocess.Process] = []

    async def watched(python: str, passed_on: Collection[str] = ()) -> asyncio.subprocess.Process:
        started.append(await spawn(python, passed_on))
        return started[-1]

    monkeypatch.setattr(worker_client, "spawn", watched)
    (tmp_path / "parley.sqlite3").write_bytes(b"not a database" * 1000)
    with pytest.raises(StorageError):
        async with open_parley(configured(tmp_path)):
            raise AssertionError("it has no database")
    assert [process.returncode is None for process in started] == [False]


@pytest.mark.process
async def test_the_database_is_opened_while_the_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what happened before it was open is observed too."""
    loaded = asyncio.Event()

    @asynccontextmanager
    async def slow_store(url: str) -> AsyncIterator[Store]:
        await loaded.wait()  # for ever, where the model waits for the database
        async with open_store(url) as store:
            yield store

    class Watching(NoObserver):
        events: ClassVar[list[Event]] = []

        def observe(self, event: Event) -> None:
            self.events.append(event)

    start = WorkerGenerator.start

    async def watched(self: WorkerGenerator) -> ModelInfo:
        found = await start(self)
        loaded.set()
        return found

    monkeypatch.setattr(app, "open_store", slow_store)
    monkeypatch.setattr(WorkerGenerator, "start", watched)
    async with open_parley(configured(tmp_path), observer=Watching()):
        assert Watching.events == [WorkerStarted(again=False)]


def test_the_settings_reach_the_engine(tmp_path: Path) -> None:
    options = engine_options(
        configured(
            tmp_path,
            "[conversation]\nsystem_prompt = 'Be kind.'\nshow_names = false\n"
            "channel_context = 7\nparallel = 3\n"
            "[limits]\nqueue = 7\nqueue_per_person = 2\nanswers_per_day = 3\ntokens_per_day = 4\n"
            "question_characters = 5\n[model]\nmax_parallel = 6\n"
            "[delivery]\ncheckpoint_interval = 8.0\n[generation]\nmax_new_tokens = 9\n",
        )
    )
    assert (options.window.system_prompt, options.window.show_names) == ("Be kind.", False)
    assert options.window.channel_context == 7
    assert options.window.sampling.max_new_tokens == 9
    assert (options.queue, options.queue_per_person, options.slots) == (7, 2, 6)
    assert options.parallel == 3
    assert options.quota == Quota(3, 4)
    assert (options.question_characters, options.checkpoint_interval) == (5, 8.0)


def test_the_settings_reach_the_model(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[model]\nname = "mine"\nbackend = "openvino"\ndevice = "gpu"\nlow_bit = "sym_int8"\n'
        'context = 1024\nmax_parallel = 2\npython = "venv/bin/python"\ncache_dir = "cache"\n'
        '[model.openvino]\nkv_cache = "int8"\n[model.torch]\ncompile = "on"\n'
        '[model.llamacpp]\nserver = "bin/llama-server"\ngpu_layers = 9\narguments = ["-t", "2"]\n'
    )
    (tmp_path / "mine").mkdir()
    write_tiny_model(tmp_path / "mine")
    options = worker_options(load(file, {}), chat=False)
    assert options.model == tmp_path / "mine"
    assert (options.backend, options.device, options.low_bit) == ("openvino", "gpu", "sym_int8")
    assert (options.context, options.max_parallel, options.chat) == (1024, 2, False)
    assert options.python == str(tmp_path / "venv/bin/python")
    assert options.cache_dir == tmp_path / "cache"
    assert options.server == str(tmp_path / "bin/llama-server")
    assert (options.gpu_layers, options.arguments) == (9, ("-t", "2"))
    assert options.compile
    assert options.kv_cache == "int8"


def test_the_demo_model_runs_on_the_cpu_unless_the_settings_say_otherwise() -> None:
    def place(**said: str) -> tuple[str, str]:
        variables = {f"PARLEY_MODEL__{key.upper()}": value for key, value in said.items()}
        options = worker_options(load(None, variables))
        return options.backend, options.device

    assert place() == ("openvino", "cpu")
    assert place(device="gpu") == ("auto", "gpu")
    assert place(backend="torch") == ("torch", "auto")
    assert place(python="/opt/ipex/bin/python") == ("auto", "auto")


def test_the_settings_reach_a_model_server(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[model]\nbackend = "openai"\ncontext = 2048\n'
        '[model.openai]\nbase_urls = ["http://one/v1"]\nmodel = "llama"\napi_key = "key"\n'
    )
    options = server_options(load(file, {}))
    assert tuple(options.base_urls) == ("http://one/v1",)
    assert (options.model, options.api_key, options.context) == ("llama", "key", 2048)
