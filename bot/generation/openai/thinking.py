"""Whether the model of a server thinks, and how its thoughts come."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from bot.errors import GenerationError
from bot.generation.reasoning import template_variables
from bot.generation.thinking import FAMILIES, TAGGED, THINK, Family, ThoughtFilter, families_in
from bot.messages import Completion, Prompt, Reasoning, Thought

_CAPABILITIES = frozenset({"thinking", "reasoning"})
"""Ollama's and others' names for it."""
_SWITCHED = frozenset(Reasoning) - {Reasoning.AUTO}
_PROMPTED = frozenset(Reasoning) - {Reasoning.OFF}
_OPENED = re.compile(r"deepseek-r1|r1-distill|qwq|thinking", re.IGNORECASE)
"""In the names of models whose chat template opens the thought, so that a server that leaves
thoughts in the text sends only the closing tag."""
_WORDED = re.compile(r"granite-?3\.2|apriel", re.IGNORECASE)
"""In the names of models that begin a thought with a sentence instead of a tag."""


class ServerThinking:
    """What is known of the model; learned from what servers tell and from its answers."""

    def __init__(self) -> None:
        self.thinks: bool | None = None
        """None while nobody knows."""
        self.levels: frozenset[Reasoning] = frozenset()
        """`ModelInfo.reasoning_levels`."""
        self._opens: dict[bool, Family] = {}
        """The prompt opens a thought, of which only the closing tag comes: with thinking switched
        off (True) or not."""
        self._families = TAGGED

    @property
    def thinks_at(self) -> frozenset[Reasoning]:
        """`ModelInfo.thinks_at`."""
        return _PROMPTED if self.thinks else frozenset()

    def told(self, model: dict[str, Any]) -> None:
        """`model` is the entry in a server's list, in which Ollama and others tell capabilities."""
        name = str(model.get("id", ""))
        if _OPENED.search(name):
            self._opens[False] = THINK
        if _WORDED.search(name):
            self._families = FAMILIES
        told = model.get("capabilities")
        if isinstance(told, list):
            self.thinks = any(word in _CAPABILITIES for word in told if isinstance(word, str))
            self.levels = _SWITCHED if self.thinks else frozenset()

    async def ask(self, get: Callable[[str], Awaitable[Any]]) -> None:
        """Ask llama.cpp's server, which tells the chat template (``/props``); `get` reads JSON
        beside the API and raises GenerationError."""
        try:
            properties = await get("/props")
        except GenerationError:
            return
        template = properties.get("chat_template") if isinstance(properties, dict) else None
        if isinstance(template, str) and template:
            self.thinks = bool(families_in(template))
            known = any(template_variables(template, level) for level in _SWITCHED)
            self.levels = _SWITCHED if self.thinks and known else frozenset()
            self._families = tuple(dict.fromkeys((*self._families, *families_in(template))))

    def thoughts(self, prompt: Prompt | Completion) -> ThoughtFilter:
        """The filter for the answer to `prompt`."""
        if isinstance(prompt, Completion) or (prompt.answer and prompt.thought):
            return ThoughtFilter(over=True)
        if prompt.answer:  # or a thought that broke off before its closing tag
            return ThoughtFilter(watch=True, before=prompt.answer)
        off = prompt.reasoning is Reasoning.OFF
        opens = None if self.thinks is False else self._opens.get(off)
        return ThoughtFilter(opens, watch=opens is None, families=self._families)

    def learn(self, prompt: Prompt | Completion, piece: Thought, thoughts: ThoughtFilter) -> None:
        """A thought came in the answer to `prompt`; or an empty one, where what was taken for a
        thought turned out to be the answer."""
        off = isinstance(prompt, Prompt) and prompt.reasoning is Reasoning.OFF
        if not piece.text:
            self._opens.pop(off, None)
            return
        self.thinks = True
        if piece.whole:
            self._opens[off] = thoughts.family or THINK
