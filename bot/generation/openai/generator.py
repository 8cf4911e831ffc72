"""The `Generator` for OpenAI-compatible servers.

A request is retried on another replica until text has been yielded. After that, WorkerLost makes
the engine request a continuation: the last message is then the beginning of the answer, which vLLM
continues because of ``continue_final_message``, and llama.cpp's server always. Closing the stream
closes the connection, on which these servers stop generating.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from bot.clock import Clock, SystemClock
from bot.errors import GenerationError, ModelError, WorkerLost
from bot.generation.openai.answer import read_answer
from bot.generation.openai.client import SETTING, BadStream, HttpError, IdleLimit, ServerClient
from bot.generation.openai.counting import ServerCounter, text_estimate
from bot.generation.openai.events import read_chunks
from bot.generation.openai.listing import (
    Listed,
    beside,
    choose,
    described,
    listed,
    product,
    serves,
)
from bot.generation.openai.parameters import RefusedParameters, too_long, without
from bot.generation.openai.payload import Joiner, as_messages, request_body
from bot.generation.openai.replicas import HealthChecks, Replicas
from bot.generation.openai.thinking import ServerThinking
from bot.generation.openai.windows import Window, ask_window
from bot.generation.thinking import ThoughtFilter
from bot.messages import Completion, Finished, ModelInfo, Prompt, Sampling, Thought
from bot.observer import Observer
from bot.url_passwords import without_passwords

logger = logging.getLogger(__name__)

DEFAULT_CONTEXT = 4096
"""Tokens of the context window where neither the settings nor the server state it."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to reach the servers. Times are in seconds."""

    base_urls: tuple[str, ...]
    """Addresses to which ``/chat/completions`` is appended: ``http://10.0.0.2:8000/v1``."""
    model: str = ""
    """The servers' name of the model, which may be short (``qwen3`` for ``qwen3:8b``); "" is the
    first chat model that they list."""
    api_key: str = field(default="", repr=False)
    context: int = 0
    """The context window in tokens, at most what the server gives the model; 0 is that, or 4,096
    where it is not told."""
    context_setting: str = "[model] context"
    """Where `context` comes from, for the operator."""
    connect_seconds: float = 5.0
    """Timeout for connecting, for listing models, and for counting tokens."""
    silence_seconds: float = 120.0
    """Read timeout: the longest time in which a server sends nothing at all."""
    idle_seconds: float = 600.0
    """The longest time without text, while a server sends keep-alives."""
    health_seconds: float = 10.0
    """Interval of the health checks."""


class OpenAIGenerator:
    """A model on one server or several replicas; a `bot.ports.Generator`."""

    def __init__(
        self,
        options: ServerOptions,
        clock: Clock | None = None,
        *,
        observer: Observer | None = None,
    ) -> None:
        self._options = options
        self._clock = clock or SystemClock()
        self._replicas = Replicas(options.base_urls, observer)
        self._client = ServerClient(
            options.api_key,
            connect_seconds=options.connect_seconds,
            silence_seconds=options.silence_seconds,
        )
        self._refused = RefusedParameters()
        self._checking: asyncio.Task[None] | None = None
        self._info: ModelInfo | None = None
        self._counter = ServerCounter(self._post_beside, options.model, self._clock)
        self._thinking = ServerThinking()
        self.window = Window()
        """What the servers tell of the model's context window, after `start`."""
        self.product = ""
        """The server's name, such as "Ollama", after `start`; "" where it does not tell it."""

    # ------------------------------------------------------------ life

    async def start(self) -> ModelInfo:
        """Find the model and begin health checks. Idempotent.

        Servers that do not answer are marked as unhealthy, as long as one does. Raises ModelError,
        with one line for the operator, where none answers or none has the model."""
        if self._info is not None:
            return replace(
                self._info,
                thinks_at=tuple(sorted(self._thinking.thinks_at)),
                reasoning_levels=tuple(sorted(self._thinking.levels)),
            )
        if not self._replicas.urls:
            raise ModelError(
                f"{SETTING} names no server: add its address, such as http://10.0.0.2:8000/v1."
            )
        self._client.open()
        try:
            model = await self._find_model()
        except BaseException:
            await self.aclose()
            raise
        self._counter = ServerCounter(self._post_beside, model["id"], self._clock)
        if not await self._counter.detect():
            logger.warning("the model server cannot count tokens; counts are high estimates")
        self._thinking.told(model)
        if self._counter.llama_server or product(model) == "llama.cpp":
            await self._thinking.ask(self._get_beside)
        self._check_health(model["id"])
        self.window = await self._ask_window(model)
        self.product = product(model)
        servers = len(self._replicas.urls)
        self._info = ModelInfo(
            name=model["id"],
            backend="openai",
            # Everybody may read this; the addresses are the operator's (`parley status`).
            device="a model server" if servers == 1 else f"{servers} model servers",
            low_bit="as served",
            context=self._context(self.window),
            thinks_at=tuple(sorted(self._thinking.thinks_at)),
            reasoning_levels=tuple(sorted(self._thinking.levels)),
        )
        return self._info

    async def _ask_window(self, model: dict[str, Any]) -> Window:
        """The smallest context window that a healthy server gives the model; 0 where none tells."""
        seconds = self._options.connect_seconds
        healthy = [url for url in self._replicas.urls if self._replicas.healthy(url)]
        found = await asyncio.gather(
            *(ask_window(self._client, url, model, seconds) for url in healthy)
        )
        told = [window for window in found if window.tokens]
        return min(told, key=lambda window: window.tokens, default=Window())

    def _context(self, window: Window) -> int:
        """The context window of the settings, but not more than the servers give the model."""
        wanted = self._options.context
        if wanted and window.tokens and window.in_effect and wanted > window.tokens:
            logger.warning(
                "%s = %d is more than the %d tokens that the model server gives the model, which "
                "are used",
                self._options.context_setting,
                wanted,
                window.tokens,
            )
            return window.tokens
        return wanted or window.tokens or DEFAULT_CONTEXT

    @property
    def counts_exactly(self) -> bool:
        """Whether a server counts the tokens of conversations; known after `start`."""
        return self._counter.exact

    async def aclose(self) -> None:
        """Stop the health checks and close the connections. Idempotent."""
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.wait([self._checking])
            self._checking = None
        await self._client.aclose()

    async def _find_model(self) -> dict[str, Any]:
        """The model as a server lists it, with its context window. Servers that lack it or do not
        answer are marked as unhealthy. Raises ModelError where none has it."""
        urls = self._replicas.urls
        found = await asyncio.gather(*(self._listed(url) for url in urls))
        answers = [models for models in found if not isinstance(models, ModelError)]
        if not answers:
            raise next(error for error in found if isinstance(error, ModelError))
        model = choose([entry for models in answers for entry in models], self._options.model)
        for url, models in zip(urls, found, strict=True):
            if isinstance(models, ModelError):
                self._replicas.failed(url)
                logger.warning("%s", models)
            elif not serves(models, model["id"]):
                self._replicas.failed(url)
                logger.warning("%s does not serve the model %s", url, model["id"])
        return model

    async def _listed(self, url: str) -> Listed | ModelError:
        seconds = self._options.connect_seconds
        try:
            models = await listed(self._client, url, seconds)
        except ModelError as error:
            return error
        if self._options.model or len(models) == 1:
            return models  # what they are for does not matter
        return await described(self._client, url, models, seconds)

    def _check_health(self, model: str) -> None:
        """Begin health checks in a background task."""
        checks = HealthChecks(
            self._replicas,
            self._clock,
            every=self._options.health_seconds,
            patience=self._options.connect_seconds,
            model=model,
        )
        self._checking = asyncio.create_task(checks.run(self._client), name="server health")

    # ------------------------------------------------------------ counting

    async def count(self, prompt: Prompt | Completion) -> int:
        """The number of prompt tokens; an estimate where the server cannot count."""
        if isinstance(prompt, Completion):
            return await self._counter.count([{"role": "user", "content": prompt.text}])
        unsent = "" if prompt.answer else prompt.thought  # no server takes half a thought
        return await self._counter.count(as_messages(prompt)) + text_estimate(unsent)

    async def _get_beside(self, path: str) -> Any:
        """GET beside ``/v1``, on the first server. Raises GenerationError."""
        url = beside(self._replicas.urls[0], path)
        return await self._client.get_json(url, self._options.connect_seconds)

    async def _post_beside(self, path: str, body: dict[str, Any]) -> Any:
        """POST beside ``/v1``, on the first replica that answers. Raises GenerationError."""
        failure = GenerationError("no model server answers")
        for url in self._replicas.ranked(""):
            try:
                return await self._client.post_json(
                    beside(url, path), body, self._options.connect_seconds
                )
            except HttpError:
                raise
            except GenerationError as error:
                failure = error
        raise failure

    # ------------------------------------------------------------ answering

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Thought | Finished]:
        """Pieces of the thought and of the answer, then one `Finished`. A thought that was begun is
        begun anew, since no server takes it up.

        Raises WorkerLost when a server fails after text was yielded, and GenerationError when all
        replicas fail or one rejects the request. Closing the stream stops generation."""
        assert self._info is not None, "call start() first"
        body = request_body(self._info.name, prompt, sampling, thinks=self._thinking.thinks)
        if self._counter.llama_server and body["max_tokens"] > sampling.max_new_tokens:
            body["reasoning_budget_tokens"] = sampling.max_thinking_tokens
        if isinstance(prompt, Prompt) and prompt.thought and not prompt.answer:
            logger.info("the server cannot take up a thought: the model begins to think anew")
            yield Thought("", whole=True)
        path = "/chat/completions" if isinstance(prompt, Prompt) else "/completions"
        key = prompt.cache_key if isinstance(prompt, Prompt) else ""
        failure = GenerationError("no model server answers")
        for url in self._replicas.ranked(key):
            begun, joiner = False, Joiner(prompt)
            try:
                thoughts = self._thinking.thoughts(prompt)
                request = _Request(path, body, thoughts, sampling)
                async with aclosing(self._answer(url, request)) as answer:
                    async for piece in answer:
                        if isinstance(piece, Thought):
                            begun = True
                            self._thinking.learn(prompt, piece, thoughts)
                            yield piece
                        elif isinstance(piece, Finished):
                            yield piece
                        elif text := joiner.join(piece):
                            begun = True
                            yield text
                self._replicas.answered(url)
                return
            except GenerationError as error:
                logger.warning("%s", error)
                rejected = isinstance(error, HttpError) and not error.retryable
                if not rejected:
                    self._replicas.failed(url)
                if begun:
                    raise WorkerLost(str(error)) from error
                if rejected:
                    raise GenerationError(f"{error}{_remedy(error)}") from error
                failure = error
        raise failure

    async def _answer(
        self, server: str, request: "_Request"
    ) -> AsyncGenerator[str | Thought | Finished]:
        """The pieces that one server sends, then `Finished`. Parameters that it refuses are left
        out. Raises GenerationError."""
        left_out = self._refused.known(server)
        while True:
            sent = without(request.body, left_out)
            try:
                async with aclosing(self._read(server, request, sent)) as answer:
                    async for piece in answer:
                        yield piece
                return
            except HttpError as error:
                named = self._refused.learn(server, error, sent)
                if not named:
                    raise
                left_out |= named

    async def _read(
        self, server: str, request: "_Request", body: dict[str, Any]
    ) -> AsyncGenerator[str | Thought | Finished]:
        """One request, and the answer in its response."""
        url = server + request.path
        idle = IdleLimit(self._options.idle_seconds)
        sampling = request.sampling
        thinking = request.body["max_tokens"] - sampling.max_new_tokens
        try:
            async with (
                aclosing(self._client.stream(url, body, idle)) as pieces,
                aclosing(read_chunks(pieces)) as chunks,
                aclosing(
                    read_answer(chunks, sampling.max_new_tokens, idle, request.thoughts, thinking)
                ) as answer,
            ):
                async for piece in answer:
                    yield piece
        except BadStream as error:
            raise GenerationError(f"{without_passwords(url)} {error}") from error


@dataclass(frozen=True, slots=True)
class _Request:
    """One question as it is sent to a server."""

    path: str
    body: dict[str, Any]
    thoughts: ThoughtFilter
    sampling: Sampling


def _remedy(error: GenerationError) -> str:
    """Which settings to correct after a server has rejected a request; it begins with a period."""
    assert isinstance(error, HttpError)
    if error.status in (401, 403):
        return ". Set PARLEY_MODEL__OPENAI__API_KEY."
    if error.status == 404:
        return f". Correct {SETTING} or [model.openai] model."
    if too_long(error):
        return ". Set [model] context to the server's context window."
    return ". Correct [model.openai] model, or the values of [generation]."
