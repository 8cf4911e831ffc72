"""The lines that acts of admins leave in the log: who, where and what, at INFO.

No text of people is in them: of a system prompt only the length. Every line has the place as the
log's ``conversation`` and begins with ``admin`` and the person's key, so that they are found by
searching for "admin".
"""

import logging
from dataclasses import fields

from bot.logs import conversation_logged
from bot.messages import ConversationKey, Person
from bot.ports import ConversationSettings

logger = logging.getLogger(__name__)


def acted(by: Person, where: ConversationKey, what: str) -> None:
    """Log that `by` did `what`, a phrase such as "restarted the conversation", at `where`."""
    with conversation_logged(where):
        logger.info("admin %s %s", by.key, what)


def operator_acted(where: ConversationKey, what: str) -> None:
    """Log what whoever runs Parley did by the operator's page or the command line."""
    with conversation_logged(where):
        logger.info("admin (the operator) %s", what)


def operator_forgot(person: str, count: int) -> None:
    """Log that the operator deleted all that a person (`Person.key`) asked."""
    logger.info("admin (the operator) deleted all data of %s: %s", person, questions(count))


def settings_changed(
    by: Person, where: ConversationKey, old: ConversationSettings, new: ConversationSettings
) -> None:
    """Log each setting that differs; nothing where none does."""
    names = [field.name for field in fields(ConversationSettings)]
    changed = [name for name in names if getattr(old, name) != getattr(new, name)]
    if changed:
        acted(by, where, "set " + ", ".join(_setting(name, getattr(new, name)) for name in changed))


def _setting(name: str, value: object) -> str:
    if name == "system_prompt" and isinstance(value, str):
        return f"system_prompt to a text of {len(value):,} characters"
    return f"{name} to {'default' if value is None else value}"


def stopped(by: Person, where: ConversationKey, others: int) -> None:
    """Log that `by` stopped answers to other people; nothing where there were none."""
    if others:
        acted(by, where, f"stopped {others} answer{_s(others)} to other people")


def questions(count: int) -> str:
    """``1 question``, ``2 questions``."""
    return f"{count:,} question{_s(count)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
