"""Reads a streaming response: chat completion chunks as server-sent events.

Sources of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html, of which only
``data:`` lines are used, and https://platform.openai.com/docs/api-reference/chat-streaming for the
JSON objects. The last event is ``data: [DONE]``. A server that does not stream answers with one
JSON object instead (https://platform.openai.com/docs/api-reference/chat/object), which is read too.

Whatever the bytes are, the result is chunks or BadStream: fields of an unknown type are
taken as absent, unknown fields are ignored.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from bot.generation.openai.client import MOST_JSON, BadStream, error_message, parse_json, shown

_LONGEST_LINE = 1 << 20
"""Bytes, so that a broken server cannot fill the memory."""
_BLANK = b"\xef\xbb\xbf \t\r\n"
"""White space and the byte order mark."""
_MOST_TOKENS = 1 << 40
"""A larger number of tokens is not one."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event: text, the reason why generation ended, or token usage."""

    text: str = ""
    reasoning: str = ""
    """Text that the model wrote before its answer and that is not part of it."""
    finish_reason: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    thinking_tokens: int = 0
    """Those of `completion_tokens` that are reasoning, where the server tells."""


async def read_chunks(pieces: AsyncIterator[bytes]) -> AsyncGenerator[Chunk]:
    """The chunks in `pieces` of the response's body, until ``[DONE]`` or its end.

    The result does not depend on how the body is divided into pieces. Raises BadStream for an
    error that the server reports in the stream, and where the body is not such a stream.
    """
    half = ""  # a high surrogate: some servers divide text between the two of a character
    async with aclosing(_lines(pieces)) as lines:
        async for line in lines:
            data = line.removeprefix(b"data:").strip()
            if data == b"[DONE]":
                return
            if not data:
                continue
            chunk = _chunk(data)
            text = half + chunk.text
            half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
            yield replace(
                chunk, text=_valid(text.removesuffix(half)), reasoning=_valid(chunk.reasoning)
            )


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The ``data:`` lines; or the whole body where it is a JSON object."""
    held = bytearray()
    streaming: bool | None = None
    async for piece in pieces:
        begin = len(held)
        held += piece
        if streaming is None and (start := held.lstrip(_BLANK)):
            begin, held, streaming = 0, start, not start.startswith(b"{")
        if streaming:
            while (end := held.find(b"\n", begin)) >= 0:
                if held.startswith(b"data:"):
                    yield bytes(held[:end])
                del held[: end + 1]
                begin = 0
        if len(held) > (_LONGEST_LINE if streaming else MOST_JSON):
            raise BadStream(f"sent over {len(held) >> 20} MB without the end of a line")
    if held.startswith(b"data:") or streaming is False:
        yield bytes(held)


def _chunk(data: bytes) -> Chunk:
    try:
        value = parse_json(data)
    except ValueError as error:
        raise BadStream("sent an event that cannot be read") from error
    if not isinstance(value, dict):
        raise BadStream("sent an event that cannot be read")
    if value.get("error"):
        said, _ = error_message(data.decode("utf-8", "replace"))
        raise BadStream(f"failed in the middle of an answer: {said}")
    choice, usage = _first_choice(value), _object(value.get("usage"))
    delta = _object(choice.get("delta")) or _object(choice.get("message"))
    reason = _reason(choice.get("finish_reason"))
    if reason in ("error", "abort"):
        raise BadStream(f"ended the answer with finish_reason {reason!r}")
    return Chunk(
        text=_text(delta.get("content")) or _text(choice.get("text")),
        reasoning=_reasoning(delta),
        finish_reason=reason,
        prompt_tokens=number(usage.get("prompt_tokens")),
        cached_tokens=number(_object(usage.get("prompt_tokens_details")).get("cached_tokens")),
        completion_tokens=number(usage.get("completion_tokens")),
        thinking_tokens=number(
            _object(usage.get("completion_tokens_details")).get("reasoning_tokens")
        ),
    )


def _first_choice(value: dict[str, Any]) -> dict[str, Any]:
    choices = value.get("choices")
    return _object(choices[0]) if isinstance(choices, list) and choices else {}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(content: Any) -> str:
    """The text of ``content``: a string, or a list of parts of which some have text."""
    match content:
        case str():
            return content
        case bool():
            return ""
        case int() | float():
            return str(content)
        case list():
            return "".join(_text(part) for part in content if not isinstance(part, list))
        case {"text": str() as text} | {"text": {"value": str() as text}}:
            return text
    return ""


def _reasoning(delta: dict[str, Any]) -> str:
    """What the model thinks: vLLM, llama.cpp and SGLang send ``reasoning_content``, newer vLLM and
    Ollama ``reasoning``, OpenRouter ``reasoning_details`` too, and Mistral's API parts of
    ``content`` of the type "thinking". Where several fields have it, it is the same text."""
    for field in ("reasoning_content", "reasoning", "reasoning_details"):
        if text := _text(delta.get(field)):
            return text
    content = delta.get("content")
    parts = content if isinstance(content, list) else []
    return "".join(_text(part.get("thinking")) for part in parts if isinstance(part, dict))


def _reason(value: Any) -> str:
    """``finish_reason``, which is a string; SGLang's own is an object with a ``type``."""
    if isinstance(value, dict):
        value = value.get("type")
    return shown(value) if isinstance(value, str) else ""


def number(value: Any) -> int:
    """A number of tokens; 0 for what is not one."""
    plain = isinstance(value, int) and not isinstance(value, bool)
    return value if plain and 0 < value < _MOST_TOKENS else 0


def _valid(text: str) -> str:
    """`text` with U+FFFD for unpaired surrogates, which JSON can have and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
