"""Model servers on this machine are found, with their chat models."""

import pytest

from bot.errors import ModelError
from parley.setup.servers import Address, ask_server, find_servers, usual_addresses
from tests.parley.setup.scene import OLLAMA_MODEL, FakeOllama

NOBODY = Address("http://127.0.0.1:9/v1", "nobody")


async def test_a_server_that_answers_is_found_with_the_models_that_can_chat() -> None:
    async with FakeOllama.open() as ollama:
        found = await find_servers([NOBODY, Address(ollama.url, "Ollama")])
    assert [(server.url, server.product, server.models) for server in found] == [
        (ollama.url, "Ollama", (OLLAMA_MODEL,))
    ]


async def test_a_server_without_a_chat_model_is_not_offered() -> None:
    async with FakeOllama.open() as ollama:
        del ollama.models[0]
        assert await find_servers([Address(ollama.url, "Ollama")]) == []
        assert (await ask_server(ollama.url)).models == ()


async def test_a_server_that_is_named_and_does_not_answer_is_one_line() -> None:
    with pytest.raises(ModelError, match=r"http://127\.0\.0\.1:9/v1 does not answer as a model"):
        await ask_server(NOBODY.url)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("", "http://127.0.0.1:11434/v1"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("http://localhost:5000", "http://localhost:5000/v1"),
        ("[::1]:5000", "http://[::1]:5000/v1"),
        ("host:notaport", "http://127.0.0.1:11434/v1"),
    ],
)
def test_ollamas_own_variable_says_where_it_is(value: str, url: str) -> None:
    addresses = usual_addresses({"OLLAMA_HOST": value})
    assert addresses[0] == Address(url, "Ollama")
    ports = {address.url.split(":")[2].split("/")[0] for address in addresses[1:]}
    assert ports == {"1234", "8080", "8000"}
