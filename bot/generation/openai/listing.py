"""Which models a server has: ``GET /models``, which all OpenAI-compatible servers support.

Source: https://platform.openai.com/docs/api-reference/models/list. OpenAI's objects do not say what
a model is for. Where a server tells it beside, it is used: Ollama in ``/api/tags``
(https://docs.ollama.com/api/tags), LM Studio in ``/api/v0/models``, others in fields of their own
(``type``, ``task``, ``capabilities``). Otherwise the name tells it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from bot.errors import GenerationError, ModelError
from bot.generation.openai.client import SETTING, HttpError, ServerClient, shown
from bot.generation.openai.events import number
from bot.url_passwords import without_passwords

Listed = list[dict[str, Any]]
"""OpenAI's model objects. Each has an ``id`` that is a string."""

_DESCRIPTIONS = ("/api/tags", "/api/v0/models", "/openarc/status")
_MOST_SHOWN = 20
"""Models about which Ollama is asked one by one."""
_CHAT = re.compile(r"chat|(chat-)?completion|completion-chat|(text-)?generat(e|ion)|llm|vlm")
_OTHER = re.compile(
    r".*embed.*|emb|whisper|kokoro|.*rerank.*|.*classif.*|.*speech.*|transcri.*|asr|stt|tts|audio|image(-generation)?"
    r"|text-to-image|moderation|score|sentence-similarity|feature-extraction"
)
_OTHER_NAME = re.compile(
    r"embed|rerank|whisper|transcri|minilm|paraphrase|moderation|dall-e|stable-diffusion|colbert"
    r"|(?<![a-z0-9])(bge|e5|gte|tts|stt|asr|clip|sdxl|kokoro|piper)(?![a-z0-9])",
    re.IGNORECASE,
)
_MOST_NAMES = 12
"""Models that an error lists."""


async def listed(client: ServerClient, url: str, seconds: float) -> Listed:
    """The models of the server at `url`, with a timeout in `seconds`. Raises ModelError, with one
    line for the operator, where the server does not answer, refuses the API key, or is no
    OpenAI-compatible server."""
    at = without_passwords(url)
    try:
        models = entries(await client.get_json(f"{url}/models", seconds), "data")
    except HttpError as error:
        if error.status in (401, 403):
            raise ModelError(
                f"{at} refuses the key (HTTP {error.status}): set PARLEY_MODEL__OPENAI__API_KEY."
            ) from error
        raise ModelError(
            f"{at}/models answers HTTP {error.status}: correct {SETTING}, which "
            "ends in /v1 for most servers."
        ) from error
    except GenerationError as error:
        if SETTING in str(error):
            raise ModelError(str(error)) from error
        raise ModelError(
            f"{at} does not answer as a model server ({error}): start it, or correct {SETTING}."
        ) from error
    if models is None:
        raise ModelError(
            f"{at} does not answer as a model server (/models has no list of models): correct "
            f"{SETTING}, which ends in /v1 for most servers."
        )
    return models


async def described(client: ServerClient, url: str, models: Listed, seconds: float) -> Listed:
    """`models` with what the server at `url` tells about them elsewhere, each within `seconds`."""
    told: dict[str, dict[str, Any]] = {}
    for path in _DESCRIPTIONS:
        try:
            value = await client.get_json(beside(url, path), seconds)
        except GenerationError:
            continue
        for key in ("models", "data"):
            told |= {entry["id"]: entry for entry in entries(value, key) or []}
        if path == "/api/tags":
            told |= await _shown_by_ollama(client, url, told, seconds)
    return [{**told.get(entry["id"], {}), **entry} for entry in models]


async def _shown_by_ollama(
    client: ServerClient, url: str, told: dict[str, dict[str, Any]], seconds: float
) -> dict[str, dict[str, Any]]:
    """The models of `told` with what Ollama says each of them can do; older versions say nothing,
    and newer ones may have said it in the list."""
    unknown = [name for name, entry in told.items() if "capabilities" not in entry]
    found = {}
    for name in unknown[:_MOST_SHOWN]:
        try:
            shown = await client.post_json(beside(url, "/api/show"), {"model": name}, seconds)
        except GenerationError:
            break
        if isinstance(shown, dict) and isinstance(shown.get("capabilities"), list):
            found[name] = {**told[name], "capabilities": shown["capabilities"]}
    return found


def beside(url: str, path: str) -> str:
    """The address of `path` beside the API: ``http://host/tokenize`` for ``http://host/v1``."""
    return url.removesuffix("/v1").removesuffix("/v3") + path


def entries(value: Any, key: str) -> Listed | None:
    """The models in the list `key` of a response, with their ``id`` (Ollama has ``name``, OpenArc
    ``model_name``). None where there is no such list."""
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        return None
    named = [
        {**entry, "id": entry.get("id") or entry.get("name") or entry.get("model_name")}
        for entry in found
        if isinstance(entry, dict)
    ]
    return [entry for entry in named if isinstance(entry["id"], str)]


def choose(models: Listed, wanted: str) -> dict[str, Any]:
    """The model that `wanted` names; for "" the first one that can chat.

    A name may be in other case, and short, as Ollama takes it: without ``:latest``, or without its
    tag or its publisher where only one model is left. Raises ModelError, which lists the
    candidates, where there is none or more than one.
    """
    by_id: dict[str, dict[str, Any]] = {}
    for entry in models:
        by_id.setdefault(entry["id"], entry)
    unique = list(by_id.values())
    if not wanted:
        for entry in unique:
            if can_chat(entry):
                return entry
        raise ModelError(
            f"No server lists a chat model ({_names(unique)}): start one, or set [model.openai] "
            "model."
        )
    for candidates in _matching(unique, wanted):
        if len(candidates) > 1:
            raise ModelError(
                f"The name {wanted!r} fits several models: {_names(candidates)}. Set "
                "[model.openai] model to one of them."
            )
        if candidates:
            return candidates[0]
    raise ModelError(
        f"No server has the model {wanted!r}; they serve: {_names(unique)}. Correct [model.openai] "
        "model."
    )


def _matching(models: Listed, wanted: str) -> Iterator[Listed]:
    """The models that `wanted` may mean, the closest first."""
    short = wanted.lower()
    yield [entry for entry in models if entry["id"] == wanted]
    yield [entry for entry in models if entry["id"].lower() == short]
    yield [entry for entry in models if entry["id"].lower() == f"{short}:latest"]
    yield [entry for entry in models if entry["id"].lower().partition(":")[0] == short]
    yield [entry for entry in models if entry["id"].lower().rpartition("/")[2] == short]


def _names(models: Listed) -> str:
    names = sorted(shown(entry["id"]) for entry in models)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more or "none"


def can_chat(model: dict[str, Any]) -> bool:
    """Whether it is a chat model, as the server tells it; else as its name does."""
    told = list(_told(model))
    if any(map(_CHAT.fullmatch, told)):
        return True
    return not any(map(_OTHER.fullmatch, told)) and not _OTHER_NAME.search(model["id"])


def _told(model: dict[str, Any]) -> Iterator[str]:
    """What the model is for, in the words of the server."""
    capabilities = model.get("capabilities")
    if isinstance(capabilities, dict):  # Mistral: {"completion_chat": true, …}
        capabilities = [name for name, has in capabilities.items() if has is True]
    stated = capabilities if isinstance(capabilities, list) else []
    for word in [model.get("type"), model.get("model_type"), model.get("task"), *stated]:
        if isinstance(word, str):
            yield word.lower().replace("_", "-").replace(" ", "-")
    details = model.get("details")  # Ollama: embedding models are of the family of BERT
    family = details.get("family") if isinstance(details, dict) else None
    if isinstance(family, str) and "bert" in family.lower():
        yield "embedding"


def product(model: dict[str, Any]) -> str:
    """The name of the server, as far as ``owned_by`` of its models tells it; else ""."""
    owner = model.get("owned_by")
    return _PRODUCTS.get(owner.lower(), "") if isinstance(owner, str) else ""


_PRODUCTS = {
    "library": "Ollama",
    "organization_owner": "LM Studio",
    "llamacpp": "llama.cpp",
    "vllm": "vLLM",
    "sglang": "SGLang",
    "ovms": "OpenVINO Model Server",
    "openarc": "OpenArc",
}


def serves(models: Sequence[dict[str, Any]], name: str) -> bool:
    """Whether the model with exactly this id is among `models`."""
    return any(entry["id"] == name for entry in models)


def window(model: dict[str, Any]) -> int:
    """The context window in tokens; 0 where the server does not state it. vLLM and SGLang state it
    as ``max_model_len``, llama.cpp's server as ``meta.n_ctx``."""
    meta = model.get("meta")
    stated = number(model.get("max_model_len"))
    return stated or (number(meta.get("n_ctx")) if isinstance(meta, dict) else 0)
