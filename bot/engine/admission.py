"""Which questions may pass."""

import asyncio

from bot.engine.models import Models
from bot.engine.settings import settings_in
from bot.errors import NotAllowed, NothingToDo, TooLong
from bot.messages import Question
from bot.ports import ConversationSettings, SettingsStore

READ_AT_ONCE = 8
"""Questions whose settings are being read at a time. More would not be faster, and would hold up
everything else: each round of the event loop would run a part of every one of them."""


class Admission:
    """Refuses questions that are empty, too long, or asked where nobody may ask."""

    def __init__(self, store: SettingsStore, models: Models, characters: int) -> None:
        """`characters`: of the longest question."""
        self._store = store
        self._models = models
        self._characters = characters
        self._reading = asyncio.Semaphore(READ_AT_ONCE)

    def check_text(self, question: Question) -> None:
        """Raise NothingToDo for an empty question, and what `check_length` raises."""
        if not question.text.strip():
            raise NothingToDo("Ask me something: the question is empty.")
        self.check_length(question.text)

    def check_length(self, text: str) -> None:
        """Raise TooLong, with the numbers."""
        if len(text) > self._characters:
            raise TooLong(
                f"This question has {len(text):,} characters; the most I take is "
                f"{self._characters:,}."
            )

    async def check(self, question: Question) -> ConversationSettings:
        """The settings of the question's conversation. Raises NotAllowed in a muted one, TooLong
        where the question does not fit the model's context window, and StorageError."""
        async with self._reading:
            settings = await settings_in(self._store, question.conversation)
        if settings.muted and not question.author.admin:
            raise NotAllowed("I am muted here.")
        await self._models.chosen(settings).served.window.check(question, settings)
        return settings
