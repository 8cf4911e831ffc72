"""Which models a server has: ``GET /models``, which all OpenAI-compatible servers support.

Source: https://platform.openai.com/docs/api-reference/models/list
"""

from typing import Any

import aiohttp

from bot.errors import ModelError

SETTING = "[model.openai] base_urls"
Listed = list[dict[str, Any]]
"""OpenAI's model objects. Each has an ``id`` that is a string."""


async def listed(http: aiohttp.ClientSession, url: str, seconds: float) -> Listed:
    """The models of the server at `url`, with a timeout in `seconds`. Raises ModelError, with one
    line for the operator, where the server does not answer, refuses the API key, or is no
    OpenAI-compatible server."""
    try:
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with http.get(f"{url}/models", timeout=timeout) as response:
            if response.status in (401, 403):
                raise ModelError(
                    f"{url} refuses the key (HTTP {response.status}): set "
                    "PARLEY_MODEL__OPENAI__API_KEY."
                )
            if response.status != 200:
                raise ModelError(
                    f"{url}/models answers HTTP {response.status}: correct {SETTING}, which "
                    "ends in /v1 for most servers."
                )
            models = (await response.json(content_type=None))["data"]
            return [entry for entry in models if isinstance(entry.get("id"), str)]
    except (
        aiohttp.ClientError,
        TimeoutError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        raise ModelError(
            f"{url} does not answer as a model server ({why(error)}): start it, or correct "
            f"{SETTING}."
        ) from error


def choose(models: Listed, wanted: str) -> dict[str, Any]:
    """The model with the id `wanted`; for "" the first one. Raises ModelError if there is none."""
    for entry in models:
        if wanted in ("", entry["id"]):
            return entry
    names = ", ".join(sorted({entry["id"] for entry in models})) or "none"
    raise ModelError(
        f"No server has the model {wanted!r}; they serve: {names}. Correct [model.openai] model."
    )


def window(model: dict[str, Any]) -> int:
    """The context window in tokens; 0 where the server does not state it. vLLM and SGLang state it
    as ``max_model_len``, llama.cpp's server as ``meta.n_ctx``."""
    meta = model.get("meta")
    said = model.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else 0)
    return said if isinstance(said, int) else 0


def why(error: BaseException) -> str:
    """The text of `error`, or the name of its class where it has none."""
    return str(error) or type(error).__name__
