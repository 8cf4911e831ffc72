"""Questions on their way to the engine: their text is read and their files are fetched.

A question can be withdrawn there (stopped, or its message deleted) before the engine knows of it.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from adapters.common.attachments import Composed
from bot.errors import Refusal
from bot.messages import ConversationKey


class Withdrawn(Refusal):
    """The question was stopped or deleted before it was asked. There is nothing to say to it."""

    @property
    def user_text(self) -> str:
        return ""


@dataclass(eq=False, slots=True)
class ComingQuestion:
    """One question on its way."""

    conversation: ConversationKey
    author: str
    """`Person.key`."""
    message_id: str
    withdrawn: bool = False
    is_command: bool = False
    """It turned out to be none: a stop must not count itself."""
    _fetching: asyncio.Task[Composed] | None = field(default=None, init=False)

    async def compose(self, composing: Coroutine[Any, Any, Composed]) -> Composed:
        """What `composing` returns. Raises Withdrawn at once where the question is withdrawn, and
        what `composing` raises."""
        if self.withdrawn:
            composing.close()
        self.check()
        self._fetching = asyncio.create_task(composing)
        try:
            await asyncio.wait([self._fetching])
        finally:
            self._fetching.cancel()
        self.check()
        return self._fetching.result()

    def check(self) -> None:
        """Raises Withdrawn where the question is."""
        if self.withdrawn:
            raise Withdrawn("the question was withdrawn")

    def withdraw(self) -> None:
        """Do not ask it. Idempotent."""
        self.withdrawn = True
        if self._fetching is not None:
            self._fetching.cancel()


class ComingQuestions:
    """All questions of a desk that are on their way. For one event loop."""

    def __init__(self) -> None:
        self._coming: set[ComingQuestion] = set()

    @contextmanager
    def one(
        self, conversation: ConversationKey, author: str, message_id: str
    ) -> Iterator[ComingQuestion]:
        """A question that is on its way while the body runs."""
        question = ComingQuestion(conversation, author, message_id)
        self._coming.add(question)
        try:
            yield question
        finally:
            self._coming.remove(question)

    def withdraw(
        self, conversation: ConversationKey, *, author: str | None = None, message_id: str = ""
    ) -> int:
        """Withdraw those of a conversation: of one author, of one message, or all. Returns how many
        were withdrawn."""
        found = [
            question
            for question in self._coming
            if question.conversation == conversation
            and author in (None, question.author)
            and message_id in ("", question.message_id)
            and not (question.withdrawn or question.is_command)
        ]
        for question in found:
            question.withdraw()
        return len(found)
