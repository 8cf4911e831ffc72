"""The log: every line names the conversation that it belongs to, and no line names a secret.

Texts of messages are logged at DEBUG only; the callers see to that. Tokens are kept out by never
being passed to a logger, and `Redacting` is the net below: what looks like a Discord or a Slack
token, or was registered as a secret, is blotted out wherever it turns up, tracebacks included.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.messages import ConversationKey

_conversation: ContextVar[str] = ContextVar("conversation", default="-")

_TOKEN_SHAPES = (
    r"xox[a-z]-[\w-]{10,}",  # Slack's bot and user tokens
    r"xapp-[\w-]{10,}",  # Slack's app tokens
    r"[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}",  # Discord's bot tokens
    r"hf_[A-Za-z0-9]{20,}",  # Hugging Face's
)


@contextmanager
def conversation_logged(conversation: ConversationKey) -> Iterator[None]:
    """Within it, this task's log lines carry the conversation's key."""
    token = _conversation.set(str(conversation))
    try:
        yield
    finally:
        _conversation.reset(token)


class Redacting(logging.Formatter):
    """Formats a line and blots out every secret in it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s [%(conversation)s] %(message)s")
        known = [re.escape(secret) for secret in secrets if secret]
        self._secret = re.compile("|".join([*known, *_TOKEN_SHAPES]))

    def format(self, record: logging.LogRecord) -> str:
        record.conversation = _conversation.get()
        return self._secret.sub("[secret]", super().format(record))


def set_up(level: str, secrets: Iterable[str] = (), handler: logging.Handler | None = None) -> None:
    """Log to `handler` (stderr, where there is none) from `level` up. The libraries speak from
    WARNING up, so that DEBUG shows what Parley does and not every frame of every socket."""
    handler = handler or logging.StreamHandler()
    handler.setFormatter(Redacting(secrets))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("bot", "adapters", "storage"):
        logging.getLogger(name).setLevel(level.upper())
