"""Model servers on this machine: Ollama, LM Studio, llama.cpp, OpenVINO Model Server, vLLM.

The usual ports of the loopback interface are asked for ``/models``, all at once and briefly. What
answers there and lists a chat model is offered. Sources of the ports: https://docs.ollama.com/faq
(also the variable OLLAMA_HOST), https://lmstudio.ai/docs/developer/core/server,
https://github.com/ggml-org/llama.cpp/tree/master/tools/server,
https://docs.openvino.ai/2026/model-server/ovms_docs_parameters.html, https://docs.vllm.ai.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.errors import ModelError
from bot.generation.openai.client import ServerClient
from bot.generation.openai.listing import can_chat, described, listed, product

logger = logging.getLogger(__name__)

SECONDS = 2.0
"""For each request. A loopback port on which nothing listens refuses at once."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server may be."""

    url: str
    usual: str
    """The program that usually listens there."""


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answers."""

    url: str
    product: str
    """Its name for people."""
    models: tuple[str, ...]
    """Its chat models, in its own order."""


def usual_addresses(environment: Mapping[str, str]) -> tuple[Address, ...]:
    """The addresses to be asked. OLLAMA_HOST, which Ollama reads too, moves its own."""
    ollama = _ollama_host(environment.get("OLLAMA_HOST", ""))
    return (
        Address(f"http://{ollama}/v1", "Ollama"),
        Address("http://127.0.0.1:1234/v1", "LM Studio"),
        Address("http://127.0.0.1:8080/v1", "llama.cpp's server"),
        Address("http://127.0.0.1:8000/v3", "OpenVINO Model Server"),
        Address("http://127.0.0.1:8000/v1", "vLLM"),
    )


def _ollama_host(value: str) -> str:
    """Host and port of ``OLLAMA_HOST``, in which both and the scheme may be missing; a server that
    listens on all interfaces is asked on the loopback interface."""
    try:
        parts = urlsplit(value if "//" in value else f"//{value}")
        host, port = parts.hostname or "127.0.0.1", parts.port or 11434
    except ValueError:
        return "127.0.0.1:11434"
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - a comparison
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def find_servers(addresses: Sequence[Address]) -> list[FoundServer]:
    """The servers among `addresses` that list a chat model, in this order. Takes a few times
    `SECONDS` at most. Never raises ParleyError."""
    found = await asyncio.gather(*(_ask(address) for address in addresses))
    return [server for server in found if server is not None]


async def ask_server(url: str, usual: str = "", api_key: str = "") -> FoundServer:
    """What the server at `url` has. Raises ModelError, with one line, where it does not answer as a
    model server."""
    client = ServerClient(api_key, connect_seconds=SECONDS, silence_seconds=SECONDS)
    client.open()
    try:
        models = await listed(client, url, SECONDS)
        models = await described(client, url, models, SECONDS)
    finally:
        await client.aclose()
    named = next(filter(None, map(product, models)), "") or usual or "a model server"
    chat = dict.fromkeys(model["id"] for model in models if can_chat(model))
    return FoundServer(url, named, tuple(chat))


async def _ask(address: Address) -> FoundServer | None:
    try:
        found = await ask_server(address.url, address.usual)
    except ModelError as error:
        logger.debug("no model server: %s", error)
        return None
    return found if found.models else None
