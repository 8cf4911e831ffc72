"""Logging: every line names its conversation, and no line contains a secret.

The text of messages is logged at DEBUG only; callers are responsible for that. Tokens are never
passed to a logger; as a second defence, `Redacting` replaces registered secrets and whatever has
the form of a Discord, Slack or Hugging Face token, in tracebacks too.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.messages import ConversationKey

PACKAGES = ("parley", "adapters", "storage", "bot")
"""The packages whose loggers are Parley's own."""

_conversation: ContextVar[str] = ContextVar("conversation", default="-")

_TOKEN_SHAPES = (
    r"xox[a-z]-[\w-]{10,}",  # Slack's bot and user tokens
    r"xapp-[\w-]{10,}",  # Slack's app tokens
    r"[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}",  # Discord's bot tokens
    r"hf_[A-Za-z0-9]{20,}",  # Hugging Face's
)


@contextmanager
def conversation_logged(conversation: ConversationKey) -> Iterator[None]:
    """Within the context, log lines of this task (and of tasks it creates) carry the conversation's
    key."""
    token = _conversation.set(str(conversation))
    try:
        yield
    finally:
        _conversation.reset(token)


class Redacting(logging.Formatter):
    """A formatter that replaces every secret in a line by ``[secret]``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets`: exact strings to replace besides those of a token's form; "" is ignored."""
        super().__init__("%(asctime)s %(levelname)-7s %(name)s [%(conversation)s] %(message)s")
        known = [re.escape(secret) for secret in secrets if secret]
        self._secret = re.compile("|".join([*known, *_TOKEN_SHAPES]))

    def format(self, record: logging.LogRecord) -> str:
        record.conversation = _conversation.get()
        return self._secret.sub("[secret]", super().format(record))


def set_up(level: str, secrets: Iterable[str] = (), handler: logging.Handler | None = None) -> None:
    """Replace the root logger's handlers by `handler` (standard error by default), with `Redacting`
    as its formatter.

    Parley's own loggers log from `level` up, libraries from WARNING up, so that DEBUG shows what
    Parley does and not every frame of every socket. Raises ValueError for an unknown level.
    """
    handler = handler or logging.StreamHandler()
    handler.setFormatter(Redacting(secrets))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in PACKAGES:
        logging.getLogger(name).setLevel(level.upper())
