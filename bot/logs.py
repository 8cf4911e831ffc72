"""Logging: every line names its conversation, and no line contains a secret.

The text of messages is logged at DEBUG only; callers are responsible for that. Tokens are never
passed to a logger; as a second defence, the formatters replace registered secrets and whatever has
the form of a Discord, Slack or Hugging Face token or of a password in an address, in tracebacks
too.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from bot.messages import ConversationKey
from bot.url_passwords import USERINFO

PACKAGES = ("parley", "adapters", "storage", "bot")
"""The packages whose loggers are Parley's own."""

Format = Literal["text", "json"]

LINE = "%(asctime)s %(levelname)-7s %(name)s [%(conversation)s] %(message)s"
"""A line of a log in text."""

_conversation: ContextVar[str] = ContextVar("conversation", default="-")
_answer: ContextVar[int | None] = ContextVar("answer", default=None)

_TOKEN_SHAPES = (
    r"xox[a-z]-[\w-]{10,}",  # Slack's bot and user tokens
    r"xapp-[\w-]{10,}",  # Slack's app tokens
    r"[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}",  # Discord's bot tokens
    r"hf_[A-Za-z0-9]{20,}",  # Hugging Face's
    USERINFO,  # name and password in an address
)


@contextmanager
def conversation_logged(conversation: ConversationKey, answer: int | None = None) -> Iterator[None]:
    """Within the context, log lines of this task (and of tasks it creates) carry the conversation's
    key, and the id of the answer where there is one."""
    token, of_answer = _conversation.set(str(conversation)), _answer.set(answer)
    try:
        yield
    finally:
        _conversation.reset(token)
        _answer.reset(of_answer)


class _Secrets:
    """Replaces every secret in a text by ``[secret]``."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = [re.escape(secret) for secret in secrets if secret]
        self._pattern = re.compile("|".join([*known, *_TOKEN_SHAPES]))

    def remove(self, text: str) -> str:
        return self._pattern.sub("[secret]", text)


class Redacting(logging.Formatter):
    """Lines of text, in which every secret is replaced by ``[secret]``."""

    def __init__(self, secrets: Iterable[str] = (), line: str = LINE) -> None:
        """`secrets`: exact strings to replace besides those of a token's form; "" is ignored.
        `line`: what a line holds, as `logging` names it."""
        super().__init__(line)
        self._secrets = _Secrets(secrets)

    def format(self, record: logging.LogRecord) -> str:
        record.conversation = _conversation.get()
        return self._secrets.remove(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object a line, in which every secret is replaced by ``[secret]``.

    Its keys: ``time`` (RFC 3339, UTC, milliseconds), ``level`` ("info"), ``logger``, ``message``;
    and where there is one: ``conversation``, ``answer`` (its id, a number), ``exception`` (the
    traceback, as one string).
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets`: as for `Redacting`."""
        super().__init__()
        self._secrets = _Secrets(secrets)

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        conversation = _conversation.get()
        entry = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._secrets.remove(record.getMessage()),
            "conversation": None if conversation == "-" else conversation,
            "answer": _answer.get(),
            "exception": self._exception(record),
        }
        kept = {key: value for key, value in entry.items() if value is not None}
        return json.dumps(kept, ensure_ascii=False)

    def _exception(self, record: logging.LogRecord) -> str | None:
        parts = [self.formatException(record.exc_info)] if record.exc_info else []
        parts += [self.formatStack(record.stack_info)] if record.stack_info else []
        # Secrets are removed before JSON escapes the text: a quote in one would hide it.
        return self._secrets.remove("\n".join(parts)) or None


_FORMATTERS: dict[Format, type[Redacting | JsonLines]] = {"text": Redacting, "json": JsonLines}


def set_up(
    level: str,
    secrets: Iterable[str] = (),
    handler: logging.Handler | None = None,
    *,
    line_format: Format = "text",
) -> None:
    """Replace the root logger's handlers by `handler` (standard error by default), whose lines have
    the format `line_format` and no secrets in them.

    Parley's own loggers log from `level` up, libraries from WARNING up, so that DEBUG shows what
    Parley does and not every frame of every socket. Raises ValueError for an unknown level.
    """
    handler = handler or logging.StreamHandler()
    handler.setFormatter(_FORMATTERS[line_format](secrets))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in PACKAGES:
        logging.getLogger(name).setLevel(level.upper())


def writes_json() -> bool:
    """Whether the log that `set_up` has set up is JSON."""
    return any(isinstance(one.formatter, JsonLines) for one in logging.getLogger().handlers)
