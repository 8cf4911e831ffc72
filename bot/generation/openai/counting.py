"""Counts the tokens of a conversation for a model on a server.

The count is exact where the server has an endpoint for it, beside ``/v1``: vLLM's ``/tokenize``
takes messages; llama.cpp's server renders them with ``/apply-template`` and counts with
``/tokenize``. Otherwise it is an estimate that errs on the high side: one token for three bytes,
where English text has about four.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from bot.errors import GenerationError

Messages = list[dict[str, str]]
Post = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Posts JSON to a path beside ``/v1`` and returns the JSON response. Raises GenerationError."""
Method = Callable[[Messages], Awaitable[int]]

BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8
"""An upper bound of what a chat template adds to each message."""


class ServerCounter:
    """Counts tokens by the server's endpoint, if it has one."""

    def __init__(self, post: Post, model: str) -> None:
        self._post = post
        self._model = model
        self._method: Method | None = None

    async def detect(self) -> bool:
        """Try the known endpoints; False where the server has none, so counts are estimates."""
        sample: Messages = [{"role": "user", "content": "Hello"}]
        for method in (self._by_messages, self._by_template):
            try:
                await method(sample)
            except (GenerationError, LookupError, TypeError):
                continue
            self._method = method
            return True
        return False

    async def count(self, messages: Messages) -> int:
        """The number of tokens; an `estimate` where the server cannot count or does not answer."""
        if self._method is not None:
            with contextlib.suppress(GenerationError, LookupError, TypeError):
                return await self._method(messages)
        return estimate(messages)

    async def _by_messages(self, messages: Messages) -> int:
        answer = await self._post("/tokenize", {"model": self._model, "messages": messages})
        return int(answer["count"])

    async def _by_template(self, messages: Messages) -> int:
        written = await self._post("/apply-template", {"messages": messages})
        body = {"content": written["prompt"], "add_special": True, "parse_special": True}
        return len((await self._post("/tokenize", body))["tokens"])


def estimate(messages: Messages) -> int:
    """An upper estimate of the number of tokens, for text in any language."""
    size = sum(len(message["content"].encode()) for message in messages)
    return -(-size // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * (len(messages) + 1)
