"""A model behind OpenAI-compatible servers, against fake HTTP servers on the loopback interface."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import Clock
from bot.engine.resume import resuming_stream
from bot.errors import GenerationError, ModelError, WorkerLost
from bot.generation.openai import OpenAIGenerator, ServerOptions
from bot.generation.openai.counting import estimate
from bot.generation.openai.events import read_chunks
from bot.generation.openai.listing import window
from bot.generation.openai.payload import WORD_JOINER, Joiner, as_messages, neutralize
from bot.generation.openai.replicas import Replicas
from bot.messages import (
    Completion,
    Exchange,
    Finished,
    FinishReason,
    Prompt,
    Sampling,
)

HELLO = Prompt("Be kind.", (Exchange("Hi", "Hello."),), "How are you?")


@dataclass
class Server:
    """A fake model server that answers `words`; its fields make it fail as tests need it."""

    words: list[str] = field(default_factory=lambda: ["I ", "am ", "well."])
    break_after: int | None = None
    status: int = 200
    counts: bool = True
    finish: str = "stop"
    hang: bool = False
    goes_on: bool = False
    """Continue an answer that was begun, instead of writing all of it."""
    key: str = ""
    model: str = "llama"
    asked: int = 0
    """The number of requests for the list of models."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    connections: list[tuple[str, int]] = field(default_factory=list)
    """The client's address of each request."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def models(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": "no"}, status=401)
        return web.json_response({"data": [{"id": self.model, "max_model_len": 1234}]})

    async def tokenize(self, request: web.Request) -> web.Response:
        if not self.counts:
            return web.Response(status=404)
        messages = (await request.json())["messages"]
        return web.json_response({"count": sum(len(m["content"].split()) for m in messages)})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        assert request.transport is not None
        self.connections.append(request.transport.get_extra_info("peername"))
        if self.status != 200:
            return web.json_response({"error": {"message": "not today"}}, status=self.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for number, word in enumerate(self._missing(self.requests[-1])):
                if number == self.break_after:
                    assert request.transport is not None
                    request.transport.close()
                    return response
                await self._event(response, {"choices": [{"delta": {"content": word}}]})
            if self.hang:
                await asyncio.Event().wait()
            end = {"choices": [{"delta": {}, "finish_reason": self.finish}]}
            await self._event(response, end)
            usage = {"prompt_tokens": 9, "completion_tokens": len(self.words)}
            await self._event(response, {"choices": [], "usage": usage})
            await response.write(b"data: [DONE]\n\n")
        finally:
            self.closed.set()
        return response

    def _missing(self, request: dict[str, Any]) -> list[str]:
        last = request["messages"][-1] if self.goes_on else {"role": "user"}
        said = last["content"] if last["role"] == "assistant" else ""
        whole = "".join(self.words)
        assert whole.startswith(said)
        return re.findall(r"\s*\S+", whole[len(said) :]) if said else self.words

    async def _event(self, response: web.StreamResponse, value: object) -> None:
        await response.write(f"data: {json.dumps(value)}\n\n".encode())


@asynccontextmanager
async def serving(server: Server, port: int = 0) -> AsyncIterator[Server]:
    app = web.Application()
    app.router.add_get("/v1/models", server.models)
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_post("/v1/completions", server.chat)
    app.router.add_post("/tokenize", server.tokenize)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def asking(
    *servers: Server, clock: Clock | None = None, **options: Any
) -> AsyncIterator[OpenAIGenerator]:
    urls = tuple(server.url for server in servers)
    generator = OpenAIGenerator(ServerOptions(urls, **options), clock)
    try:
        await generator.start()
        yield generator
    finally:
        await generator.aclose()


async def read(
    generator: OpenAIGenerator, prompt: Prompt | Completion = HELLO, **sampling: Any
) -> tuple[str, Finished]:
    pieces = [piece async for piece in generator.stream(prompt, Sampling(**sampling))]
    *texts, last = pieces
    assert isinstance(last, Finished)
    return "".join(str(text) for text in texts), last


async def test_an_answer_is_streamed_and_reports_its_usage() -> None:
    async with serving(Server()) as server, asking(server) as generator:
        info = await generator.start()
        assert (info.name, info.context, info.backend) == ("llama", 1234, "openai")
        assert info.device == "a model server", "everybody sees it in /status: no address"
        text, end = await read(generator, temperature=0.0, seed=7, top_k=0)
    assert text == "I am well."
    assert end.reason is FinishReason.END
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (9, 3)
    (request,) = server.requests
    assert [m["role"] for m in request["messages"]] == ["system", "user", "assistant", "user"]
    assert (request["temperature"], request["seed"]) == (0.0, 7)
    assert "top_k" not in request


async def test_the_length_limit_is_distinguished_from_the_end() -> None:
    async with serving(Server(finish="length")) as server, asking(server) as generator:
        _, end = await read(generator)
    assert end.reason is FinishReason.LENGTH


async def test_a_continued_answer_is_the_last_message_to_go_on_from() -> None:
    async with serving(Server()) as server, asking(server) as generator:
        await read(generator, Prompt("", (), "How are you?", "I am"))
    (request,) = server.requests
    assert request["messages"][-1] == {"role": "assistant", "content": "I am"}
    assert request["continue_final_message"] is True
    assert request["add_generation_prompt"] is False


@pytest.mark.parametrize(
    ("listed", "tokens"),
    [
        ({"max_model_len": 1234}, 1234),
        ({"meta": {"n_ctx": 2048, "n_ctx_train": 4096}}, 2048),
        ({"meta": None}, 0),
        ({}, 0),
        ({"max_model_len": "many"}, 0),
    ],
)
def test_the_context_window_is_what_the_server_states(listed: dict[str, Any], tokens: int) -> None:
    assert window({"id": "llama", **listed}) == tokens


async def test_a_server_that_closes_idle_connections_is_asked_on_fresh_ones() -> None:
    async with serving(Server()) as server, asking(server) as generator:
        for _ in range(5):
            await read(generator)
        assert len(set(server.connections)) == len(server.connections) == 5


async def test_an_answer_begins_without_the_space_of_its_first_token() -> None:
    async with serving(Server(words=[" ", "\n", " I", " am."])) as server:
        async with asking(server) as generator:
            assert (await read(generator))[0] == "I am."


async def test_an_answer_that_ends_in_a_space_is_continued_without_it_being_lost_or_doubled() -> (
    None
):
    for words in ([" well", "."], ["well", "."], [" ", " well."]):
        async with serving(Server(words=words)) as server, asking(server) as generator:
            text, _ = await read(generator, Prompt("", (), "How are you?", "I am "))
        assert "I am " + text in ("I am well.", "I am  well.")
        assert len(text) == len("".join(words)) - words[0].startswith(" ")
        (request,) = server.requests
        assert request["messages"][-1]["content"] == "I am"


@given(st.text(alphabet=" a\n", max_size=5), st.lists(st.text(alphabet=" a\n", max_size=4)))
def test_however_the_continuation_is_cut_into_pieces_it_joins_on_alike(
    answer: str, pieces: list[str]
) -> None:
    prompt = Prompt("", (), "?", answer)
    joiner, at_once = Joiner(prompt), Joiner(prompt)
    assert "".join(map(joiner.join, pieces)) == at_once.join("".join(pieces))


async def test_a_plain_completion_has_no_chat_format() -> None:
    async with serving(Server()) as server, asking(server) as generator:
        await read(generator, Completion("Q: What is CPU?\nA:"))
    assert server.requests[0]["prompt"] == "Q: What is CPU?\nA:"


async def test_tokens_are_counted_by_the_server_and_estimated_high_where_it_cannot() -> None:
    async with serving(Server()) as server, asking(server) as generator:
        assert await generator.count(HELLO) == 7
    async with serving(Server(counts=False)) as server, asking(server) as generator:
        assert await generator.count(HELLO) == estimate(as_messages(HELLO)) > 7


async def test_a_replica_that_fails_is_replaced_while_nothing_was_shown() -> None:
    async with serving(Server(status=503)) as bad, serving(Server()) as good:
        async with asking(bad, good) as generator:
            for n in range(40):  # some of them begin at the bad one
                prompt = Prompt("", (), "Hi", cache_key=f"conversation {n}")
                assert (await read(generator, prompt))[0] == "I am well."
    assert len(good.requests) == 40
    assert len(bad.requests) == 1, "a replica that failed is left alone for a while"


class Rounds:
    """A clock whose sleepers a test wakes, one at a time."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self.sleeping = 0

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(woken)
        self.sleeping += 1
        try:
            await woken
        finally:
            self.sleeping -= 1

    async def one(self) -> None:
        """Wake the sleeper and wait until it sleeps again."""
        (await self._waiting.get()).set_result(None)
        again = await self._waiting.get()
        self._waiting.put_nowait(again)


async def owner(*generators: OpenAIGenerator, of: str) -> str:
    (generator,) = generators
    stream = generator.stream(Prompt("", (), "Hi", cache_key=of), Sampling())
    text = str(await anext(stream))
    await stream.aclose()
    return text


async def test_a_replica_that_came_back_gets_its_conversations_again() -> None:
    clock, keys = Rounds(), [f"conversation {n}" for n in range(40)]
    async with serving(Server(words=["one"])) as one, AsyncExitStack() as second:
        two = await second.enter_async_context(serving(Server(words=["two"])))
        async with asking(one, two, clock=clock) as generator:
            before = [await owner(generator, of=key) for key in keys]
            assert set(before) == {"one", "two"}
            await second.aclose()
            await clock.one()
            assert {await owner(generator, of=key) for key in keys} == {"one"}
            port = int(two.url.split(":")[2].removesuffix("/v1"))
            async with serving(Server(words=["two"]), port):
                await clock.one()
                assert [await owner(generator, of=key) for key in keys] == before


async def test_a_replica_that_is_gone_is_noticed_before_a_question_is_sent_to_it() -> None:
    clock = Rounds()
    async with serving(Server()) as one, serving(Server()) as two:
        async with asking(one, two, clock=clock) as generator:
            one.key = "changed"  # it refuses the key from now on
            await clock.one()
            for n in range(8):
                await read(generator, Prompt("", (), "Hi", cache_key=f"{n}"))
    assert one.requests == []
    assert len(two.requests) == 8


async def test_a_replica_without_the_model_is_not_asked() -> None:
    async with serving(Server(model="other")) as one, serving(Server()) as two:
        async with asking(one, two, model="llama") as generator:
            for n in range(8):
                await read(generator, Prompt("", (), "Hi", cache_key=f"{n}"))
    assert one.requests == []


async def test_health_checks_end_with_the_generator() -> None:
    clock = Rounds()
    async with serving(Server()) as server:
        async with asking(server, clock=clock):
            await clock.one()
            await clock.one()
            assert server.asked == 3, "once at the start"
        assert clock.sleeping == 0, "nobody is left to ask the server again"
        assert server.asked == 3


async def test_tokens_are_counted_elsewhere_when_a_replica_is_gone() -> None:
    async with serving(Server()) as one, AsyncExitStack() as second:
        two = await second.enter_async_context(serving(Server()))
        async with asking(one, two) as generator:
            await second.aclose()
            assert await generator.count(HELLO) == 7
    async with serving(Server()) as one, AsyncExitStack() as second:
        two = await second.enter_async_context(serving(Server()))
        async with asking(two, one) as generator:
            await second.aclose()
            assert await generator.count(HELLO) == 7


async def test_a_stream_that_breaks_off_raises_worker_lost_after_what_came() -> None:
    async with serving(Server(break_after=2)) as server, asking(server) as generator:
        seen: list[object] = []
        with pytest.raises(WorkerLost):
            async for piece in generator.stream(HELLO, Sampling()):
                seen.append(piece)  # noqa: PERF401
        assert seen == ["I ", "am "]


async def test_an_answer_that_replicas_break_off_goes_on_at_others_until_it_is_whole() -> None:
    words = [f"word{number} " for number in range(9)] + ["end."]
    servers = [Server(words, break_after=4, goes_on=True) for _ in range(2)]
    async with serving(servers[0]) as one, serving(servers[1]) as two, asking(one, two) as asked:
        stream = resuming_stream(asked, HELLO, Sampling(), _never)
        *texts, end = [piece async for piece in stream]
    assert "".join(map(str, texts)) == "".join(words)
    assert isinstance(end, Finished)
    assert end.reason is FinishReason.END
    requests = one.requests + two.requests
    assert len(requests) == 3
    begun = [request["messages"][-1] for request in requests if "continue_final_message" in request]
    assert sorted(len(message["content"].split()) for message in begun) == [4, 8]
    assert {message["role"] for message in begun} == {"assistant"}


async def _never(_: str, __: str) -> None:
    """No change of the context window is expected."""


async def test_a_conversation_stays_with_its_replica() -> None:
    async with serving(Server()) as one, serving(Server()) as two:
        async with asking(one, two) as generator:
            for n in range(20):
                for _ in range(3):
                    await read(generator, Prompt("", (), f"{n}", cache_key=f"{n}"))
    for server in (one, two):
        asked = [request["messages"][0]["content"] for request in server.requests]
        assert all(asked.count(question) == 3 for question in asked)
    assert one.requests
    assert two.requests


async def test_closing_the_stream_closes_the_connection() -> None:
    async with serving(Server(hang=True)) as server, asking(server) as generator:
        stream = generator.stream(HELLO, Sampling())
        assert await anext(stream) == "I "
        assert not server.closed.is_set()
        await stream.aclose()
        await server.closed.wait()


async def test_what_a_server_rejects_is_not_tried_elsewhere() -> None:
    async with serving(Server(status=400)) as one, serving(Server(status=400)) as two:
        async with asking(one, two) as generator:
            with pytest.raises(GenerationError, match="HTTP 400: .*not today"):
                await read(generator)
    assert len(one.requests) + len(two.requests) == 1


async def test_servers_that_cannot_be_used_get_one_clear_line() -> None:
    async with serving(Server(key="right")) as server:
        with pytest.raises(ModelError, match=r"refuses the key.*PARLEY_MODEL__OPENAI__API_KEY"):
            async with asking(server, api_key="wrong"):
                pass
        async with asking(server, api_key="right"):
            pass
        with pytest.raises(ModelError, match="No server has the model 'gpt'; they serve: llama"):
            async with asking(server, api_key="right", model="gpt"):
                pass
    with pytest.raises(ModelError, match="does not answer as a model server"):
        async with asking(Server(url="http://127.0.0.1:9/v1")):
            pass
    with pytest.raises(ModelError) as caught:
        async with asking(Server(url="http://me:s3cret@127.0.0.1:9/v1")):
            pass
    assert "http://****@127.0.0.1:9/v1 does not answer" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(ModelError, match="names no server"):
        async with asking():
            pass
    assert "secret" not in repr(ServerOptions((), api_key="secret"))


async def test_one_server_of_two_is_enough_to_start() -> None:
    async with serving(Server()) as server:
        async with asking(Server(url="http://127.0.0.1:9/v1"), server) as generator:
            assert (await read(generator))[0] == "I am well."


@pytest.mark.parametrize(
    "typed",
    ["</s>", "<s>", "<|im_end|>", "<|eot_id|>", "[/INST]", "<<SYS>>", "<end_of_turn>", "<|x"],
)
def test_special_tokens_in_user_input_are_spelled_so_that_no_tokenizer_recognises_them(
    typed: str,
) -> None:
    said = neutralize(f"a {typed} b")
    assert typed not in said
    assert said.replace(WORD_JOINER, "") == f"a {typed} b"
    assert neutralize(said) == said


@given(st.text(alphabet="<>|/s[]INSTYa ", max_size=30))
def test_nothing_else_is_changed(text: str) -> None:
    assert neutralize(text).replace(WORD_JOINER, "") == text


@given(st.lists(st.text(max_size=20), max_size=10), st.data())
async def test_a_stream_is_read_alike_however_it_is_cut(
    words: list[str], data: st.DataObject
) -> None:
    events = [{"choices": [{"delta": {"content": word}}]} for word in words]
    raw = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))

    async def pieces() -> AsyncIterator[bytes]:
        for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
            yield raw[start:end]

    read_words = [chunk.text async for chunk in read_chunks(pieces())]
    assert read_words == words


def test_when_a_replica_goes_only_its_own_conversations_move() -> None:
    replicas = Replicas(["http://a", "http://b", "http://c"])
    before = {key: replicas.ranked(key)[0] for key in map(str, range(60))}
    assert set(before.values()) == set(replicas.urls)
    replicas.failed("http://b")
    after = {key: replicas.ranked(key)[0] for key in before}
    assert all(after[key] == url for key, url in before.items() if url != "http://b")
    assert "http://b" not in after.values()
    replicas.answered("http://b")
    assert {key: replicas.ranked(key)[0] for key in before} == before
