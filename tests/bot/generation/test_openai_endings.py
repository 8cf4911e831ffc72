"""How an answer of a model server ends, and what bounds it."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.engine.resume import MOST_RETRIES_IN_ALL, resuming_stream
from bot.errors import GenerationError, ModelError, WorkerLost
from bot.generation.openai import OpenAIGenerator, ServerOptions, answer, client
from bot.generation.openai.counting import estimate
from bot.generation.openai.payload import as_messages
from bot.messages import Finished, FinishReason, Prompt, Sampling
from tests.raw_server import (
    DONE,
    STOP,
    RawServer,
    Reply,
    event,
    in_turn,
    plain,
    raw,
    raw_server,
    stream,
)

HELLO = Prompt("", (), "How are you?")
WELL = (event("I am "), event("well."))


@asynccontextmanager
async def asking(*servers: RawServer, **options: Any) -> AsyncIterator[OpenAIGenerator]:
    urls = tuple(server.url for server in servers)
    generator = OpenAIGenerator(ServerOptions(urls, **options))
    try:
        await generator.start()
        yield generator
    finally:
        await generator.aclose()


async def answered(
    reply: Reply, limit: int = 100, prompt: Prompt = HELLO, **options: Any
) -> tuple[str, Finished]:
    """The answer of one server, continued where it breaks off."""
    async with raw_server(chat=reply) as server, asking(server, **options) as generator:
        return await read(generator, limit, prompt)


async def read(
    generator: OpenAIGenerator, limit: int = 100, prompt: Prompt = HELLO
) -> tuple[str, Finished]:
    sampling = Sampling(max_new_tokens=limit)
    *texts, end = [piece async for piece in resuming_stream(generator, prompt, sampling, _same)]
    assert isinstance(end, Finished)
    return "".join(text for text in texts if isinstance(text, str)), end


async def _same(_: str, __: str) -> None:
    """The context window does not change."""


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize(
    ("reply", "reason"),
    {
        "[DONE] without a reason": (stream(*WELL, DONE), "end"),
        "a regular end without [DONE]": (stream(*WELL), "end"),
        "the end of a connection without a length": (
            raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"".join(WELL)),
            "end",
        ),
        "a last line without its end": (stream(WELL[0], WELL[1].strip()), "end"),
        "a reason and a cut connection": (stream(*WELL, STOP, end="cut"), "end"),
        "a length as the reason": (stream(*WELL, event(finish_reason="length")), "length"),
        "a reason as an object": (stream(*WELL, event(finish_reason={"type": "length"})), "length"),
        "a reason of no known type": (stream(*WELL, event(finish_reason=[1]), DONE), "end"),
        "a reason, then an error": (stream(*WELL, STOP, b'data: {"error": "late"}\n\n'), "end"),
        "no stream, but one object": (
            plain({"choices": [{"message": {"content": "I am well."}, "finish_reason": "stop"}]}),
            "end",
        ),
    }.values(),
)
async def test_an_answer_ends_once_and_is_not_asked_for_again(reply: Reply, reason: str) -> None:
    async with raw_server(chat=reply) as server, asking(server) as generator:
        text, end = await read(generator)
    assert (text, end.reason) == ("I am well.", FinishReason(reason))
    assert len(server.to("/v1/chat/completions")) == 1


@pytest.mark.parametrize("end", ["hang", "again"])
async def test_after_its_reason_an_answer_ends_soon(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "_AFTER_END_SECONDS", 0.05)
    text, finished = await answered(stream(*WELL, STOP, b": alive\n\n", end=end, every=0.001))
    assert (text, finished.reason) == ("I am well.", FinishReason.END)


async def test_an_answer_that_is_cut_off_goes_on() -> None:
    reply = in_turn(stream(WELL[0], end="cut"), stream(WELL[1], STOP))
    assert (await answered(reply))[0] == "I am well."


async def test_a_server_that_always_breaks_off_is_asked_a_bounded_number_of_times() -> None:
    async with raw_server(chat=stream(event("Again. "), end="cut")) as server:
        async with asking(server) as generator:
            with pytest.raises(WorkerLost):
                await read(generator)
    assert len(server.to("/v1/chat/completions")) == 1 + MOST_RETRIES_IN_ALL


@pytest.mark.parametrize(
    ("reply", "error"),
    {
        "nothing": (stream(), "sent no answer"),
        "[DONE] alone": (stream(DONE), "sent no answer"),
        "no text": (stream(event(""), event(None), DONE), "sent no answer"),
        "no HTTP": (raw(b"\x16\x03\x01\x02 this is no HTTP\r\n\r\n"), "/v1/chat/completions: "),
        "a closed connection": (raw(b""), "/v1/chat/completions: "),
        "a page": (stream(b"<html>", headers={"Content-Type": "text/html"}), "base_urls"),
        "another text": (stream(b"Hello there\n"), "sent no answer"),
        "no JSON": (stream(b"data: {not json}\n\n"), "cannot be read"),
        "half an event": (stream(WELL[0][:20]), "cannot be read"),
        "a list": (stream(b"data: [1, 2]\n\n"), "cannot be read"),
        "deeply nested": (stream(b"data: " + b"[" * 200_000 + b"\n\n"), "cannot be read"),
        "a line without end": (stream(b"data: " + b"x" * 70_000, end="again"), "end of a line"),
        "an error": (stream(b'data: {"error": {"message": "it broke"}}\n\n'), "it broke"),
        "an error as a number": (stream(b'data: {"error": 500}\n\n'), "500"),
        "a reason that is an error": (stream(event("", finish_reason="error")), "finish_reason"),
        "HTTP 204": (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), "HTTP 204"),
    }.values(),
)
async def test_what_is_no_answer_is_one_error_that_names_the_server(
    reply: Reply, error: str
) -> None:
    async with raw_server(chat=reply) as server, asking(server) as generator:
        with pytest.raises(GenerationError) as raised:
            await read(generator)
    assert server.url in str(raised.value)
    assert error in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "I am "}, {"type": "text", "text": "well."}], "I am well."),
        (["I am ", {"text": {"value": "well."}}], "I am well."),
        ([{"type": "image_url", "image_url": {}}, {"type": "text", "text": "Ok"}, None, 1], "Ok1"),
        (42, "42"),
        (None, ""),
        (True, ""),
        ({"text": "Ok"}, "Ok"),
        ({"unknown": "field"}, ""),
        ([[["nested"]]], ""),
    ],
)
async def test_content_of_any_shape_is_understood_or_ignored(content: Any, text: str) -> None:
    assert (await answered(stream(event(content), STOP, DONE)))[0] == text


@pytest.mark.parametrize(
    "broken",
    [
        {"choices": None},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [[]]},
        {"choices": [{"delta": []}]},
        {"choices": [{"delta": "text"}]},
        {"choices": [], "usage": {"prompt_tokens": "many", "completion_tokens": [1]}},
        {"choices": [], "usage": [], "extra": {"deep": [{}]}},
        {"choices": [], "usage": {"completion_tokens": -1, "prompt_tokens_details": 3}},
        {"choices": [], "usage": {"completion_tokens": 1e400, "prompt_tokens": 10**30}},
        {},
    ],
)
async def test_events_with_fields_of_unknown_types_do_not_disturb_an_answer(broken: Any) -> None:
    line = f"data: {json.dumps(broken)}\n\n".encode()
    text, end = await answered(stream(line, WELL[0], line, WELL[1], line, DONE))
    assert text == "I am well."
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (0, 2)


async def test_a_character_that_is_divided_between_two_events_is_put_together() -> None:
    halves = stream(event("a\ud83d"), event("\ude00b\ud83d"), event("c"), STOP)
    assert (await answered(halves))[0] == "a\U0001f600b\ufffdc"


# ---------------------------------------------------------------- the length limit


async def test_a_server_that_ignores_the_length_limit_is_ended_there() -> None:
    async with raw_server(chat=stream(event("word "), end="again")) as server:
        async with asking(server) as generator:
            text, end = await read(generator, 20)
            await server.gone.wait()
    assert text == "word " * 20
    assert end.reason is FinishReason.LENGTH
    assert end.usage.completion_tokens == 20


async def test_one_event_of_any_size_is_cut_to_the_limit() -> None:
    text, end = await answered(stream(event("x" * 900_000), STOP, DONE), 20)
    assert len(text) == 20 * answer.MOST_CHARACTERS_PER_TOKEN
    assert end.reason is FinishReason.LENGTH


async def test_reported_usage_is_the_exact_limit() -> None:
    def reported(text: str, count: int) -> bytes:
        usage = {"completion_tokens": count}
        choices = [{"delta": {"content": text}}]
        return f"data: {json.dumps({'choices': choices, 'usage': usage})}\n\n".encode()

    pieces = [reported("of many tokens ", 8 * n) for n in range(1, 5)]
    text, end = await answered(stream(*pieces, STOP), 20)
    assert (text, end.reason) == ("of many tokens " * 2, FinishReason.LENGTH)


async def test_an_answer_that_comes_at_once_and_too_long_is_cut() -> None:
    whole = {"choices": [{"message": {"content": "x" * 100}}], "usage": {"completion_tokens": 40}}
    text, end = await answered(plain(whole), 20)
    assert (text, end.reason) == ("x" * 50, FinishReason.LENGTH)


async def test_an_answer_within_the_limit_is_whole_however_it_is_divided() -> None:
    said = "A sentence of no more than forty tokens, sent in single characters, as proxies do it."
    text, end = await answered(stream(*map(event, said), STOP), 40)
    assert (text, end.reason) == (said, FinishReason.END)


async def test_reasoning_counts_and_is_not_shown() -> None:
    thought = b'data: {"choices": [{"delta": {"reasoning_content": "Let me think. "}}]}\n\n'
    assert (await answered(stream(thought, thought, event("Ok"), STOP)))[0] == "Ok"
    text, end = await answered(stream(thought, end="again"), 20)
    assert (text, end.reason) == ("", FinishReason.LENGTH)


# ---------------------------------------------------------------- bounds of time and size


@pytest.mark.parametrize(
    "nothing",
    [b": keep-alive\n\n", event(""), event(None), b"\n", b'data: {"choices": []}\n\n', b"x"],
)
async def test_a_stream_without_text_ends(nothing: bytes) -> None:
    with pytest.raises(GenerationError, match="http://.*in time"):
        await answered(stream(nothing, end="again", every=0.001), idle_seconds=0.1)


async def test_a_stream_that_goes_silent_after_text_is_continued() -> None:
    silent = stream(event("I am "), b": alive\n\n", end="again", every=0.001)
    reply = in_turn(silent, stream(event("well."), STOP))
    assert (await answered(reply, idle_seconds=1.0))[0] == "I am well."


async def test_response_headers_without_end_are_not_waited_for() -> None:
    async def dribbling(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await asyncio.sleep(0.05)

    with pytest.raises(GenerationError, match="in time"):
        await answered(dribbling, idle_seconds=0.1)


async def test_a_flood_without_text_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_IDLE_BYTES", 1 << 20)
    with pytest.raises(GenerationError, match="1 MB without any text"):
        await answered(stream(b": keep-alive\n\n" * 5000, end="again"))


@pytest.mark.parametrize(
    "tokenize",
    {
        "dribbling": stream(b" ", end="again", every=0.01),
        "silent": stream(end="hang"),
        "endless": stream(b'{"count": 1' + b" " * 60_000, end="again"),
        "no JSON": plain(b"seven"),
        "a list": plain([1, 2]),
        "a text": plain({"count": "seven"}),
        "nothing": plain({"count": 0}),
        "infinite": plain(b'{"count": Infinity}'),
        "deeply nested": plain(b"[" * 100_000),
    }.values(),
)
async def test_tokens_are_estimated_where_the_server_does_not_count(tokenize: Reply) -> None:
    counts = in_turn(plain({"count": 7}), plain({"count": 8}), tokenize)
    async with raw_server(tokenize=counts) as server:
        async with asking(server, connect_seconds=1.0) as generator:
            assert await generator.count(HELLO) == 8
            for _ in range(3):
                assert await generator.count(HELLO) == estimate(as_messages(HELLO))
    assert len(server.to("/tokenize")) == 3, "a server that cannot count is left alone for a while"


async def test_error_pages_are_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    page = stream(b"<p>it broke</p>" * 4000, end="again", status=500)
    async with raw_server(chat=page) as server, asking(server) as generator:
        with pytest.raises(GenerationError, match="HTTP 500: <p>it broke</p>") as raised:
            await read(generator)
        assert len(str(raised.value)) < 500
        await server.gone.wait()
    monkeypatch.setattr(client, "_ERROR_SECONDS", 0.1)
    with pytest.raises(GenerationError, match="HTTP 500: slow"):
        await answered(stream(b"slow ", end="again", every=0.01, status=500))


async def test_no_response_is_decompressed() -> None:
    bomb = gzip.compress(b"x" * 50_000_000)
    page = plain(bomb, status=502, headers={"Content-Encoding": "gzip"})
    with pytest.raises(GenerationError, match=r"answers HTTP 502$"):
        await answered(page)
    compressed = stream(bomb, headers={"Content-Encoding": "gzip"})
    async with raw_server(chat=compressed) as server, asking(server) as generator:
        with pytest.raises(GenerationError, match=r"compressed response \(gzip\)"):
            await read(generator)
    (request,) = server.to("/v1/chat/completions")
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_conversation_is_not_sent_to_where_a_server_redirects(status: int) -> None:
    async with raw_server(chat=stream(*WELL, STOP)) as elsewhere:
        target = f"{elsewhere.url}/chat/completions"
        there = plain(status=status, headers={"Location": target})
        async with raw_server(chat=there, tokenize=there) as server, asking(server) as generator:
            with pytest.raises(GenerationError) as raised:
                await read(generator)
            await generator.count(HELLO)
        assert f"redirects to {target}" in str(raised.value)
        assert "[model.openai] base_urls" in str(raised.value)
        with pytest.raises(ModelError, match=r"redirects to .*\[model.openai\] base_urls"):
            async with raw_server(models=there) as server, asking(server):
                pass
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    "models",
    {
        "no JSON": plain(b"<html>"),
        "a list": plain([]),
        "no list": plain({"data": {"id": "llama"}}),
        "null": plain(b"null"),
        "endless": stream(b" " * 60_000, end="again"),
        "dribbling": stream(b" ", end="again", every=0.01),
        "deeply nested": plain(b"[" * 100_000),
        "compressed": plain(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}),
    }.values(),
)
async def test_what_is_no_list_of_models_is_one_clear_line(models: Reply) -> None:
    async with raw_server(models=models) as server:
        with pytest.raises(ModelError, match=r"does not answer as a model server.*base_urls"):
            async with asking(server, connect_seconds=0.3):
                pass


async def test_the_api_key_is_in_no_error() -> None:
    wrong = plain({"error": {"message": "Incorrect API key provided: sk-123"}}, status=401)
    with pytest.raises(GenerationError, match=r"provided: \[key\]. Set PARLEY_MODEL__OPENAI"):
        await answered(wrong, api_key="sk-123\n")
