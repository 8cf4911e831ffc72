"""Reads a streaming response: chat completion chunks as server-sent events.

Sources of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html, of which only
``data:`` lines are used, and https://platform.openai.com/docs/api-reference/chat-streaming for the
JSON objects. The last event is ``data: [DONE]``.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from bot.errors import GenerationError

_LONGEST_LINE = 1 << 20
"""Bytes, so that a broken server cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event: text, the reason why generation ended, or token usage."""

    text: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


async def read_chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[Chunk]:
    """The chunks in `pieces` of the response's body, until ``[DONE]`` or its end.

    The result does not depend on how the body is divided into pieces. Raises GenerationError for an
    error that the server reports in the stream, and where the body is not such a stream.
    """
    held = b""
    async for piece in pieces:
        *lines, held = (held + piece).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line.removeprefix(b"data:").strip()
            if data == b"[DONE]":
                return
            yield _chunk(data)
        if len(held) > _LONGEST_LINE:
            raise GenerationError("the model server sent a line of over a megabyte")


def _chunk(data: bytes) -> Chunk:
    try:
        value: Any = json.loads(data)
        if error := value.get("error"):
            message = error.get("message") if isinstance(error, dict) else error
            raise GenerationError(f"the model server failed in the middle of an answer: {message}")
        choices = value.get("choices") or [{}]
        usage = value.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        delta = choices[0].get("delta") or {}
        return Chunk(
            text=delta.get("content") or choices[0].get("text") or "",
            finish_reason=choices[0].get("finish_reason") or "",
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            cached_tokens=int(details.get("cached_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
        )
    except (ValueError, AttributeError, TypeError, LookupError) as error:
        raise GenerationError("the model server sent an event that cannot be read") from error
