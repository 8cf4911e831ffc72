"""What the desk needs of a platform's adapter, and what it learns from it of a posted message."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from adapters.common.direct import Direct
from adapters.common.place import Place
from adapters.common.question import Message
from adapters.common.transcripts import Transcripts
from bot.messages import Person, Question
from bot.ports import Surface


class Reply(Protocol):
    """Tells the person something, as privately as the platform can. Raises nothing."""

    def __call__(self, text: str, /, *, answered: bool = False) -> Awaitable[None]:
        """`answered`: it is about a question that was accepted. It may wait for the beginning of
        the answer, so that both stand in the same place."""
        ...


class Notes(str):
    """What a person is told about a question that was accepted."""

    __slots__ = ()


Read = Callable[[], Awaitable[Message]]
"""Reads a message as people see it; may ask the platform for names. Called in the order in which
messages came. May raise ParleyError."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a posted message without asking the platform: how it concerns the bot."""

    event_id: str
    """`Message.event_id`."""
    message_id: str
    """`Message.message_id`."""
    mentioned: bool
    """The bot was mentioned, or replied to."""
    to_others: bool = False
    """Somebody else was mentioned."""
    typed: str = ""
    """What was typed, without the mention of the bot, as far as it is known without asking the
    platform: enough to recognise control words."""
    own_thread: bool | None = None
    """Whether the bot opened this thread, or was written to in its first message. None: nobody
    knows; then it counts whether anything was asked in the thread before."""
    alone: Callable[[], Awaitable[bool]] | None = None
    """Asks the platform whether nobody but the author and the bot has spoken in this thread. None
    on platforms that show no answer in a thread below its question."""
    hidden: bool = False
    """The platform shows the bot nothing of it: neither text nor anything else."""
    at: datetime | None = None
    """When it was posted, or of an edit when it was edited, by the platform's clock. None where the
    platform has no history to catch up from."""


class Platform(Protocol):
    """What the desk needs of a platform's adapter."""

    reset_command: str
    """As people type it, in Markdown: ``/reset`` in backticks."""
    forget_command: str
    export_command: str

    @property
    def transcripts(self) -> Transcripts | None:
        """Reads what was said in a place; None where nothing can be read."""
        ...

    async def surface(self, question: Question) -> Surface | None:
        """Where the answer to `question` is shown; None where the bot cannot write there any
        more."""
        ...

    async def open_thread(self, place: Place, message: Message) -> Place:
        """The thread that the question in `message` opens; `place` itself where there can be none
        (in a thread, in a direct message, without the right)."""
        ...

    async def direct(self, person: Person) -> Direct | None:
        """The direct message with `person`; None where the platform has none, or the bot is not
        where they are any more."""
        ...

    async def command(self, place: Place, person: Person, text: str) -> str | None:
        """Do what a message that is a typed command says and return a text for the person; None
        where `text` is none, or the platform has other ways for commands. Raises Refusal."""
        ...
