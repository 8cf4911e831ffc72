"""Whatever a model server sends, a question ends with an answer or an error of Parley's own.

The number of examples is that of the hypothesis profile.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ParleyError
from bot.generation.openai import OpenAIGenerator, ServerOptions
from bot.generation.openai.answer import MOST_CHARACTERS_PER_TOKEN, read_answer
from bot.generation.openai.client import BadStream, IdleLimit
from bot.generation.openai.events import read_chunks
from bot.messages import Finished, Prompt, Sampling, Thought
from tests.raw_server import DONE, STOP, Reply, event, plain, raw, raw_server

LIMIT = 50
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
VALID = [event(word) for word in ("I ", "am ", "wéll ", "😀.")] + [
    b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}\n\n',
    b'data: {"choices": [{"message": {"content": [{"type": "text", "text": "a"}]}}]}\n\n',
    b": keep-alive\n\n",
    STOP,
    DONE,
]

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["content", "text", "stop", "length", "\ud800", "\udc00", "\0"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
        | st.dictionaries(st.sampled_from(["text", "value", "type", "content"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def objects(*fields: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(fields), json_values, max_size=len(fields))


texts = st.text(max_size=9) | st.sampled_from(["\ud800", "a\udc00", "\0"]) | json_values
deltas = st.fixed_dictionaries(
    {"content": texts}, optional={"reasoning_content": texts, "reasoning": texts, "role": texts}
)
choices = st.fixed_dictionaries(
    {},
    optional={
        "delta": deltas,
        "message": deltas,
        "finish_reason": json_values,
        "text": json_values,
    },
)
chunk_values = json_values | st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(choices, max_size=2) | json_values,
        "usage": objects("prompt_tokens", "completion_tokens", "prompt_tokens_details")
        | json_values,
        "error": json_values,
    },
)


def as_event(value: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(value).encode()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid stream in which bytes are replaced, removed, repeated or put in."""
    body = bytearray(b"".join(draw(st.lists(st.sampled_from(VALID), max_size=12))))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 20)))
        body[start:end] = draw(st.binary(max_size=20) | st.just(bytes(body[start:end]) * 2))
    return bytes(body)


bodies = (
    st.binary()
    | mutated()
    | st.lists(
        chunk_values.map(as_event) | texts.map(event) | st.sampled_from(VALID), max_size=8
    ).map(b"".join)
    | chunk_values.map(lambda value: json.dumps(value).encode())
)


def holds(pieces: list[str | Thought | Finished]) -> str:
    """The text of an answer that is as a `Generator` promises."""
    *texts, end = pieces
    assert isinstance(end, Finished)
    assert end.usage.completion_tokens >= 0
    text = ""
    for piece in texts:
        if isinstance(piece, Thought):
            text = "" if piece.whole else text
        else:
            assert isinstance(piece, str)
            text += piece
    assert len(text) <= LIMIT * MOST_CHARACTERS_PER_TOKEN
    text.encode()
    return text


async def parsed(body: bytes, cuts: list[int]) -> str:
    """The text in `body`, which comes in pieces; the error where there is one."""

    async def pieces() -> AsyncIterator[bytes]:
        for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
            yield body[start:end]

    try:
        async with (
            aclosing(read_chunks(pieces())) as chunks,
            aclosing(read_answer(chunks, LIMIT, IdleLimit(60.0))) as answer,
        ):
            return holds([piece async for piece in answer])
    except BadStream as error:
        return str(error)


@given(bodies, st.data())
async def test_any_body_is_read_alike_however_it_is_cut(body: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    assert await parsed(body, cuts) == await parsed(body, [])


async def asked(chat: Reply, **replies: Reply) -> None:
    """Start with a server, count and ask; everything ends as the ports promise."""
    async with raw_server(chat=chat, **replies) as server:
        options = ServerOptions((server.url,), connect_seconds=5.0, idle_seconds=5.0)
        generator = OpenAIGenerator(options)
        try:
            error = await outcome(generator)
        finally:
            await generator.aclose()
    assert not error or server.root in error or "[model.openai] model" in error
    assert len(error.splitlines()) <= 1


async def outcome(generator: OpenAIGenerator) -> str:
    """The error with which a start and a question end; "" where there is an answer."""
    try:
        await generator.start()
        prompt = Prompt("", (), "How are you?")
        assert await generator.count(prompt) > 0
        sampling = Sampling(max_new_tokens=LIMIT)
        async with asyncio.timeout(30), aclosing(generator.stream(prompt, sampling)) as stream:
            holds([piece async for piece in stream])
    except ParleyError as error:
        return str(error)
    return ""


@given(st.binary() | bodies.map(lambda body: HEAD + body))
async def test_any_response_ends_a_question(response: bytes) -> None:
    await asked(raw(response))


@given(
    st.integers(100, 599),
    json_values.map(lambda value: json.dumps(value).encode())
    | objects("error", "message", "detail", "param").map(lambda value: json.dumps(value).encode())
    | st.binary(),
    st.sampled_from(["text/event-stream", "application/json", "text/html", ";;", "é", ""]),
)
async def test_any_status_and_error_body_ends_a_question(
    status: int, body: bytes, kind: str
) -> None:
    await asked(plain(body, status=status, headers={"Content-Type": kind}))


model_lists = json_values | st.fixed_dictionaries(
    {
        "data": st.lists(
            objects("id", "name", "type", "capabilities", "meta", "max_model_len", "details")
        )
    }
)


@given(model_lists, model_lists, json_values | objects("count", "tokens", "prompt"))
async def test_any_json_ends_the_start_and_the_count(models: Any, tags: Any, count: Any) -> None:
    replies = {"tags": plain(tags), "tokenize": plain(count), "apply-template": plain(count)}
    await asked(plain(b"".join(VALID)), models=plain(models), **replies)
