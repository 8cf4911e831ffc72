"""Which model of a server is taken, and which parameters it gets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.errors import GenerationError, ModelError
from bot.generation.openai import OpenAIGenerator, ServerOptions, try_servers
from bot.generation.openai.listing import can_chat, choose
from bot.messages import Finished, Prompt, Sampling
from tests.raw_server import STOP, RawServer, Received, Reply, event, plain, raw_server, stream

HELLO = Prompt("", (), "How are you?")
GOOD = stream(event("I am well."), STOP)
EVERYTHING = Sampling(top_k=50, top_p=0.9, repetition_penalty=1.1, seed=7, max_new_tokens=20)


@asynccontextmanager
async def asking(*servers: RawServer, **options: Any) -> AsyncIterator[OpenAIGenerator]:
    generator = OpenAIGenerator(ServerOptions(tuple(server.url for server in servers), **options))
    try:
        await generator.start()
        yield generator
    finally:
        await generator.aclose()


async def read(generator: OpenAIGenerator, prompt: Prompt = HELLO) -> str:
    *texts, end = [piece async for piece in generator.stream(prompt, EVERYTHING)]
    assert isinstance(end, Finished)
    return "".join(map(str, texts))


# ---------------------------------------------------------------- refused parameters


def refusing(*names: str, error: Any, status: int = 400) -> Reply:
    """Answers with the error while a request has one of the parameters `names`."""

    async def reply(request: Received, writer: asyncio.StreamWriter) -> None:
        refused = any(name in request.body for name in names)
        await (plain(error, status=status) if refused else GOOD)(request, writer)

    return reply


OPENAI = {"error": {"message": "Unrecognized request argument supplied: top_k", "param": None}}
UNSUPPORTED = {"error": {"message": "Not supported with this model.", "param": "top_k"}}
VLLM = {
    "object": "error",
    "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'top_k'), 'input': 50}]",
}
FASTAPI = {"detail": [{"loc": ["body", "top_k"], "msg": "Extra inputs are not permitted"}]}


@pytest.mark.parametrize("error", [OPENAI, UNSUPPORTED, VLLM, FASTAPI, "top_k?", b"unknown: top_k"])
@pytest.mark.parametrize("status", [400, 422])
async def test_a_parameter_that_a_server_refuses_is_left_out_from_then_on(
    error: Any, status: int
) -> None:
    chat = refusing("top_k", error=error, status=status)
    async with raw_server(chat=chat) as server, asking(server) as generator:
        assert await read(generator) == "I am well."
        assert await read(generator) == "I am well."
    sent = [request.body for request in server.to("/v1/chat/completions")]
    assert ["top_k" in body for body in sent] == [True, False, False]
    assert sent[0] == {**sent[1], "top_k": 50}, "the same question, and all else as before"


@pytest.mark.parametrize(
    "name",
    [
        "top_k",
        "top_p",
        "temperature",
        "seed",
        "stream_options",
        "repetition_penalty",
        "repeat_penalty",
        "add_generation_prompt",
        "continue_final_message",
    ],
)
async def test_every_optional_parameter_can_be_refused(name: str) -> None:
    chat = refusing(name, error={"error": f"unknown field '{name}'"})
    async with raw_server(chat=chat) as server, asking(server) as generator:
        assert await read(generator, Prompt("", (), "How are you?", "Well: ")) == "I am well."
    first, second = (request.body for request in server.to("/v1/chat/completions"))
    assert set(first) - set(second) == {name}


async def test_several_parameters_are_left_out_one_after_the_other() -> None:
    async def reply(request: Received, writer: asyncio.StreamWriter) -> None:
        names = ("seed", "top_k", "repeat_penalty", "repetition_penalty")
        named = next((name for name in names if name in request.body), "")
        error = plain({"error": f"unknown field '{named}'"}, status=400)
        await (error if named else GOOD)(request, writer)

    async with raw_server(chat=reply) as server, asking(server) as generator:
        assert await read(generator) == "I am well."
        assert len(server.to("/v1/chat/completions")) == 5
        assert await read(generator) == "I am well."
        assert len(server.to("/v1/chat/completions")) == 6


async def test_max_tokens_that_are_refused_are_sent_under_their_newer_name() -> None:
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead."
    )
    error = {"error": {"message": message, "param": "max_tokens"}}
    async with raw_server(chat=refusing("max_tokens", error=error)) as server:
        async with asking(server) as generator:
            assert await read(generator) == "I am well."
            assert await read(generator) == "I am well."
    sent = [request.body for request in server.to("/v1/chat/completions")]
    assert [body.get("max_completion_tokens") for body in sent] == [None, 20, 20]
    assert ["max_tokens" in body for body in sent] == [True, False, False]


async def test_the_length_limit_holds_where_no_parameter_for_it_is_accepted() -> None:
    async def reply(request: Received, writer: asyncio.StreamWriter) -> None:
        for name in ("max_tokens", "max_completion_tokens"):
            if name in request.body:
                await plain({"error": f"unknown field {name}"}, status=422)(request, writer)
                return
        await stream(event("word "), end="again")(request, writer)

    async with raw_server(chat=reply) as server, asking(server) as generator:
        assert await read(generator) == "word " * 20
        await server.gone.wait()


async def test_a_value_that_is_refused_is_left_out_of_that_question_alone() -> None:
    error = {"error": {"message": "temperature must be at most 1"}}
    async with raw_server(chat=refusing("temperature", error=error)) as server:
        async with asking(server) as generator:
            assert await read(generator) == "I am well."
            assert await read(generator) == "I am well."
    sent = [request.body for request in server.to("/v1/chat/completions")]
    assert ["temperature" in body for body in sent] == [True, False, True, False]


async def test_each_server_has_its_own_refused_parameters() -> None:
    async with raw_server(chat=refusing("top_k", error=OPENAI)) as one:
        async with raw_server(chat=GOOD) as two, asking(one, two) as generator:
            for number in range(8):
                assert await read(generator, Prompt("", (), "Hi", cache_key=str(number)))
    assert sum("top_k" in request.body for request in one.to("/v1/chat/completions")) == 1
    assert all("top_k" in request.body for request in two.to("/v1/chat/completions"))


TOO_LONG = (
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
    "(max_tokens: 512). Please reduce the length of the messages."
)


@pytest.mark.parametrize(
    ("status", "error", "remedy"),
    [
        (400, "this is wrong", r"\[model.openai\] model, or the values of \[generation\]"),
        (422, "messages: field required", r"\[generation\]"),
        (400, TOO_LONG, r"Set \[model\] context"),
        (404, "model 'llama' not found", r"\[model.openai\] base_urls or \[model.openai\] model"),
        (401, "who are you?", "PARLEY_MODEL__OPENAI__API_KEY"),
    ],
)
async def test_other_rejections_name_the_setting_and_are_not_retried(
    status: int, error: str, remedy: str
) -> None:
    chat = plain({"error": {"message": error}}, status=status)
    async with raw_server(chat=chat) as server, asking(server) as generator:
        with pytest.raises(GenerationError, match=rf"HTTP {status}: .*{remedy}"):
            await read(generator)
    assert len(server.to("/v1/chat/completions")) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"detail": [{"loc": ["body", "x"], "msg": "required", "input": {"messages": "SECRET"}}]},
        {"message": "[{'loc': ('body', 'messages', 0), 'msg': 'wrong', 'input': 'SECRET'}]"},
    ],
)
async def test_an_error_that_repeats_the_conversation_is_shown_without_it(error: Any) -> None:
    async with raw_server(chat=plain(error, status=400)) as server, asking(server) as generator:
        with pytest.raises(GenerationError, match="HTTP 400: .*body") as raised:
            await read(generator)
    assert "SECRET" not in str(raised.value)


# ---------------------------------------------------------------- which model


def names(*ids: str) -> list[dict[str, Any]]:
    return [{"id": name} for name in ids]


@pytest.mark.parametrize(
    ("served", "wanted", "chosen"),
    [
        (("qwen3:8b",), "qwen3", "qwen3:8b"),
        (("llama3.2:latest",), "llama3.2", "llama3.2:latest"),
        (("llama3.2:1b", "llama3.2:latest"), "llama3.2", "llama3.2:latest"),
        (("Qwen3:8B", "gemma3:4b"), "qwen3:8b", "Qwen3:8B"),
        (("Qwen3:8B",), "QWEN3", "Qwen3:8B"),
        (("meta-llama/Llama-2-7b-chat-hf",), "llama-2-7b-chat-hf", "meta-llama/Llama-2-7b-chat-hf"),
        (("qwen3:8b", "qwen3"), "qwen3", "qwen3"),
        (("A", "a"), "a", "a"),
        (("nomic-embed-text",), "nomic-embed-text", "nomic-embed-text"),
        (("bge-m3:latest", "whisper-1", "all-minilm:22m", "qwen3:8b"), "", "qwen3:8b"),
        (("one", "two", "one"), "", "one"),
    ],
)
def test_a_name_may_be_short_and_none_is_the_first_chat_model(
    served: tuple[str, ...], wanted: str, chosen: str
) -> None:
    assert choose(names(*served), wanted)["id"] == chosen


@pytest.mark.parametrize(
    ("served", "wanted", "error"),
    [
        (("qwen3:8b", "qwen3:14b"), "qwen3", "fits several models: qwen3:14b, qwen3:8b. Set"),
        (("A", "a"), "Á", "they serve: A, a"),
        (("qwen3:8b",), "qwen", "No server has the model 'qwen'"),
        (("bge-m3", "whisper-1"), "", r"no chat model|lists a chat model \(bge-m3, whisper-1\)"),
        ((), "", r"\(none\)"),
        (tuple(f"model-{n:03}" for n in range(400)), "x", "model-011 and 388 more"),
    ],
)
def test_a_name_that_fits_none_or_several_lists_the_candidates(
    served: tuple[str, ...], wanted: str, error: str
) -> None:
    with pytest.raises(ModelError, match=error):
        choose(names(*served), wanted)


@pytest.mark.parametrize(
    ("model", "chats"),
    [
        ({"id": "x", "type": "embeddings"}, False),
        ({"id": "x", "type": "llm"}, True),
        ({"id": "my-embedded-assistant", "type": "chat"}, True),
        ({"id": "x", "type": "model"}, True),
        ({"id": "x", "capabilities": ["embedding"]}, False),
        ({"id": "x", "capabilities": ["completion", "tools"]}, True),
        ({"id": "x", "capabilities": {"completion_chat": False, "moderation": True}}, False),
        ({"id": "x", "capabilities": {"completion_chat": True}}, True),
        ({"id": "x", "task": "text_generation"}, True),
        ({"id": "x", "task": "text-classification"}, False),
        ({"id": "x", "details": {"family": "nomic-bert"}}, False),
        ({"id": "x", "details": {"family": "llama"}}, True),
        ({"id": "x", "details": "bert", "type": 3, "capabilities": 4}, True),
        ({"id": "intfloat/e5-mistral-7b-instruct"}, False),
        ({"id": "BAAI/bge-reranker-v2-m3"}, False),
        ({"id": "kokoro-tts"}, False),
        ({"id": "meta-llama/Llama-3.1-8B-Instruct"}, True),
    ],
)
def test_what_a_model_is_for_is_told_by_the_server_or_by_its_name(
    model: dict[str, Any], chats: bool
) -> None:
    assert can_chat(model) is chats


async def test_ollama_tells_which_of_its_models_can_chat() -> None:
    listed = plain({"data": names("strange:latest", "gemma3:4b")})
    tags = plain(
        {
            "models": [
                {"name": "strange:latest", "details": {"family": "bert"}},
                {"name": "gemma3:4b", "capabilities": ["completion"]},
            ]
        }
    )
    async with raw_server(models=listed, tags=tags, chat=GOOD) as server:
        async with asking(server) as generator:
            assert (await generator.start()).name == "gemma3:4b"
            assert await read(generator) == "I am well."
    (request,) = server.to("/v1/chat/completions")
    assert request.body["model"] == "gemma3:4b"


async def test_a_short_name_is_sent_in_full() -> None:
    async with raw_server(models=plain({"data": names("qwen3:8b")}), chat=GOOD) as server:
        async with asking(server, model="qwen3") as generator:
            await read(generator)
    assert server.to("/v1/chat/completions")[0].body["model"] == "qwen3:8b"
    assert server.to("/api/tags") == [], "a named model may be of any kind"


# ---------------------------------------------------------------- the trial question


async def test_each_server_is_asked_the_trial_question_and_reports_for_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    no_chat = plain({"error": '"llama" does not support chat'}, status=400)
    async with raw_server(chat=GOOD) as good, raw_server(chat=no_chat) as bad:
        other = raw_server(models=plain({"data": names("gpt")}))
        async with raw_server(chat=stream()) as empty, other as without:
            urls = (good.url, bad.url, empty.url, without.url, "http://127.0.0.1:9/v1")
            trials = await try_servers(ServerOptions(urls, context=2048))
    assert [trial.url for trial in trials] == list(urls)
    assert (trials[0].model, trials[0].context, trials[0].error) == ("llama", 2048, "")
    errors = [trial.error for trial in trials[1:]]
    remedies = [trial.remedy for trial in trials[1:]]
    assert 'HTTP 400: "llama" does not support chat' in errors[0]
    assert remedies[0].startswith("Correct [model.openai] model")
    assert errors[1].endswith("sent no answer")
    assert remedies[1] == "See the log of the server."
    assert errors[2] == "No server has the model 'llama'; they serve: gpt"
    assert remedies[3] == "Start it, or correct [model.openai] base_urls."
    assert good.to("/v1/chat/completions")[0].body["max_tokens"] < 20
    assert not caplog.records, "the report is all that is said"
