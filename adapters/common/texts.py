"""What people can tell Parley besides questions, and what it says then; the same on every platform.

Adapters recognise their platform's commands and buttons; the plain words ("@Parley stop"), the
texts and the check of what was typed into a setting are here. Knows no platform.
"""

import re
import unicodedata
from dataclasses import replace
from enum import StrEnum

from bot.engine import Status
from bot.errors import NotUnderstood
from bot.ports import AnswerState, ConversationSettings, Part

MOST_TOKENS = 32_768
"""The longest answer that may be asked for; the model's window bounds it further."""
LONGEST_SYSTEM_PROMPT = 4000
"""Characters. What Discord's text field takes; about a quarter of Llama 2's window."""
LONGEST_NAME = 40

WORKING = "I am thinking …"
NOTHING_ASKED = "Ask me something: write your question after my name."


class ControlWord(StrEnum):
    """A message that consists of one of these words is a command, not a question."""

    STOP = "stop"
    RESET = "reset"


def control_word(text: str) -> ControlWord | None:
    """The command that `text` (without the mention of the bot) is, or None for a question.

    Case, a slash in front and closing punctuation don't matter: "Stop!" and "/stop" are stop.
    """
    word = text.strip().removeprefix("/").rstrip(".!…").strip().lower()
    return next((known for known in ControlWord if known == word), None)


# ---------------------------------------------------------------- people


def clean_name(name: str, fallback: str) -> str:
    """A person's name as the model may see it: on one line, without what could make it look like
    the start of another turn. `fallback` where nothing is left."""
    letters = (
        letter if unicodedata.category(letter)[0] not in "CZ" else " "
        for letter in unicodedata.normalize("NFKC", name)
    )
    plain = re.sub(r"[\[\]<>:|{}`@#*\\]", "", "".join(letters))
    return " ".join(plain.split())[:LONGEST_NAME].strip() or fallback


# ---------------------------------------------------------------- settings


def with_changes(
    settings: ConversationSettings,
    *,
    temperature: str | None = None,
    length: str | None = None,
    names: str | None = None,
) -> ConversationSettings:
    """`settings` with what was typed. None leaves a setting as it is; "" and "default" take it
    back to what the configuration says. Raises NotUnderstood, saying what would be right."""
    if temperature is not None:
        settings = replace(settings, temperature=_temperature(temperature))
    if length is not None:
        settings = replace(settings, max_new_tokens=_length(length))
    if names is not None:
        settings = replace(settings, show_names=_yes_or_no(names))
    return settings


def with_system_prompt(settings: ConversationSettings, text: str) -> ConversationSettings:
    """`settings` with this system prompt; an empty one takes it back to the configuration's.
    Raises NotUnderstood where it is too long."""
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
        raise NotUnderstood("The temperature is a number from 0 (exact) to 2 (wild), such as 0.7.")
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


def _is_default(text: str) -> bool:
    return text.strip().lower() in ("", "default")


# ---------------------------------------------------------------- what Parley says


def settings_text(settings: ConversationSettings) -> str:
    """The settings of one conversation, a line each."""
    names = {None: "default", True: "on", False: "off"}[settings.show_names]
    prompt = "default" if settings.system_prompt is None else "its own"
    return "\n".join(
        (
            f"Temperature: {_or_default(settings.temperature)}",
            f"Longest answer: {_or_default(settings.max_new_tokens, ' tokens')}",
            f"Names shown to the model: {names}",
            f"System prompt: {prompt}",
            f"Muted: {'yes' if settings.muted else 'no'}",
        )
    )


def _or_default(value: float | None, unit: str = "") -> str:
    return "default" if value is None else f"{value:g}{unit}"


def status_text(status: Status) -> str:
    """What answers to /status, a line each."""
    model = status.model
    speed = f"{status.tokens_per_second:.1f} tokens a second"
    writing, waiting = _count(status.writing, "answer"), _count(status.waiting, "question")
    now = f"{writing} being written, {waiting} waiting"
    note = (f"Note: {model.note}",) if model.note else ()
    return "\n".join(
        (
            f"Model: {model.name} ({model.low_bit}), {model.context:,} tokens of context",
            f"Runs on: {model.device}, by {model.backend}",
            *note,
            f"Now: {now}",
            f"Speed of the last answer: {speed if status.tokens_per_second else 'not known yet'}",
        )
    )


_ENDS = {
    AnswerState.CUT: "This is the longest that I write at once.",
    AnswerState.STOPPED: "Stopped.",
    AnswerState.INTERRUPTED: "I was restarted in the middle of this answer.",
    AnswerState.FAILED: "This answer failed.",
}


def note_of(part: Part) -> str:
    """The small line below the last part of an answer: what the engine says of it, or how it
    ended where that is not plain from the text. "" where nothing needs to be said."""
    return part.note or (_ENDS.get(part.state, "") if part.last else "")


def stopped_text(count: int) -> str:
    return "Stopped." if count == 1 else f"Stopped {count} answers."


def reset_text(count: int) -> str:
    return f"I start afresh here: {_count(count, 'exchange')} forgotten."


def muted_text(*, muted: bool) -> str:
    return "I am quiet here now; admins can still ask me." if muted else "I answer here again."


def forgotten_text(count: int) -> str:
    """What answers to /forget me."""
    return (
        f"Done: {_count(count, 'question')} of yours and my answers to them are deleted for good. "
        "The messages in the chat are not mine to delete."
    )


def privacy_text(retention_days: int) -> str:
    """What answers to /privacy. `retention_days` as configured: 0 keeps everything."""
    kept = (
        f"for {_count(retention_days, 'day')}" if retention_days else "until it is deleted by hand"
    )
    return (
        "**What I keep:** the questions that people ask me, with their names and ids, my answers "
        f"to them, and 👍 👎, {kept}. Other messages are not read into any memory.\n"
        "**Where:** in the database of whoever runs me. The model runs on their own machine, "
        "unless they set up a server of theirs for it; nothing is sent to a third party.\n"
        "**What you can do:** delete a question, and its answer leaves my memory; `/forget me` "
        "deletes everything that you ever asked, for good."
    )


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
