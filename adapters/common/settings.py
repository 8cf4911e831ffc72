"""The settings of a conversation, as people type them. Every check of a typed value is here."""

import re
from dataclasses import replace

from bot.errors import NotUnderstood
from bot.messages import Reasoning
from bot.ports import ConversationSettings

NAMES = ("temperature", "length", "names", "reasoning")
"""What can be changed, as people type it."""
MOST_TOKENS = 32_768
"""The longest answer that may be asked for; the model's context window bounds it further."""
LONGEST_SYSTEM_PROMPT = 4000
"""Characters. What Discord's text field takes; about a quarter of Llama 2's context window."""


def with_changes(
    settings: ConversationSettings,
    *,
    temperature: str | None = None,
    length: str | None = None,
    names: str | None = None,
    reasoning: str | None = None,
) -> ConversationSettings:
    """`settings` with what was typed. None leaves a setting as it is; "" and "default" return it
    to what the configuration says. Raises NotUnderstood, saying what would be right."""
    if temperature is not None:
        settings = replace(settings, temperature=_temperature(temperature))
    if length is not None:
        settings = replace(settings, max_new_tokens=_length(length))
    if names is not None:
        settings = replace(settings, show_names=_yes_or_no(names))
    if reasoning is not None:
        settings = replace(settings, reasoning=_reasoning(reasoning))
    return settings


def with_system_prompt(settings: ConversationSettings, text: str) -> ConversationSettings:
    """`settings` with this system prompt; an empty one returns it to the configuration's. Raises
    NotUnderstood where it is too long."""
    text = text.strip()
    if len(text) > LONGEST_SYSTEM_PROMPT:
        raise NotUnderstood(
            f"This system prompt has {len(text):,} characters; the most is "
            f"{LONGEST_SYSTEM_PROMPT:,}."
        )
    return replace(settings, system_prompt=text or None)


def _temperature(text: str) -> float | None:
    if _is_default(text):
        return None
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 2:
        raise NotUnderstood(
            "The temperature is a number from 0 (always the likeliest token) to 2 (most varied), "
            "such as 0.7."
        )
    return value


def _length(text: str) -> int | None:
    if _is_default(text):
        return None
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{1,6}", digits) or not 1 <= int(digits) <= MOST_TOKENS:
        raise NotUnderstood(f"The length is a number of tokens from 1 to {MOST_TOKENS:,}.")
    return int(digits)


def _yes_or_no(text: str) -> bool | None:
    if _is_default(text):
        return None
    word = text.strip().lower()
    if word in ("on", "yes", "true", "shown"):
        return True
    if word in ("off", "no", "false", "hidden"):
        return False
    raise NotUnderstood("Names are on, off or default.")


def _reasoning(text: str) -> Reasoning | None:
    if _is_default(text):
        return None
    try:
        return Reasoning(text.strip().lower())
    except ValueError as error:
        raise NotUnderstood(
            "Reasoning is off, low, medium, high, auto (as the model does by itself) or default."
        ) from error


def _is_default(text: str) -> bool:
    return text.strip().lower() in ("", "default")
