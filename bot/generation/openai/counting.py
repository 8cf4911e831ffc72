"""How many tokens a conversation has for a model that lies on a server.

Exactly, where the server can say: vLLM's ``/tokenize`` takes messages; llama.cpp's server writes
them out with ``/apply-template`` and counts with ``/tokenize``; both lie beside ``/v1``. Otherwise
a guess on the safe side: a token for every three bytes, when English has about four.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.errors import GenerationError

Messages = list[dict[str, str]]
Post = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Posts JSON to a path beside ``/v1``; the JSON that comes back. Raises GenerationError."""
Way = Callable[[Messages], Awaitable[int]]

BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8
"""What a chat template adds to each message, at most."""


class ServerCounter:
    """Counts by asking the server, where it can count."""

    def __init__(self, post: Post, model: str) -> None:
        self._post = post
        self._model = model
        self._way: Way | None = None

    async def find_out(self) -> bool:
        """Learn how this server counts; False where it cannot."""
        sample: Messages = [{"role": "user", "content": "Hello"}]
        for way in (self._by_messages, self._by_template):
            try:
                await way(sample)
            except (GenerationError, LookupError, TypeError):
                continue
            self._way = way
            return True
        return False

    async def count(self, messages: Messages) -> int:
        """Exactly; a `guess` where the server cannot say, or does not answer now."""
        if self._way is not None:
            try:
                return await self._way(messages)
            except (GenerationError, LookupError, TypeError):
                return guess(messages)
        return guess(messages)

    async def _by_messages(self, messages: Messages) -> int:
        answer = await self._post("/tokenize", {"model": self._model, "messages": messages})
        return int(answer["count"])

    async def _by_template(self, messages: Messages) -> int:
        written = await self._post("/apply-template", {"messages": messages})
        body = {"content": written["prompt"], "add_special": True, "parse_special": True}
        return len((await self._post("/tokenize", body))["tokens"])


def guess(messages: Messages) -> int:
    """Rather too many than too few, for text of any language."""
    size = sum(len(message["content"].encode()) for message in messages)
    return -(-size // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE * (len(messages) + 1)
