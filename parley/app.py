"""The composition root: builds store, generator, delivery and engine from the settings.

No other module knows which class implements which Protocol of `bot.ports`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.clock import Clock, SystemClock
from bot.config import ServerModelSettings, Settings
from bot.delivery import Delivery
from bot.engine import Engine, EngineOptions
from bot.engine.models import ModelSlots
from bot.engine.variables import time_in
from bot.engine.window import WindowOptions
from bot.errors import StorageError
from bot.generation import LoadProgress, WorkerGenerator, WorkerOptions
from bot.generation.models import OnDemand
from bot.models.choose import backend_and_device, interpreter
from bot.models.find import display_name, find_model
from bot.models.kind import require_suited
from bot.observer import Event, Observer
from bot.ports import Archive, Generator, Quota, Store
from parley.environments.llamacpp import server_path
from parley.history import History, saving
from storage import open_store
from storage.rules import utc_now

if TYPE_CHECKING:
    from bot.generation.openai import ServerOptions

logger = logging.getLogger(__name__)

DAY = 24 * 3600.0

Progress = Callable[[LoadProgress], None]


@dataclass(frozen=True, slots=True)
class Parley:
    """The running parts that a command or an adapter works with."""

    engine: Engine
    store: Store
    generator: Generator


@asynccontextmanager
async def open_parley(
    settings: Settings,
    *,
    on_progress: Progress | None = None,
    edit_interval: float | None = None,
    fold_thoughts: bool | None = None,
    observer: Observer | None = None,
) -> AsyncIterator[Parley]:
    """Open the database, load the model meanwhile, start the engine, and close all of it after the
    body.

    While the body runs, exchanges older than ``[storage] retention_days`` are deleted once a day.
    `on_progress` is called while the model is loaded. `edit_interval`, in seconds, overrides
    ``[delivery] edit_interval`` for a surface without a rate limit, and `fold_thoughts`
    ``[conversation] thinking``. `observer` is told what happens. Raises ConfigError, StorageError
    and ModelError; whatever was opened before is closed then.
    """
    clock = SystemClock()
    section = settings.delivery
    fold = settings.conversation.thinking == "fold" if fold_thoughts is None else fold_thoughts
    early, begun = EarlyEvents(), asyncio.Event()

    def report(progress: LoadProgress) -> None:
        begun.set()
        if on_progress is not None:
            on_progress(progress)

    async with AsyncExitStack() as stack:
        generator = await stack.enter_async_context(
            open_generator(settings, report, observer=early)
        )
        await stack.enter_async_context(_loading(generator, begun))
        store = await stack.enter_async_context(open_store(settings.database_url))
        observer = history = History(store, utc_now, settings.model.name, observer)
        await stack.enter_async_context(saving(history, clock))
        early.pass_on_to(history)
        stack.push_async_callback(generator.aclose)  # its last events are saved
        delivery = Delivery(
            clock,
            store,
            edit_interval=section.edit_interval if edit_interval is None else edit_interval,
            max_messages=section.max_messages,
            tag=store.tag,
            fold=fold,
            observer=observer,
        )
        further = await stack.enter_async_context(open_further(settings, clock, observer))
        options = engine_options(settings)
        engine = Engine(generator, store, delivery, clock, options, observer, further)
        await stack.enter_async_context(engine)
        history.model = engine.status.model.name
        await stack.enter_async_context(_purging(store, clock, settings.storage.retention_days))
        yield Parley(engine, store, generator)


class EarlyEvents:
    """An observer until there is another one, which is then told what happened before."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._to: Observer | None = None

    def observe(self, event: Event) -> None:
        if self._to is None:
            self._events.append(event)
        else:
            self._to.observe(event)

    def pass_on_to(self, observer: Observer) -> None:
        """Tell `observer` all that happened, and from now on what happens."""
        self._to = observer
        for event in self._events:
            observer.observe(event)


@asynccontextmanager
async def _loading(generator: Generator, begun: asyncio.Event) -> AsyncIterator[None]:
    """Begin to load a model on this machine; the body runs once its process is being started, which
    sets `begun`: it would compete for Python's lock before. That loading fails is raised by the
    generator's next `start`."""
    if not isinstance(generator, WorkerGenerator):
        yield
        return
    task = asyncio.create_task(generator.start(), name="loading the model")
    task.add_done_callback(lambda _: begun.set())
    try:
        await begun.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def open_generator(
    settings: Settings,
    on_progress: Progress | None = None,
    *,
    chat: bool = True,
    exporter: str = "",
    observer: Observer | None = None,
) -> AsyncIterator[Generator]:
    """The generator alone, closed after the body; its `start` loads the model. ``chat=False``
    also accepts a model without a chat format, which can only complete text. `exporter` is the
    interpreter that exports a model which cannot be converted; "" uses earlier exports only.
    Raises ModelError."""
    generator: Generator
    if settings.model.backend == "openai":
        # Imported only here: its HTTP client is slow to import.
        from bot.generation.openai import OpenAIGenerator

        generator = OpenAIGenerator(server_options(settings), observer=observer)
    else:
        options = await asyncio.to_thread(worker_options, settings, chat=chat)
        options = replace(options, exporter=exporter)
        generator = WorkerGenerator(options, on_progress=on_progress, observer=observer)
    try:
        yield generator
    finally:
        await generator.aclose()


@asynccontextmanager
async def open_further(
    settings: Settings, clock: Clock, observer: Observer | None = None
) -> AsyncIterator[dict[str, ModelSlots]]:
    """The models of ``[models.NAME]``, by name, closed after the body. None of them is reached
    yet."""
    async with AsyncExitStack() as stack:
        further: dict[str, ModelSlots] = {}
        for name, section in settings.models.items():
            make = partial(_on_servers, further_options(name, section))
            generator = OnDemand(name, make, clock, observer)
            stack.push_async_callback(generator.aclose)
            further[name] = ModelSlots(generator, section.max_parallel, generator.reachable)
        yield further


def _on_servers(options: "ServerOptions", observer: Observer) -> Generator:
    from bot.generation.openai import OpenAIGenerator  # slow to import

    return OpenAIGenerator(options, observer=observer)


def worker_options(settings: Settings, *, chat: bool = True) -> WorkerOptions:
    """The section ``[model]`` as WorkerGenerator takes it. Blocking: searches the disk for the
    model. Raises ModelError where it is not found, or nothing runs it."""
    section = settings.model
    scripted = section.backend == "scripted"
    model = None if scripted else find_model(settings)
    if model is not None:
        require_suited(model, section.backend)
    backend, device = backend_and_device(section)
    return WorkerOptions(
        backend=backend,
        model=model,
        name="" if scripted else display_name(settings),
        device=device,
        low_bit=section.low_bit,
        context=section.context,
        max_parallel=section.max_parallel,
        python=interpreter(settings),
        environment=section.environment,
        cache_dir=settings.cache_folder,
        kv_cache=section.openvino.kv_cache,
        compile=section.torch.compile == "on",
        cpu_embedding=None if section.ipex.cpu_embedding == "auto" else section.ipex.cpu_embedding,
        optimize_model=section.ipex.optimize_model,
        server=server_path(settings),
        gpu_layers=section.llamacpp.gpu_layers,
        arguments=section.llamacpp.arguments,
        script=section.scripted.text,
        tokens_per_second=section.scripted.tokens_per_second,
        chat=chat,
    )


def server_options(settings: Settings) -> "ServerOptions":
    """The section ``[model.openai]`` as OpenAIGenerator takes it."""
    from bot.generation.openai import ServerOptions

    section = settings.model.openai
    return ServerOptions(
        base_urls=section.base_urls,
        model=section.model,
        api_key=section.api_key.get_secret_value(),
        context=settings.model.context,
    )


def further_options(name: str, section: ServerModelSettings) -> "ServerOptions":
    """One of ``[models.NAME]`` as OpenAIGenerator takes it."""
    from bot.generation.openai import ServerOptions

    return ServerOptions(
        base_urls=section.base_urls,
        model=section.model,
        api_key=section.api_key.get_secret_value(),
        context=section.context,
        context_setting=f"[models.{name}] context",
    )


def engine_options(settings: Settings) -> EngineOptions:
    """The settings that concern the engine."""
    limits = settings.limits
    return EngineOptions(
        window=WindowOptions(
            system_prompt=settings.conversation.system_prompt,
            show_names=settings.conversation.show_names,
            sampling=settings.generation.sampling(),
            reasoning=settings.model.reasoning,
            now=partial(time_in, settings.conversation.time_zone),
            channel_context=settings.conversation.channel_context,
        ),
        slots=settings.model.max_parallel,
        queue=limits.queue,
        queue_per_person=limits.queue_per_person,
        quota=Quota(limits.answers_per_day, limits.tokens_per_day),
        question_characters=limits.question_characters,
        checkpoint_interval=settings.delivery.checkpoint_interval,
        delete_with_question=settings.delivery.delete_with_question,
        parallel=settings.conversation.parallel,
    )


@asynccontextmanager
async def _purging(store: Archive, clock: Clock, days: int) -> AsyncIterator[None]:
    """Delete exchanges older than `days` now, and once a day while the body runs; 0 deletes
    nothing. A failure is logged, and ends neither the body nor the next day's deletion."""
    if not days:
        yield
        return
    purging = asyncio.create_task(_purge_daily(store, clock, timedelta(days=days)))
    try:
        yield
    finally:
        purging.cancel()
        await asyncio.wait([purging])


async def _purge_daily(store: Archive, clock: Clock, age: timedelta) -> None:
    while True:
        try:
            deleted = await store.purge(datetime.now(UTC) - age)
            logger.info("deleted %d exchanges older than %d days", deleted, age.days)
        except StorageError as error:
            logger.error("exchanges older than %d days could not be deleted: %s", age.days, error)
        except Exception:
            logger.exception(
                "exchanges older than %d days could not be deleted, by a defect of Parley", age.days
            )
        await clock.sleep(DAY)
