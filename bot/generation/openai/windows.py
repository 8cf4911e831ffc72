"""The context window that a server gives a model, asked where the server tells it.

What a model was trained for is not what a server gives it, and a longer prompt is refused by some
servers and silently cut by others (Ollama). So only what is in effect counts:

- vLLM, SGLang: ``max_model_len`` in ``/v1/models``
- llama.cpp's server: ``default_generation_settings.n_ctx`` in ``/props``, of one slot
  (https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md), else ``meta.n_ctx``
- LM Studio: ``loaded_context_length`` in ``/api/v0/models``
  (https://lmstudio.ai/docs/developer/rest/endpoints)
- Ollama: ``context_length`` in ``/api/ps`` for a loaded model, else ``num_ctx`` of its
  ``parameters`` in ``/api/show`` (https://docs.ollama.com/api/ps,
  https://docs.ollama.com/api-reference/show-model-details)

OpenVINO Model Server and OpenArc do not tell it.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.errors import GenerationError
from bot.generation.openai.client import ServerClient
from bot.generation.openai.events import number
from bot.generation.openai.listing import beside, entries, window

OLLAMA_DEFAULT = 4096
"""Tokens that Ollama gives a model at least, unless it is configured otherwise
(https://docs.ollama.com/context-length)."""

_NUM_CTX = re.compile(r"^num_ctx\s+(\d{1,9})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Window:
    """The context window of a model on a server."""

    tokens: int = 0
    """0 where the server does not tell it."""
    in_effect: bool = True
    """False where the model is not loaded yet, so that this is what it gets at least."""
    note: str = ""
    """What the operator should know; mostly ""."""


Ask = Callable[[ServerClient, str, dict[str, Any], float], Awaitable[Window | None]]


async def ask_window(
    client: ServerClient, url: str, model: dict[str, Any], seconds: float
) -> Window:
    """The window of the listed `model` on the server at `url`; each request takes at most
    `seconds`. Never raises GenerationError: a server that tells nothing has a window of 0."""
    if stated := number(model.get("max_model_len")):
        return Window(stated)
    for ask in _ASKED:
        try:
            found = await ask(client, url, model, seconds)
        except GenerationError:
            continue
        if found is not None:
            return found
    return Window(window(model))


async def _llama_cpp(
    client: ServerClient, url: str, _model: dict[str, Any], seconds: float
) -> Window | None:
    props = await client.get_json(beside(url, "/props"), seconds)
    settings = props.get("default_generation_settings") if isinstance(props, dict) else None
    tokens = number(settings.get("n_ctx")) if isinstance(settings, dict) else 0
    return Window(tokens) if tokens else None


async def _lm_studio(
    client: ServerClient, url: str, model: dict[str, Any], seconds: float
) -> Window | None:
    listed = entries(await client.get_json(beside(url, "/api/v0/models"), seconds), "data")
    entry = next((each for each in listed or [] if each["id"] == model["id"]), None)
    if entry is None:
        return None
    if loaded := number(entry.get("loaded_context_length")):
        return Window(loaded)
    trained = number(entry.get("max_context_length"))
    note = "LM Studio has not loaded it yet, and tells its context window only then"
    return Window(min(trained, OLLAMA_DEFAULT), in_effect=False, note=note) if trained else None


async def _ollama(
    client: ServerClient, url: str, model: dict[str, Any], seconds: float
) -> Window | None:
    running = entries(await client.get_json(beside(url, "/api/ps"), seconds), "models")
    if running is None:
        return None
    for entry in running:
        if entry["id"] == model["id"] and (loaded := number(entry.get("context_length"))):
            return Window(loaded, note=_CUTS if loaded <= OLLAMA_DEFAULT else "")
    shown = await client.post_json(beside(url, "/api/show"), {"model": model["id"]}, seconds)
    parameters = shown.get("parameters") if isinstance(shown, dict) else None
    match = _NUM_CTX.search(parameters) if isinstance(parameters, str) else None
    tokens = int(match[1]) if match else OLLAMA_DEFAULT
    return Window(min(tokens, _trained(shown) or tokens), in_effect=bool(match), note=_CUTS)


_CUTS = (
    "Ollama cuts longer prompts without a word: for a larger window start it with "
    "OLLAMA_CONTEXT_LENGTH=16384 and set [model] context to that"
)


def _trained(shown: Any) -> int:
    """The context window for which the model was trained; 0 where it is not told."""
    info = shown.get("model_info") if isinstance(shown, dict) else None
    if not isinstance(info, dict):
        return 0
    named = (value for name, value in info.items() if str(name).endswith(".context_length"))
    return number(next(named, 0))


_ASKED: tuple[Ask, ...] = (_llama_cpp, _lm_studio, _ollama)
