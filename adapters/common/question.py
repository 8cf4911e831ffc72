"""What a person asks: the text, the message that it quotes and the files beside it, as one text."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.common.attachments import Attachment, Composed, compose
from adapters.common.texts import NOTHING_ASKED
from bot.errors import NothingToDo


@dataclass(frozen=True, slots=True)
class Quoted:
    """Somebody else's message that a question is about."""

    author: str
    """The name, made harmless."""
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a person, as an adapter reads it from an event."""

    event_id: str
    """Unique on the platform; the same event delivered twice has the same."""
    message_id: str
    """The platform's message that shows the question: its edits and deletion are followed."""
    text: str
    """What was typed: without the mention of the bot, mentions as names, escapes undone."""
    files: Sequence[Attachment] = ()
    quoted: Quoted | None = None

    @property
    def whole_text(self) -> str:
        """The text with the quoted message above it."""
        if self.quoted is None or not self.quoted.text:
            return self.text.strip()
        return f"{self.quoted.author} wrote:\n{self.quoted.text}\n\n{self.text}".strip()


async def question_of(message: Message, most_characters: int) -> Composed:
    """The question in `message`, with up to `most_characters` of its files. Raises NothingToDo,
    with a text for the person, where nothing is left of it."""
    composed = await compose(message.whole_text, message.files, most_characters)
    if not composed.text.strip():
        raise NothingToDo("\n".join(composed.notes) or NOTHING_ASKED)
    return composed
