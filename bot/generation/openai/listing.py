"""What a server serves: ``GET /models``, which every server of this kind answers."""

from typing import Any

import aiohttp

from bot.errors import ModelError

SETTING = "[model.openai] base_urls"
Listed = list[dict[str, Any]]
"""OpenAI's model objects, each with a text as its ``id``."""


async def listed(http: aiohttp.ClientSession, url: str, seconds: float) -> Listed:
    """The models of the server at `url`, asked for `seconds` at most. Raises ModelError, with one
    line for the operator, where it does not answer as a model server."""
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
    """The model that the servers call `wanted`; for "" the first. Raises ModelError."""
    for entry in models:
        if wanted in ("", entry["id"]):
            return entry
    names = ", ".join(sorted({entry["id"] for entry in models})) or "none"
    raise ModelError(f"No server has the model {wanted!r}; they serve: {names}.")


def window(model: dict[str, Any]) -> int:
    """Tokens that prompt and answer may hold together; 0 where the server does not say. vLLM and
    SGLang say ``max_model_len``, llama.cpp's server ``meta.n_ctx``."""
    meta = model.get("meta")
    said = model.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else 0)
    return said if isinstance(said, int) else 0


def why(error: BaseException) -> str:
    """An error's text, or its kind where it says nothing."""
    return str(error) or type(error).__name__
