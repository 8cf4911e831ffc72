"""The `Generator` for OpenAI-compatible servers.

A request is retried on another replica until text has been yielded. After that, WorkerLost makes
the engine request a continuation: the last message is then the beginning of the answer, which vLLM
continues because of ``continue_final_message``, and llama.cpp's server always. Closing the stream
closes the connection, on which these servers stop generating.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.clock import Clock, SystemClock
from bot.errors import GenerationError, ModelError, WorkerLost
from bot.generation.openai.counting import ServerCounter
from bot.generation.openai.events import Chunk, read_chunks
from bot.generation.openai.listing import (
    SETTING,
    Listed,
    choose,
    listed,
    why,
    window,
)
from bot.generation.openai.payload import Joiner, as_messages, request_body
from bot.generation.openai.replicas import HealthChecks, Replicas
from bot.messages import Completion, Finished, FinishReason, ModelInfo, Prompt, Sampling, Usage

logger = logging.getLogger(__name__)

DEFAULT_CONTEXT = 4096
"""Tokens of the context window where neither the settings nor the server state it."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to reach the servers. Times are in seconds."""

    base_urls: tuple[str, ...]
    """Addresses to which ``/chat/completions`` is appended: ``http://10.0.0.2:8000/v1``."""
    model: str = ""
    """The servers' name of the model; "" is the first one that they list."""
    api_key: str = field(default="", repr=False)
    context: int = 0
    """The context window in tokens; 0 is what the server states, else 4,096."""
    connect_seconds: float = 5.0
    """Timeout for connecting, and for listing models."""
    silence_seconds: float = 120.0
    """Read timeout between two pieces of an answer."""
    health_seconds: float = 10.0
    """Interval of the health checks."""


class OpenAIGenerator:
    """A model on one server or several replicas; a `bot.ports.Generator`."""

    def __init__(self, options: ServerOptions, clock: Clock | None = None) -> None:
        self._options = options
        self._clock = clock or SystemClock()
        self._replicas = Replicas(options.base_urls)
        self._session: aiohttp.ClientSession | None = None
        self._checking: asyncio.Task[None] | None = None
        self._info: ModelInfo | None = None
        self._counter = ServerCounter(self._post_beside, options.model)

    # ------------------------------------------------------------ life

    async def start(self) -> ModelInfo:
        """Find the model and begin health checks. Idempotent.

        Servers that do not answer are marked as unhealthy, as long as one does. Raises ModelError,
        with one line for the operator, where none answers or none has the model."""
        if self._info is not None:
            return self._info
        if not self._replicas.urls:
            raise ModelError(
                f"{SETTING} names no server: add its address, such as http://10.0.0.2:8000/v1."
            )
        headers = {}
        if self._options.api_key:
            headers["Authorization"] = f"Bearer {self._options.api_key}"
        timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=self._options.connect_seconds,
            sock_read=self._options.silence_seconds,
        )
        # One connection for each request, because some servers close idle connections just when the
        # next request is sent, which then may or may not have been received.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)
        try:
            model = await self._find_model()
        except BaseException:
            await self.aclose()
            raise
        self._counter = ServerCounter(self._post_beside, model["id"])
        if not await self._counter.detect():
            logger.warning("the model server cannot count tokens; counts are high estimates")
        self._check_health(model["id"])
        context = self._options.context or window(model)
        servers = len(self._replicas.urls)
        self._info = ModelInfo(
            name=model["id"],
            backend="openai",
            # Everybody may read this; the addresses are the operator's (`parley status`).
            device="a model server" if servers == 1 else f"{servers} model servers",
            low_bit="as served",
            context=context or DEFAULT_CONTEXT,
        )
        return self._info

    async def aclose(self) -> None:
        """Stop the health checks and close the connections. Idempotent."""
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.wait([self._checking])
            self._checking = None
        if self._session is not None:
            await self._session.close()
            self._session = None

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
            elif all(entry["id"] != model["id"] for entry in models):
                self._replicas.failed(url)
                logger.warning("%s does not serve the model %s", url, model["id"])
        return model

    async def _listed(self, url: str) -> Listed | ModelError:
        try:
            return await listed(self._http, url, self._options.connect_seconds)
        except ModelError as error:
            return error

    def _check_health(self, model: str) -> None:
        """Begin health checks in a background task."""
        checks = HealthChecks(
            self._replicas,
            self._clock,
            every=self._options.health_seconds,
            patience=self._options.connect_seconds,
            model=model,
        )
        self._checking = asyncio.create_task(checks.run(self._http), name="server health")

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise GenerationError("the connection to the model server is closed")
        return self._session

    # ------------------------------------------------------------ counting

    async def count(self, prompt: Prompt | Completion) -> int:
        """The number of prompt tokens; an estimate where the server cannot count."""
        if isinstance(prompt, Completion):
            return await self._counter.count([{"role": "user", "content": prompt.text}])
        return await self._counter.count(as_messages(prompt))

    async def _post_beside(self, path: str, body: dict[str, Any]) -> Any:
        """POST beside ``/v1``, on the first replica that answers. Raises GenerationError."""
        failure = GenerationError("no model server answers")
        for url in self._replicas.ranked(""):
            root = url.removesuffix("/v1").removesuffix("/v3")
            try:
                async with self._http.post(root + path, json=body) as response:
                    if response.status != 200:
                        raise GenerationError(f"{root}{path} answers HTTP {response.status}")
                    return await response.json(content_type=None)
            except (aiohttp.ClientError, TimeoutError) as error:
                self._replicas.failed(url)
                failure = GenerationError(f"{root}{path}: {why(error)}")
            except ValueError as error:
                raise GenerationError(f"{root}{path}: {why(error)}") from error
        raise failure

    # ------------------------------------------------------------ answering

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Finished]:
        """Pieces of the answer, then one `Finished`.

        Raises WorkerLost when a server fails after text was yielded, and GenerationError when all
        replicas fail or one rejects the request. Closing the stream stops generation."""
        assert self._info is not None, "call start() first"
        body = request_body(self._info.name, prompt, sampling)
        chat = isinstance(prompt, Prompt)
        key = prompt.cache_key if isinstance(prompt, Prompt) else ""
        failure = GenerationError("no model server answers")
        for url in self._replicas.ranked(key):
            begun, joiner = False, Joiner(prompt)
            try:
                path = f"{url}/chat/completions" if chat else f"{url}/completions"
                async with aclosing(self._answer(path, body)) as answer:
                    async for piece in answer:
                        if isinstance(piece, Finished):
                            yield piece
                        elif text := joiner.join(piece):
                            begun = True
                            yield text
                self._replicas.answered(url)
                return
            except GenerationError as error:
                logger.warning("%s", error)
                if not isinstance(error, _Rejected):
                    self._replicas.failed(url)
                if begun:
                    raise WorkerLost(str(error)) from error
                if isinstance(error, _Rejected):
                    raise
                failure = error
        raise failure

    async def _answer(self, url: str, body: dict[str, Any]) -> AsyncGenerator[str | Finished]:
        """The pieces that one server sends, then `Finished`. Raises GenerationError, as `_Rejected`
        where a retry is pointless."""
        started, first = time.monotonic(), 0.0
        written, end = 0, Chunk()
        usage = Chunk()
        try:
            async with self._http.post(url, json=body) as response:
                if response.status != 200:
                    raise await _refused(url, response)
                async for chunk in read_chunks(response.content.iter_any()):
                    if chunk.text:
                        first = first or time.monotonic() - started
                        written += 1
                        yield chunk.text
                    if chunk.finish_reason:
                        end = chunk
                    if chunk.completion_tokens:
                        usage = chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise GenerationError(f"{url}: {why(error)}") from error
        if not end.finish_reason:
            raise GenerationError(f"{url} broke off in the middle of an answer")
        reason = FinishReason.LENGTH if end.finish_reason == "length" else FinishReason.END
        yield Finished(
            reason,
            Usage(
                usage.prompt_tokens,
                usage.cached_tokens,
                usage.completion_tokens or written,
                first,
                time.monotonic() - started,
            ),
        )


class _Rejected(GenerationError):
    """The server rejected the request; another replica would reject it too."""


async def _refused(url: str, response: aiohttp.ClientResponse) -> GenerationError:
    """The error for an HTTP status other than 200."""
    said = " ".join((await response.text())[:300].split())
    message = f"{url} answers HTTP {response.status}: {said}"
    retryable = response.status in (408, 425, 429) or response.status >= 500
    return GenerationError(message) if retryable else _Rejected(message)
