"""What a person asks, as an adapter reads it from an event: the text, what it points at, files."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.common.attachments import Attachment
from adapters.common.pointed import NOTHING, Find, Look, Pointed, Quoted, Root, joined

__all__ = ["Message", "Quoted"]


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
    """The message that it replies to."""
    answer: tuple[str, Quoted] | None = None
    """Where that is a message of the bot: its id, and what it says. It is quoted only where it
    shows another answer than the newest: the conversation holds them all already."""
    carried: Pointed = NOTHING
    """What it holds besides the typed text: forwarded messages, embeds, a poll."""
    find: Find | None = None
    """For what it points at and the event does not hold."""
    look: Look | None = None
    """For what it refers to where it is a mention alone."""
    root: Root | None = None
    """For the message that its thread hangs on; None where it stands in no thread, or is that
    message."""

    @property
    def whole_text(self) -> str:
        """The text with what it points at above it, as far as the event holds it."""
        quoted = self.quoted.pointed.text if self.quoted else ""
        return joined((quoted, self.carried.text, self.text))

    @property
    def bare(self) -> bool:
        """Whether it says and holds nothing: a mention alone."""
        pointing = self.quoted or self.answer or self.find or self.carried.notes
        return not (self.text.strip() or self.files or pointing) and self.carried.empty
