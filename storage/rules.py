"""What both stores hold to: the clock, the day's quota, an event's age, what text can be kept."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bot.errors import OverQuota
from bot.messages import Question
from bot.ports import Quota, Spent

Clock = Callable[[], datetime]
"""Gives the time, in UTC."""

EVENT_DAYS = 7
"""How long an event is remembered. Platforms deliver one again within hours at most."""

MIDNIGHT = "The next day begins at midnight UTC."


def utc_now() -> datetime:
    return datetime.now(UTC)


def check_quota(quota: Quota, spent: Spent) -> None:
    """Raise OverQuota where `spent` leaves nothing of the day."""
    if 0 < quota.answers_per_day <= spent.answers:
        raise OverQuota(
            f"You have used up your {quota.answers_per_day:,} answers for today. {MIDNIGHT}"
        )
    if 0 < quota.tokens_per_day <= spent.tokens:
        raise OverQuota(
            f"You have used up your {quota.tokens_per_day:,} tokens for today. {MIDNIGHT}"
        )


def check_verdict(verdict: int) -> None:
    """Raise ValueError for anything but +1, -1 and 0."""
    if verdict not in (-1, 0, 1):
        raise ValueError(f"a verdict is +1, -1 or 0, not {verdict}")


def storable(text: str) -> str:
    """`text` as a database can keep it.

    JSON may carry halves of surrogate pairs, which no UTF-8 can hold: two that belong together
    become their character, one alone becomes U+FFFD. So does NUL, which PostgreSQL refuses.
    """
    if text.isascii() and "\0" not in text:
        return text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


def cleaned(question: Question) -> Question:
    """`question` as it comes back from the store."""
    author = replace(question.author, name=storable(question.author.name))
    return replace(question, text=storable(question.text), author=author)
