"""Choosing the model of a conversation: what people type, and what they read."""

from collections.abc import Sequence
from dataclasses import replace

from bot.engine import FurtherStatus, Status
from bot.errors import NotUnderstood
from bot.ports import ConversationSettings

DEFAULT = "default"
"""What is typed for the model that answers where none is chosen."""


def choices(status: Status) -> tuple[str, ...]:
    """What can be chosen, as people type it; () where there is only one model."""
    names = [further.name for further in status.further]
    return (DEFAULT, *names) if names else ()


def model_word(text: str) -> str | None:
    """What a message chooses, after the mention of the bot, if it does: "model large" is "large",
    and "model" alone "". None for a message of another form. Only the names of models are choices:
    "model trains" is a question."""
    words = text.strip().removeprefix("/").rstrip(".!").lower().split()
    if words[:1] != ["model"] or len(words) > 2:
        return None
    return words[1] if len(words) == 2 else ""


def with_model(settings: ConversationSettings, typed: str, status: Status) -> ConversationSettings:
    """`settings` with the model that was typed. Raises NotUnderstood, saying what there is."""
    name = typed.strip().lower()
    names = choices(status)
    if not names:
        raise NotUnderstood(only_one_text(status))
    if name not in names:
        raise NotUnderstood(f"There is no model {typed.strip()[:40]!r}. Choose {_listed(names)}.")
    return replace(settings, model=None if name == DEFAULT else name)


def models_text(settings: ConversationSettings, status: Status) -> str:
    """The models, a line each, and which one answers with these settings."""
    if not status.further:
        return only_one_text(status)
    lines = [_line(DEFAULT, status.model.name, chosen=settings.model is None)]
    lines += [
        _line(further.name, _described(further), chosen=settings.model == further.name)
        for further in status.further
    ]
    if settings.model not in (None, *(further.name for further in status.further)):
        lines.append(gone_text(settings.model))
    return "\n".join(["The models here:", *lines, "Admins choose one by its name."])


def chosen_text(settings: ConversationSettings) -> str:
    """Answers a choice."""
    return f"From the next question on, the model {settings.model or DEFAULT} answers here."


def gone_text(name: str | None) -> str:
    """Of a name that was chosen and is not configured any more."""
    return f"The model {name}, which was chosen here, is not there any more: the default answers."


def only_one_text(status: Status) -> str:
    """Why there is nothing to choose."""
    return (
        f"There is nothing to choose: I have one model, {status.model.name}. Whoever runs me can "
        "add others that run on model servers."
    )


def further_lines(status: Status) -> tuple[str, ...]:
    """The further models as /status tells them, a line each."""
    return tuple(
        f"Model {further.name}: {_described(further)}, {further.writing} of at most "
        f"{further.slots} answers being written"
        for further in status.further
    )


def _described(further: FurtherStatus) -> str:
    model = further.model
    if model is None or not further.up:
        return "its server does not answer"
    return f"{model.name}, context window {model.context:,} tokens"


def _line(name: str, what: str, *, chosen: bool) -> str:
    return f"- {name}: {what}" + (" (answers here)" if chosen else "")


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
