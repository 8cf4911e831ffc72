"""What the doctor says about model servers."""

from bot.checks import State
from bot.config import ModelSettings, OpenAISettings, Settings
from parley.doctor.backends import check_servers
from tests.raw_server import STOP, event, plain, raw_server, stream


async def test_a_server_is_fine_where_it_answers_a_question_and_only_there() -> None:
    no_chat = plain({"error": {"message": "llama does not support chat"}}, status=400)
    answering = stream(event("OK"), STOP)
    key = plain({"error": "no"}, status=401)
    async with raw_server(chat=answering) as good, raw_server(chat=no_chat) as bad:
        async with raw_server(models=key) as locked:
            servers = OpenAISettings(base_urls=(good.url, bad.url, locked.url))
            model = ModelSettings(backend="openai", openai=servers)
            results = await check_servers(Settings(model=model))
    assert [result.state for result in results] == [State.OK, State.FAILED, State.FAILED]
    assert results[0].detail == "llama answers, context 4096 tokens, token counts are estimates"
    assert results[1].detail.endswith("HTTP 400: llama does not support chat")
    assert results[1].remedy.startswith("Correct [model.openai] model")
    assert results[2].remedy == "Set PARLEY_MODEL__OPENAI__API_KEY."


async def test_a_small_window_of_ollamas_is_a_warning_with_its_remedy() -> None:
    models = plain({"data": [{"id": "qwen3:8b", "owned_by": "library"}]})
    own = {"api/ps": plain({"models": []}), "api/show": plain({"capabilities": ["completion"]})}
    async with raw_server(models=models, chat=stream(event("OK"), STOP), **own) as server:
        servers = OpenAISettings(base_urls=(server.url,))
        model = ModelSettings(backend="openai", openai=servers)
        (result,) = await check_servers(Settings(model=model))
    assert result.state is State.WARNING
    assert result.detail.startswith("qwen3:8b (Ollama) answers, context 4096 tokens")
    assert "OLLAMA_CONTEXT_LENGTH" in result.remedy
