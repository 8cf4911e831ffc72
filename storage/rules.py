"""What both stores share: clock, quotas, retention of event ids, and text that can be stored."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bot.errors import OverQuota
from bot.messages import Question, Usage
from bot.ports import AnswerState, Quota, Spent

Now = Callable[[], datetime]
"""Returns the current time, in UTC."""

EVENT_DAYS = 7
"""Days for which event ids are kept, for deduplication. Platforms redeliver an event within hours
at most."""

MIDNIGHT = "The quota is renewed at midnight UTC."


def utc_now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


def check_quota(quota: Quota, spent: Spent) -> None:
    """Raise OverQuota where `spent` has reached the day's quota."""
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
    """`text` in a form that every database can store. Idempotent.

    JSON may contain surrogates, which UTF-8 cannot encode: a pair becomes its character, a lone one
    becomes U+FFFD. So does NUL, which PostgreSQL rejects.
    """
    if text.isascii() and "\0" not in text:
        return text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


def cleaned(question: Question) -> Question:
    """`question` as the store returns it, with `storable` texts."""
    author = replace(question.author, name=storable(question.author.name))
    return replace(question, text=storable(question.text), author=author)


def use_of(state: AnswerState, usage: Usage) -> dict[str, float]:
    """What one answer adds to the activity of a day."""
    return {
        "answers": 1,
        "failed": int(state is AnswerState.FAILED),
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "timed": int(usage.total_seconds > 0),
        "first_token_seconds": usage.first_token_seconds,
        "generating_seconds": max(0.0, usage.total_seconds - usage.first_token_seconds),
    }
