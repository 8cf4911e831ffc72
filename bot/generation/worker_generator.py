"""A `bot.ports.Generator` that runs a model in a worker process on this machine."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bot.errors import GenerationError, ModelError, NoRoom
from bot.generation.answer_stream import AnswerStream
from bot.generation.codec import Codec, load_codec
from bot.generation.options import WorkerOptions
from bot.generation.run import Run
from bot.generation.supervisor import RestartPolicy, Supervisor
from bot.generation.worker_client import Progress, WorkerClient
from bot.messages import Completion, Finished, ModelInfo, Prompt, Sampling, Thought
from bot.observer import Observer
from bot.worker.protocol import MIN_CONTEXT, LoadOptions

logger = logging.getLogger(__name__)


class WorkerGenerator:
    """Encodes prompts, sends requests, decodes answers. At most ``max_parallel`` requests are in
    the worker at a time; further ones wait here, first in, first out. A worker that dies is
    restarted; where its memory ran out, with half the context window, once."""

    def __init__(
        self,
        options: WorkerOptions,
        *,
        on_progress: Progress | None = None,
        restarts: RestartPolicy | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Starts no process. `on_progress` is called on the event loop while a model loads;
        `observer` is told of the worker's starts and ends."""
        self._options = options
        self._on_progress = on_progress
        self._supervisor = Supervisor(self._launch, restarts, observer=observer)
        self._batch_slots = asyncio.Semaphore(options.max_parallel)
        self._codec_lock = asyncio.Lock()
        self._codec: Codec | None = None
        self._client: WorkerClient | None = None
        self._context = 0
        """The loaded model's context window, in tokens; 0 before the first load. Less than the
        codec's where memory or speed allow no more."""
        self._window_note = ""
        """What the worker noted at the load that chose the context window."""
        self._halved = ""
        """A note for the operator that memory ran out and the context window was halved, or ""."""

    async def start(self) -> ModelInfo:
        codec = await self._load_codec()
        client = await self._supervisor.worker()
        facts = client.facts
        return ModelInfo(
            name=self._options.name or codec.name,
            backend=facts.backend or self._options.backend,
            device=facts.device,
            low_bit=facts.low_bit,
            context=facts.context,
            note=self._note(facts.note),
            thinks_at=tuple(sorted(codec.thinks_at)),
            reasoning_levels=tuple(sorted(codec.reasoning_levels)),
        )

    async def count(self, prompt: Prompt | Completion) -> int:
        return await (await self._load_codec()).count(prompt)

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        window = self._context
        codec = await self._load_codec()
        run = Run.of(codec, prompt, await codec.encode(prompt), sampling)
        lost = isinstance(prompt, Prompt) and prompt.thought and not prompt.answer
        if lost and not run.reader.thinking:
            yield Thought("", whole=True)  # the chat format cannot take the thought up
        while not run.ended:
            async with aclosing(self._pieces(run, codec, window)) as pieces:
                async for piece in pieces:
                    yield piece
            if not run.ended:
                run = run.answering(codec)

    async def _pieces(
        self, run: Run, codec: Codec, window: int
    ) -> AsyncGenerator[str | Thought | Finished]:
        """What one request generates, to its end; or until its thought is to be closed."""
        if run.to_be_closed(codec):
            return
        run.begin()
        client, answer = await self._begin(run, window)
        waited = time.monotonic() - run.asked
        try:
            finished: Finished | None = None
            while finished is None and run.reader.ended is None and not run.reader.exhausted:
                new, finished = await answer.next()
                run.count()
                for piece in run.reader.feed(new):
                    yield piece
            if run.to_be_closed(codec):
                return
            for piece in run.reader.flush():
                yield piece
            yield run.finished(finished, waited)
        finally:
            client.cancel(answer)

    async def aclose(self) -> None:
        await self._supervisor.aclose()

    @property
    def worker_pid(self) -> int | None:
        """The worker's process id while one with a loaded model runs, else None. For diagnosis."""
        return self._supervisor.pid

    async def _load_codec(self) -> Codec:
        async with self._codec_lock:
            if self._codec is None:
                self._codec = await asyncio.to_thread(load_codec, self._options)
            return self._codec

    async def _launch(self) -> WorkerClient:
        options = self._options
        codec = await self._load_codec()
        context, halved = self._next_context(codec.context)
        # A worker that starts again gets the window that prompts were packed for.
        fit = options.context == 0 and not self._context
        load = await asyncio.to_thread(load_options, options, codec, context, fit=fit)
        client = await WorkerClient.launch(
            load,
            python=options.python,
            environment=options.environment,
            timeouts=options.timeouts,
            on_progress=self._on_progress,
        )
        facts = client.facts
        if facts.note:
            logger.info("the model: %s (%s)", facts.note, facts.device)
        if not self._context or (facts.note and facts.context < self._context):
            self._window_note = facts.note
        # Only now: where the start failed, the next one is with half of the window, too.
        self._client, self._context, self._halved = client, facts.context, halved
        return client

    def _note(self, newest: str) -> str:
        """What the operator should know: of the window, of the newest load, and of memory."""
        chosen = self._window_note
        notes = [newest] if chosen in newest else [chosen] if newest in chosen else [chosen, newest]
        return "; ".join(filter(None, [*notes, self._halved]))

    def _next_context(self, whole: int) -> tuple[int, str]:
        """The context window to load with, in tokens: `whole`, or half of it after memory ran out
        during generation; and the note about that. Raises ModelError where it ran out a second
        time."""
        context = self._context or whole
        if self._client is None or not self._client.out_of_memory:
            return context, self._halved
        if self._halved or context // 2 < MIN_CONTEXT:
            raise ModelError(
                f"The memory of {self._client.facts.device} ran out again, with a context of "
                f"{context} tokens and {self._options.max_parallel} answers at a time: set "
                "[model] context, max_parallel or low_bit lower."
            )
        halved = (
            f"the memory ran out: the context was halved from {context} to {context // 2} tokens"
        )
        logger.warning("%s", halved)
        return context // 2, halved

    async def _begin(self, run: Run, window: int) -> tuple[WorkerClient, AnswerStream]:
        """Send the request as soon as fewer than ``max_parallel`` are in flight. It counts as in
        flight until the worker reports its end or dies. Raises NoRoom where the context window has
        become smaller than `window` meanwhile and prompt and answer do not fit it, and
        GenerationError where there is no worker."""
        await self._batch_slots.acquire()
        try:
            client = await self._supervisor.worker()
            # The context window is known only now: memory may have run out meanwhile.
            context = client.facts.context
            if len(run.prompt) + run.most > context and context < window:
                raise NoRoom(
                    f"The model's context window shrank from {window} to {context} tokens."
                )
            return client, client.add(run.request(context), self._batch_slots.release)
        except ModelError as exc:
            self._batch_slots.release()
            raise GenerationError(str(exc)) from exc
        except BaseException:
            self._batch_slots.release()
            raise


def load_options(
    options: WorkerOptions, codec: Codec, context: int, *, fit: bool = False
) -> LoadOptions:
    """What the worker is told to load. `fit`: `context` is the most, and the worker may take a
    smaller window. Blocking: tokenizes a few samples."""
    return LoadOptions(
        backend=options.backend,
        model=str(options.model or ""),
        device=options.device,
        low_bit=options.low_bit,
        context=context,
        fit=fit,
        max_parallel=options.max_parallel,
        cache_dir=str(options.cache_dir or ""),
        exporter=options.exporter,
        kv_cache=options.kv_cache,
        compile=options.compile,
        cpu_embedding=options.cpu_embedding,
        optimize_model=options.optimize_model,
        server=options.server,
        gpu_layers=options.gpu_layers,
        arguments=options.arguments,
        script=options.script,
        tokens_per_second=options.tokens_per_second,
        samples=codec.samples(),
    )
