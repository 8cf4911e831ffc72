"""The `Generator` that asks OpenAI-compatible servers.

An answer is retried on another replica for as long as nothing of it was yielded. Once something
was, WorkerLost tells the engine, which asks again with the text so far; the last message is then
the assistant's own beginning, which vLLM goes on from with ``continue_final_message`` and
llama.cpp's server by itself. Closing the stream closes the connection, and that stops the model.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import aiohttp

from bot.clock import Clock, SystemClock
from bot.errors import GenerationError, ModelError, WorkerLost
from bot.generation.openai.counting import ServerCounter
from bot.generation.openai.events import Chunk, read_chunks
from bot.generation.openai.health import HealthChecks
from bot.generation.openai.joining import Joint
from bot.generation.openai.listing import (
    SETTING,
    Listed,
    choose,
    listed,
    why,
    window,
)
from bot.generation.openai.options import ServerOptions
from bot.generation.openai.payload import as_messages, request_body
from bot.generation.openai.replicas import Replicas
from bot.messages import Completion, Finished, FinishReason, ModelInfo, Prompt, Sampling, Usage

logger = logging.getLogger(__name__)

DEFAULT_CONTEXT = 4096


class OpenAIGenerator:
    """A model on one server or several."""

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
        """Find the servers and the model. Servers that do not answer are left for later, as long
        as one does."""
        if self._info is not None:
            return self._info
        if not self._replicas.urls:
            raise ModelError(f"{SETTING} names no server: put its address there.")
        headers = {}
        if self._options.api_key:
            headers["Authorization"] = f"Bearer {self._options.api_key}"
        timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=self._options.connect_seconds,
            sock_read=self._options.silence_seconds,
        )
        # A connection for each request: some servers close idle ones at the very moment when the
        # next question is sent, and nobody knows then whether they took it.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)
        try:
            model = await self._find_model()
        except BaseException:
            await self.aclose()
            raise
        self._counter = ServerCounter(self._post_beside, model["id"])
        if not await self._counter.find_out():
            logger.warning("the model server cannot count tokens; lengths are guessed, rather high")
        self._check_health(model["id"])
        context = self._options.context or window(model)
        self._info = ModelInfo(
            name=model["id"],
            backend="openai",
            device=", ".join(self._replicas.urls),
            low_bit="as served",
            context=context or DEFAULT_CONTEXT,
        )
        return self._info

    async def aclose(self) -> None:
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.wait([self._checking])
            self._checking = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _find_model(self) -> dict[str, Any]:
        """The model as a server lists it, which tells its window. Servers that lack it, or do not
        answer, are marked. Raises ModelError where none has it."""
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
        """Begin to ask the servers in the background whether they are there."""
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
        if isinstance(prompt, Completion):
            return await self._counter.count([{"role": "user", "content": prompt.text}])
        return await self._counter.count(as_messages(prompt))

    async def _post_beside(self, path: str, body: dict[str, Any]) -> Any:
        """Ask beside ``/v1``, where a server counts. One that does not answer is passed over."""
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
        assert self._info is not None, "start() comes first"
        body = request_body(self._info.name, prompt, sampling)
        chat = isinstance(prompt, Prompt)
        key = prompt.cache_key if isinstance(prompt, Prompt) else ""
        failure = GenerationError("no model server answers")
        for url in self._replicas.ranked(key):
            begun, joint = False, Joint(prompt)
            try:
                path = f"{url}/chat/completions" if chat else f"{url}/completions"
                async with aclosing(self._answer(path, body)) as answer:
                    async for piece in answer:
                        if isinstance(piece, Finished):
                            yield piece
                        elif text := joint.fit(piece):
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
    """The server understood and will not: another replica would say the same."""


async def _refused(url: str, response: aiohttp.ClientResponse) -> GenerationError:
    said = " ".join((await response.text())[:300].split())
    message = f"{url} answers HTTP {response.status}: {said}"
    retryable = response.status in (408, 425, 429) or response.status >= 500
    return GenerationError(message) if retryable else _Rejected(message)
