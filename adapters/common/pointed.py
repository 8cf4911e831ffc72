"""What a question points at besides its own words: the message that it replies to, forwarded
messages, embeds and polls, and what a mention alone refers to.

Everything here is somebody else's text, or was written for another purpose: it becomes part of what
is asked, word for word, and never anything else. Names are made harmless (`bot.names`). How
much of it is taken is bounded by `adapters.common.composing`.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.common.attachments import Attachment

if TYPE_CHECKING:
    from adapters.common.question import Message

DELETED = "The message that you point at was deleted."
UNREADABLE = "There is nothing that I can read in the message that you point at."
NOT_FETCHED = "I could not read the message that you point at."
NO_PREVIEW = (
    "I could not read the message behind the link: I only see what Slack shows of it here. "
    "Forward it, or copy its text."
)


@dataclass(frozen=True, slots=True)
class Pointed:
    """Text and files that stand above a question."""

    text: str = ""
    files: Sequence[Attachment] = ()
    notes: tuple[str, ...] = ()
    """For the person: what could not be read, one line each."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to read in it."""
        return not (self.text.strip() or self.files)


NOTHING = Pointed()


@dataclass(frozen=True, slots=True)
class Quoted:
    """Somebody's message that a question is about."""

    author: str
    """The name, made harmless."""
    text: str
    """Its words, with the embeds, polls and forwarded messages in it."""
    files: Sequence[Attachment] = ()
    notes: tuple[str, ...] = ()
    """For the asker: what of it could not be read."""

    @property
    def pointed(self) -> Pointed:
        """As it stands above a question."""
        notes = self.notes
        if not (self.text.strip() or self.files or notes):
            notes = (UNREADABLE,)
        said = self.text.strip()
        return Pointed(f"{self.author} wrote:\n{said}" if said else "", self.files, notes)


Find = Callable[[], Awaitable[Pointed]]
"""Asks the platform for a message that an event names and does not hold. Raises ParleyError."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was said before a mention that stands alone."""

    own: "Message | None" = None
    """The asker's own message just before, in the same place."""
    root: "Message | None" = None
    """The message that the thread hangs on: its words are a quotation."""


Look = Callable[[], Awaitable[Earlier]]
"""Asks the platform for it. Raises ParleyError."""

Root = Callable[[], Awaitable[Quoted | None]]
"""Asks the platform for the message that a thread hangs on; None where it is gone, or is one of the
bot's own. Raises ParleyError."""

LOOK_MINUTES = 5
"""A message that is older is not meant by a mention alone."""
LOOK_MESSAGES = 25
"""The newest messages before a mention alone among which the asker's own is looked for."""


# ---------------------------------------------------------------- texts


def joined(parts: Iterable[str]) -> str:
    """The parts that are not empty, an empty line between them."""
    return "\n\n".join(part.strip() for part in parts if part.strip())


def embed_text(lines: Iterable[str]) -> str:
    """A card below a message: of a bot, or the preview of a link. "" where it holds no text."""
    body = "\n".join(line.strip() for line in lines if line.strip())
    return f"Embed:\n{body}\n(end of the embed)" if body else ""


def forward_text(body: str, author: str = "") -> str:
    """A message that was forwarded, or shared. `author`: made harmless, "" where the platform does
    not say. "" where it holds no text."""
    of = f" of {author}" if author else ""
    if not body.strip():
        return ""
    return f"Forwarded message{of}:\n{body.strip()}\n(end of the forwarded message)"


def poll_text(question: str, answers: Iterable[tuple[str, int]], *, ended: bool) -> str:
    """A poll with its `answers` and how many voted for each."""
    given = list(answers)
    voted = ended or any(votes for _, votes in given)
    lines = [f"- {text}{f' ({_votes(votes)})' if voted else ''}" for text, votes in given]
    end = ["(the poll has ended)"] if ended else []
    return "\n".join([f"Poll: {question}", *lines, *end])


def _votes(count: int) -> str:
    return "1 vote" if count == 1 else f"{count:,} votes"


def left_out(thing: str) -> str:
    """The note for something that holds no text."""
    return f"{thing} was left out: I read text only."
