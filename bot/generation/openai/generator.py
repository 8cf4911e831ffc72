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
from bot.generation.openai.counting import Messages, ServerCounter
from bot.generation.openai.events import Chunk, read_chunks
from bot.generation.openai.neutral import neutral
from bot.generation.openai.options import ServerOptions
from bot.generation.openai.replicas import Replicas
from bot.messages import Completion, Finished, FinishReason, ModelInfo, Prompt, Sampling, Usage

logger = logging.getLogger(__name__)

DEFAULT_CONTEXT = 4096
SETTING = "[model.openai] base_urls"


class OpenAIGenerator:
    """A model on one server or several."""

    def __init__(self, options: ServerOptions, clock: Clock | None = None) -> None:
        self._options = options
        self._replicas = Replicas(
            options.base_urls, clock or SystemClock(), options.cooldown_seconds
        )
        self._session: aiohttp.ClientSession | None = None
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
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)
        try:
            listed = await asyncio.gather(*(self._models(url) for url in self._replicas.urls))
            found = [models for models in listed if isinstance(models, list)]
            if not found:
                raise next(error for error in listed if isinstance(error, ModelError))
            model = self._choose([entry for models in found for entry in models])
        except BaseException:
            await self.aclose()
            raise
        self._counter = ServerCounter(self._post_beside, model["id"])
        if not await self._counter.find_out():
            logger.warning("the model server cannot count tokens; lengths are guessed, rather high")
        context = self._options.context or int(model.get("max_model_len") or 0)
        self._info = ModelInfo(
            name=model["id"],
            backend="openai",
            device=", ".join(self._replicas.urls),
            low_bit="as served",
            context=context or DEFAULT_CONTEXT,
        )
        return self._info

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _models(self, url: str) -> list[dict[str, Any]] | ModelError:
        """What a replica serves, or why it cannot be asked."""
        try:
            async with self._http.get(f"{url}/models") as response:
                if response.status in (401, 403):
                    return ModelError(
                        f"{url} refuses the key (HTTP {response.status}): set "
                        "PARLEY_MODEL__OPENAI__API_KEY."
                    )
                if response.status != 200:
                    return ModelError(
                        f"{url}/models answers HTTP {response.status}: correct {SETTING}, which "
                        "ends in /v1 for most servers."
                    )
                models = (await response.json(content_type=None))["data"]
                return [entry for entry in models if isinstance(entry.get("id"), str)]
        except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError) as error:
            self._replicas.failed(url)
            logger.warning("%s does not answer as a model server: %s", url, error)
            return ModelError(
                f"{url} does not answer as a model server ({_why(error)}): start it, or correct "
                f"{SETTING}."
            )

    def _choose(self, models: list[dict[str, Any]]) -> dict[str, Any]:
        wanted = self._options.model
        for entry in models:
            if wanted in ("", entry["id"]):
                return entry
        names = ", ".join(sorted({entry["id"] for entry in models})) or "none"
        raise ModelError(f"No server has the model {wanted!r}; they serve: {names}.")

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
        (url, *_) = self._replicas.ranked("")
        root = url.removesuffix("/v1").removesuffix("/v3")
        try:
            async with self._http.post(root + path, json=body) as response:
                if response.status != 200:
                    raise GenerationError(f"{root}{path} answers HTTP {response.status}")
                return await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise GenerationError(f"{root}{path}: {_why(error)}") from error

    # ------------------------------------------------------------ answering

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Finished]:
        assert self._info is not None, "start() comes first"
        body = _request(self._info.name, prompt, sampling)
        chat = isinstance(prompt, Prompt)
        key = prompt.cache_key if isinstance(prompt, Prompt) else ""
        failure = GenerationError("no model server answers")
        for url in self._replicas.ranked(key):
            begun = False
            try:
                path = f"{url}/chat/completions" if chat else f"{url}/completions"
                async with aclosing(self._answer(path, body)) as answer:
                    async for piece in answer:
                        begun = True
                        yield piece
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
            raise GenerationError(f"{url}: {_why(error)}") from error
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


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__


def as_messages(prompt: Prompt) -> Messages:
    """The conversation as the chat completions API has it, with nothing in it that a server could
    take for a control token."""
    messages: Messages = []
    if prompt.system:
        messages.append({"role": "system", "content": neutral(prompt.system)})
    for exchange in prompt.history:
        messages.append({"role": "user", "content": neutral(exchange.question)})
        messages.append({"role": "assistant", "content": neutral(exchange.answer)})
    messages.append({"role": "user", "content": neutral(prompt.question)})
    if prompt.answer:
        messages.append({"role": "assistant", "content": neutral(prompt.answer)})
    return messages


def _request(model: str, prompt: Prompt | Completion, sampling: Sampling) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    # What OpenAI's own API does not have is sent only where it says something.
    if sampling.top_k:
        body["top_k"] = sampling.top_k
    if sampling.repetition_penalty != 1.0:
        body["repetition_penalty"] = body["repeat_penalty"] = sampling.repetition_penalty
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if isinstance(prompt, Completion):
        body["prompt"] = prompt.text
    else:
        body["messages"] = as_messages(prompt)
        if prompt.answer:
            body["add_generation_prompt"] = False
            body["continue_final_message"] = True
    return body
