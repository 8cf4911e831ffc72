"""Counts the tokens of a conversation for a model on a server.

The count is exact where the server has an endpoint for it, beside ``/v1``: vLLM's ``/tokenize``
takes messages; llama.cpp's server renders them with ``/apply-template`` and counts with
``/tokenize``. OpenVINO Model Server (``/v3/tokenize``,
https://docs.openvino.ai/2026/model-server/ovms_docs_rest_api_tokenize.html) and SGLang
(``/tokenize``) count texts, to which an upper bound of the chat template's tokens is added.
Otherwise it is an estimate that errs on the high side: one token for three bytes, where English
text has about four. A server that fails to count is not asked again for a while, so
that slow ones delay a question once.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.clock import Clock
from bot.errors import GenerationError
from bot.generation.openai.events import number

Messages = list[dict[str, str]]
Post = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Posts JSON to a path beside ``/v1`` and returns the JSON response. Raises GenerationError."""
Method = Callable[[Messages], Awaitable[int]]

BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8
"""An upper bound of what a chat template adds to each message."""
PAUSE_SECONDS = 30.0
"""How long counts are estimates after a failure."""


class ServerCounter:
    """Counts tokens by the server's endpoint, if it has one."""

    def __init__(self, post: Post, model: str, clock: Clock) -> None:
        self._post = post
        self._model = model
        self._clock = clock
        self._method: Method | None = None
        self._not_before = float("-inf")

    @property
    def llama_server(self) -> bool:
        """Whether it is llama.cpp's server, which alone has that endpoint."""
        return self._method == self._by_template

    @property
    def exact(self) -> bool:
        """Whether counts are exact, as long as the server answers."""
        return self._method in (self._by_messages, self._by_template)

    async def detect(self) -> bool:
        """Try the known endpoints; False where the server has none, so counts are estimates."""
        sample: Messages = [{"role": "user", "content": "Hello"}]
        for method in (self._by_messages, self._by_template, self._by_text, self._by_prompt):
            try:
                await method(sample)
            except GenerationError:
                continue
            self._method = method
            return True
        return False

    async def count(self, messages: Messages) -> int:
        """The number of tokens; an `estimate` where the server cannot count or does not answer."""
        if self._method is None or self._clock.monotonic() < self._not_before:
            return estimate(messages)
        try:
            return await self._method(messages)
        except GenerationError:
            self._not_before = self._clock.monotonic() + PAUSE_SECONDS
            return estimate(messages)

    async def _by_messages(self, messages: Messages) -> int:
        response = await self._post("/tokenize", {"model": self._model, "messages": messages})
        return _checked(number(_field(response, "count")))

    async def _by_template(self, messages: Messages) -> int:
        prompt = _field(await self._post("/apply-template", {"messages": messages}), "prompt")
        body = {"content": prompt, "add_special": True, "parse_special": True}
        tokens = _field(await self._post("/tokenize", body), "tokens")
        return _checked(len(tokens) if isinstance(tokens, list) else 0)

    async def _by_text(self, messages: Messages) -> int:
        """OpenVINO Model Server."""
        body = {"model": self._model, "text": _joined(messages)}
        return _with_template(await self._post("/v3/tokenize", body), messages)

    async def _by_prompt(self, messages: Messages) -> int:
        """SGLang."""
        body = {"model": self._model, "prompt": _joined(messages)}
        return _with_template(await self._post("/tokenize", body), messages)


def _joined(messages: Messages) -> str:
    return "\n".join(message["content"] for message in messages)


def _with_template(response: Any, messages: Messages) -> int:
    """The tokens in `response`, and as many as a chat template adds at most."""
    tokens = _field(response, "tokens")
    count = _checked(len(tokens) if isinstance(tokens, list) else 0)
    return count + TOKENS_PER_MESSAGE * (len(messages) + 1)


def _field(response: Any, name: str) -> Any:
    return response.get(name) if isinstance(response, dict) else None


def _checked(count: int) -> int:
    """`count`. Raises GenerationError where it is 0: each conversation has tokens."""
    if not count:
        raise GenerationError("the model server counts no tokens")
    return count


def text_estimate(text: str) -> int:
    """An upper estimate of the number of tokens of a text alone."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def estimate(messages: Messages) -> int:
    """An upper estimate of the number of tokens, for text in any language."""
    size = sum(len(message["content"].encode()) for message in messages)
    return -(-size // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * (len(messages) + 1)
