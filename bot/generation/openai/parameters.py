"""Parameters that a server refuses are left out of later requests to it.

Servers differ in the parameters that they know: OpenAI's own API has no ``top_k``, its newer
models take ``max_completion_tokens`` instead of ``max_tokens``, others demand that nothing unknown
is sent. They answer HTTP 400 or 422 and name the parameter.
"""

import logging
import re
from typing import Any

from bot.generation.openai.client import HttpError

logger = logging.getLogger(__name__)

OPTIONAL = (
    "top_k",
    "top_p",
    "temperature",
    "repetition_penalty",
    "repeat_penalty",
    "seed",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "add_generation_prompt",
    "continue_final_message",
    "chat_template_kwargs",
    "reasoning_effort",
    "reasoning_budget_tokens",
)
"""What a request can do without."""
REASONING = frozenset({"chat_template_kwargs", "reasoning_effort", "reasoning_budget_tokens"})
"""The parameters about thinking. A chat template may refuse them in words of its own."""

_TEMPLATE = re.compile(r"template|jinja|reasoning|thinking", re.IGNORECASE)

_TOO_LONG = re.compile(
    r"context.?(length|window|size)|reduce the length|too many tokens|max_model_len", re.IGNORECASE
)
_VALUE = re.compile(
    r"must be|should be|(at|or) (most|least)|less than|greater than|range|between|exceeds"
    r"|too (large|high|low)",
    re.IGNORECASE,
)
"""The server knows the parameter and refuses its value."""


class RefusedParameters:
    """Which parameters each server refuses."""

    def __init__(self) -> None:
        self._refused: dict[str, set[str]] = {}

    def known(self, server: str) -> frozenset[str]:
        """The parameters that `server` has refused."""
        return frozenset(self._refused.get(server, ()))

    def learn(self, server: str, error: HttpError, sent: dict[str, Any]) -> frozenset[str]:
        """The optional parameters of `sent` that `error` is about; empty where it is about
        something else. They are remembered, unless only the value was refused."""
        names = refused(error, sent)
        if names:
            until = "of this question"
            if names <= REASONING or not _VALUE.search(error.said):
                until = "from now on"
                self._refused.setdefault(server, set()).update(names)
            listed = ", ".join(sorted(names))
            logger.warning("%s refuses %s, left out %s: %s", server, listed, until, error.said)
        return names


def refused(error: HttpError, sent: dict[str, Any]) -> frozenset[str]:
    """The optional parameters of the request `sent` that the server refuses with `error`."""
    if too_long(error):
        return frozenset()
    about_thinking = REASONING & sent.keys()
    if error.status == 500 and about_thinking and _TEMPLATE.search(error.said):
        return about_thinking
    if error.status not in (400, 422):
        return frozenset()
    if error.parameter in OPTIONAL and error.parameter in sent:
        return frozenset({error.parameter})
    named = frozenset(
        name for name in OPTIONAL if name in sent and re.search(rf"\b{name}\b", error.said)
    )
    return named or about_thinking


def too_long(error: HttpError) -> bool:
    """Whether the server says that the conversation does not fit its context window. Such errors
    may name ``max_tokens``, too."""
    return bool(_TOO_LONG.search(error.said))


def without(body: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The request `body` without the parameters `names`. Refused ``max_tokens`` become
    ``max_completion_tokens``, their newer name."""
    kept = {name: value for name, value in body.items() if name not in names}
    if "max_tokens" in names and "max_completion_tokens" not in names and "max_tokens" in body:
        kept["max_completion_tokens"] = body["max_tokens"]
    return kept
