"""Context windows and token counts, as the servers document them."""

from typing import Any

import pytest

from bot.generation.openai import OpenAIGenerator, ServerOptions, try_servers
from bot.messages import Prompt
from tests.raw_server import STOP, RawServer, Received, Reply, event, plain, raw_server, stream

GOOD = stream(event("I am well."), STOP)
QWEN = plain({"data": [{"id": "qwen3:8b", "object": "model"}]})
TAGS = plain({"models": [{"name": "qwen3:8b"}]})
CUTS = "Ollama cuts longer prompts without a word"


async def started(*servers: RawServer, **options: Any) -> OpenAIGenerator:
    generator = OpenAIGenerator(ServerOptions(tuple(server.url for server in servers), **options))
    await generator.start()
    await generator.aclose()
    return generator


async def context_of(*servers: RawServer, **options: Any) -> int:
    generator = await started(*servers, **options)
    return (await generator.start()).context


def ollama(loaded: list[dict[str, Any]], shown: dict[str, Any]) -> dict[str, Reply]:
    """What Ollama answers in its own API (https://docs.ollama.com/api)."""
    return {"api/ps": plain({"models": loaded}), "api/show": plain(shown)}


# ---------------------------------------------------------------- windows


async def test_vllm_and_sglang_state_it_in_the_list() -> None:
    models = plain({"data": [{"id": "m", "max_model_len": 16384}]})
    async with raw_server(models=models) as server:
        assert await context_of(server) == 16384
        assert server.to("/props") == []


async def test_llama_server_tells_what_one_slot_has() -> None:
    models = plain({"data": [{"id": "m", "meta": {"n_ctx": 32768, "n_ctx_train": 131072}}]})
    props = plain({"default_generation_settings": {"n_ctx": 8192}, "total_slots": 4})
    async with raw_server(models=models, props=props) as server:
        assert await context_of(server) == 8192
    async with raw_server(models=models) as older:
        assert await context_of(older) == 32768


async def test_lm_studio_tells_it_of_a_loaded_model() -> None:
    entry = {"id": "llama", "type": "llm", "max_context_length": 131072}
    loaded = plain({"data": [entry | {"state": "loaded", "loaded_context_length": 12000}]})
    async with raw_server(**{"api/v0/models": loaded}) as server:
        assert await context_of(server) == 12000
    not_loaded = plain({"data": [entry | {"state": "not-loaded"}]})
    async with raw_server(**{"api/v0/models": not_loaded}) as server:
        generator = await started(server)
        assert (await generator.start()).context == 4096
        assert "not loaded it yet" in generator.window.note
        assert await context_of(server, context=16384) == 16384, "what is not known caps nothing"


async def test_ollama_tells_it_of_a_loaded_model() -> None:
    loaded = [{"name": "qwen3:8b", "context_length": 32768}]
    async with raw_server(models=QWEN, tags=TAGS, **ollama(loaded, {})) as server:
        generator = await started(server)
    assert generator.window.tokens == 32768
    assert generator.window.note == ""


@pytest.mark.parametrize(
    ("shown", "tokens"),
    [
        ({"model_info": {"qwen3.context_length": 40960}}, 4096),
        ({"parameters": "temperature 0.6\nnum_ctx                8192\n"}, 8192),
        ({"parameters": "num_ctx 99999", "model_info": {"qwen3.context_length": 40960}}, 40960),
        ({"parameters": 7, "model_info": [], "details": None}, 4096),
    ],
)
async def test_ollamas_window_is_its_own_and_not_what_the_model_was_trained_for(
    shown: dict[str, Any], tokens: int
) -> None:
    async with raw_server(models=QWEN, tags=TAGS, **ollama([], shown)) as server:
        generator = await started(server)
    assert generator.window.tokens == tokens
    assert CUTS in generator.window.note


async def test_a_context_that_the_server_does_not_give_is_not_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    models = plain({"data": [{"id": "m", "max_model_len": 2048}]})
    async with raw_server(models=models) as server:
        assert await context_of(server, context=8192) == 2048
        assert "context = 8192 is more than the 2048 tokens" in caplog.text
        assert await context_of(server, context=1024) == 1024


async def test_of_several_servers_the_smallest_window_counts() -> None:
    models = plain({"data": [{"id": "m"}]})
    props = [plain({"default_generation_settings": {"n_ctx": size}}) for size in (8192, 2048)]
    async with raw_server(models=models, props=props[0]) as one:
        async with raw_server(models=models, props=props[1]) as two:
            assert await context_of(one, two) == 2048


@pytest.mark.parametrize("wrong", [[], "x", {"default_generation_settings": []}, {"data": [7]}])
async def test_what_is_not_as_documented_tells_nothing(wrong: Any) -> None:
    replies = {path: plain(wrong) for path in ("props", "api/v0/models", "api/ps", "api/show")}
    async with raw_server(**replies) as server:
        assert await context_of(server) == 4096


# ---------------------------------------------------------------- which model


async def test_ollama_is_asked_what_each_model_can_do() -> None:
    async def shown(request: Received, writer: Any) -> None:
        chats = request.body["model"] == "gemma3:4b"
        await plain({"capabilities": ["completion"] if chats else ["embedding"]})(request, writer)

    names = ("strange:latest", "gemma3:4b")
    listed = plain({"data": [{"id": name} for name in names]})
    tags = plain({"models": [{"name": name, "details": {"family": "llama"}} for name in names]})
    async with raw_server(models=listed, tags=tags, **{"api/show": shown}) as server:
        assert (await (await started(server)).start()).name == "gemma3:4b"


async def test_openarc_tells_what_its_models_are_for() -> None:
    listed = plain({"data": [{"id": "speaker"}, {"id": "vectors"}, {"id": "arc"}]})
    kinds = {"speaker": "kokoro", "vectors": "emb", "arc": "llm"}
    status = plain({"models": [{"model_name": n, "model_type": k} for n, k in kinds.items()]})
    async with raw_server(models=listed, **{"openarc/status": status}) as server:
        assert (await (await started(server)).start()).name == "arc"


# ---------------------------------------------------------------- counts


async def counted(server: RawServer, question: str) -> tuple[int, bool]:
    generator = OpenAIGenerator(ServerOptions((server.url,)))
    try:
        await generator.start()
        return await generator.count(Prompt("", (), question)), generator.counts_exactly
    finally:
        await generator.aclose()


@pytest.mark.parametrize(("path", "field"), [("v3/tokenize", "text"), ("tokenize", "prompt")])
async def test_openvinos_server_and_sglang_count_the_texts(path: str, field: str) -> None:
    async def tokenized(request: Received, writer: Any) -> None:
        text = request.body.get(field)
        found = plain({"tokens": text.split()} if isinstance(text, str) else {}, status=200)
        await found(request, writer)

    async with raw_server(**{path: tokenized}) as server:
        count, exact = await counted(server, "one two three")
    assert 3 < count <= 3 + 16
    assert not exact


async def test_the_doctors_trial_says_how_tokens_are_counted_and_what_ollama_cuts() -> None:
    vllm = plain({"count": 5})
    async with raw_server(chat=GOOD, tokenize=vllm) as server:
        (trial,) = await try_servers(ServerOptions((server.url,)))
        assert (trial.error, trial.exact, trial.note) == ("", True, "")
    async with raw_server(models=QWEN, tags=TAGS, chat=GOOD, **ollama([], {})) as server:
        (trial,) = await try_servers(ServerOptions((server.url,)))
        assert (trial.error, trial.exact) == ("", False)
        assert CUTS in trial.note
