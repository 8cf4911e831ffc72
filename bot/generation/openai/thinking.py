"""Whether the model of a server thinks, and how its thoughts come."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.errors import GenerationError
from bot.generation.reasoning import template_variables
from bot.generation.thinking import FAMILIES, Family, ThoughtFilter, families_in
from bot.messages import Completion, Prompt, Reasoning, Thought

_CAPABILITIES = frozenset({"thinking", "reasoning"})
"""Ollama's and others' names for it."""
_SWITCHED = frozenset(Reasoning) - {Reasoning.AUTO}
_PROMPTED = frozenset(Reasoning) - {Reasoning.OFF}


class ServerThinking:
    """What is known of the model; learned from what servers tell and from its answers."""

    def __init__(self) -> None:
        self.thinks: bool | None = None
        """None while nobody knows."""
        self.levels: frozenset[Reasoning] = frozenset()
        """`ModelInfo.reasoning_levels`."""
        self._opens: Family | None = None
        """The prompt opens a thought, of which only the closing tag comes."""

    @property
    def thinks_at(self) -> frozenset[Reasoning]:
        """`ModelInfo.thinks_at`."""
        return _PROMPTED if self.thinks else frozenset()

    def told(self, model: dict[str, Any]) -> None:
        """`model` is the entry in a server's list, in which Ollama and others tell capabilities."""
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

    def thoughts(self, prompt: Prompt | Completion) -> ThoughtFilter:
        """The filter for the answer to `prompt`."""
        if isinstance(prompt, Completion) or prompt.answer:
            return ThoughtFilter(over=True)
        return ThoughtFilter(self._opens, watch=self._opens is None)

    def learn(self, prompt: Prompt | Completion, piece: Thought, thoughts: ThoughtFilter) -> None:
        """A thought came in the answer to `prompt`."""
        if not piece.text:
            return
        self.thinks = True
        if piece.whole and isinstance(prompt, Prompt):
            self._opens = thoughts.family or FAMILIES[0]
