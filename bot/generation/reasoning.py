"""How `[model] reasoning` reaches a chat template: by the variables that the template itself reads.

The names and values are those of the templates that models are published with; llama.cpp's
``models/templates`` has a collection (https://github.com/ggml-org/llama.cpp).
"""

import re
from collections.abc import Iterator

from bot.messages import Reasoning

Variables = tuple[tuple[str, object], ...]

_SWITCHES = ("enable_thinking", "thinking")
"""True or False: Qwen, GLM, SmolLM3, Gemma 4 …; DeepSeek V3.1, Granite, Kimi."""
_NO_EFFORT = ("none", "no_think", "minimal")
"""What ``reasoning_effort`` is called where a template has a word for none at all."""
_MODES = {Reasoning.OFF: "disabled"}
"""MiniMax M3's ``thinking_mode``; all others are "enabled"."""
_BUDGETS = {Reasoning.OFF: 0, Reasoning.LOW: 512, Reasoning.MEDIUM: 2048, Reasoning.HIGH: 8192}
"""Seed-OSS's ``thinking_budget``, in tokens; it knows these numbers."""


_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_CODE = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
"""A text in the template's code."""


def template_variables(source: str, reasoning: Reasoning) -> Variables:
    """The variables for this template; () for AUTO, and for a template that has no such switch."""
    return () if reasoning is Reasoning.AUTO else tuple(_variables(source, reasoning))


def _variables(source: str, reasoning: Reasoning) -> Iterator[tuple[str, object]]:
    for name in _SWITCHES:
        if _reads(source, name):
            yield name, reasoning is not Reasoning.OFF
    for name in ("reasoning_effort", "thinking_effort"):
        if _reads(source, name):
            yield name, _effort(source, reasoning)
    if _reads(source, "reasoning_strength"):
        yield "reasoning_strength", _effort(source, reasoning)
    if _reads(source, "thinking_mode"):
        yield "thinking_mode", _MODES.get(reasoning, "enabled")
    if _reads(source, "thinking_budget"):
        yield "thinking_budget", _BUDGETS[reasoning]


def switches_off(variables: Variables) -> bool:
    """Whether they ask for no thought at all, and not only for a short one."""
    return any(value in (False, "disabled", *_NO_EFFORT) for _, value in variables)


def _reads(source: str, name: str) -> bool:
    """Whether the template reads the variable from outside: not as an attribute or an argument, not
    in a text or a comment, and not one that it only sets for itself."""
    parts = _CODE.findall(_COMMENT.sub("", source))
    code = " ".join(_TEXT.sub("''", part) for part in parts)
    found = list(re.finditer(rf"(?<![\w.]){name}\b(?!\s*=[^=]|\s*=$)", code))
    own = re.search(rf"\bset\s+{name}\s*=", code)
    if own and (not found or own.start() < found[0].start()):
        given = rf"(?<![\w.]){name}\s*(is\s+(not\s+)?(un)?defined|\|\s*default)"
        return re.search(given, code) is not None
    return bool(found)


def _effort(source: str, reasoning: Reasoning) -> str:
    """The word for the effort, one that the template names where it names any."""
    if reasoning is Reasoning.OFF:
        return next((word for word in _NO_EFFORT if _names(source, word)), "low")
    level = reasoning.value
    if not _names(source, level) and _names(source, "high") and _names(source, "low"):
        return "high"  # it knows no "medium"
    return level


def _names(source: str, word: str) -> bool:
    return re.search(rf"(['\"]){word}\1", source) is not None
