"""What else belongs to a question: the exchange that its thread was opened on, and what people said
around it.

Both are looked up for each prompt and stored nowhere. The exchange becomes the first one of the
thread's history. What people said stands before the question, inside the question's own turn, so
that the tokens of the prompt before it stay the same from turn to turn. It is content like the
question itself: nothing in it can become a control token. Whatever fails, the question is answered
without, with a note for the person.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from bot.errors import ParleyError, SurfaceBusy, Unreadable
from bot.messages import ConversationKey, Question
from bot.names import clean_file_name, clean_name, file_marks
from bot.ports import (
    Around,
    Origin,
    Remark,
    Store,
    StoredAnswer,
    StoredExchange,
    Surroundings,
)

logger = logging.getLogger(__name__)

THREAD_MESSAGES = 200
"""The newest messages of a thread that are read."""
READ_SECONDS = 10.0
"""The time limit for all that is read for one prompt."""
SHARE = 3
"""What was said takes at most one part of so many of the context window."""
CHARACTERS_PER_TOKEN = 8
"""More than any language has: what is longer than this cannot fit, and is not read."""
LONGEST = 2000
"""Characters of one message; the rest is cut off."""
SHORTEST = 40
"""A message that does not fit with this many characters is left out."""

CANNOT_READ = "I could not read what was said here before: "
GONE = "The message that this thread was opened on is gone, so I answered without it."

Fits = Callable[[str], Awaitable[bool]]
"""Whether there is room for a question's whole text, with what stands before it."""


@dataclass(frozen=True, slots=True)
class Before:
    """What belongs to one question."""

    origin: StoredExchange | None = None
    """The exchange that its thread was opened on, where it can be history: it is not hidden, and
    has a complete answer."""
    starter: Remark | None = None
    """The message that its thread was opened on."""
    remarks: tuple[Remark, ...] = ()
    """What people said before it, oldest first."""
    older: bool = False
    """More was said before the first of them."""
    thread: bool = False
    """It was said in a thread, not in a channel."""
    starter_gone: bool = False
    note: str = ""
    """For the person: what could not be read, and why."""


class SurroundingsReader:
    """Looks up what belongs to questions. For one event loop."""

    def __init__(self, store: Store, channel_context: int) -> None:
        """`channel_context`: how many messages before a question in a channel are read."""
        self._store = store
        self._channel_context = channel_context
        self._sources: dict[str, Surroundings] = {}

    def register(self, platform: str, source: Surroundings) -> None:
        """Read with `source` on this platform, in place of the one before."""
        self._sources[platform] = source

    async def origin(self, conversation: ConversationKey) -> StoredExchange | None:
        """`Before.origin` alone. Raises StorageError."""
        found = await self._store.origin(conversation)
        return _exchange(found) if found is not None and not found.hidden else None

    async def before(self, answer: StoredAnswer, window: int) -> Before:
        """What belongs to the question of `answer`, for a context window of so many tokens. Raises
        StorageError; what the platform refuses becomes a note."""
        question = answer.question
        found = await self._store.origin(question.conversation)
        around, note = await self._read(question, window)
        before = Before(
            remarks=await self._unknown(question, around.remarks),
            older=around.older,
            thread=_in_thread(question),
            note=note,
        )
        if found is None:
            starter = await self._starter(question, around.starter)
            gone = around.starter_gone and not await self._store.reset_at(question.conversation)
            return replace(before, starter=starter, starter_gone=gone)
        if found.hidden:
            return before
        if (exchange := _exchange(found)) is not None:
            return replace(before, origin=exchange)
        return replace(before, starter=_asked(found))

    # ------------------------------------------------------------ reading

    async def _read(self, question: Question, window: int) -> tuple[Around, str]:
        """What the platform shows, and a note where it shows not all."""
        source = self._sources.get(question.conversation.platform)
        if source is None or question.direct or not question.message_id:
            return Around(), ""
        characters = window // SHARE * CHARACTERS_PER_TOKEN
        if _in_thread(question):
            reading = source.thread(question, messages=THREAD_MESSAGES, characters=characters)
        elif self._channel_context:
            messages = self._channel_context
            reading = source.channel(question, messages=messages, characters=characters)
        else:
            return Around(), ""
        try:
            async with asyncio.timeout(READ_SECONDS):
                around = await reading
        except Exception as error:
            return Around(), _failure(question, error)
        return around, _lacking(around.lacking) if around.lacking else ""

    async def _unknown(self, question: Question, remarks: Sequence[Remark]) -> tuple[Remark, ...]:
        """Without what is history already, what a reset hides, and what was forgotten."""
        if not remarks:
            return ()
        key = question.conversation if _in_thread(question) else _channel(question)
        reset = await self._store.reset_at(key)
        known = await self._known(key, remarks)
        return tuple(
            one
            for one in remarks
            if not one.empty
            and (reset is None or one.at > reset)
            and not known & {one.message_id, one.event_id}
            and not _repeats(question, one)
        )

    async def _starter(self, question: Question, starter: Remark | None) -> Remark | None:
        """The same for the message that the thread was opened on, which stands in the channel."""
        for key in (question.conversation, _channel(question)):
            if starter is None or starter.empty or _repeats(question, starter):
                return None
            reset = await self._store.reset_at(key)
            if (reset is not None and starter.at <= reset) or await self._known(key, [starter]):
                return None
        return starter

    async def _known(self, key: ConversationKey, remarks: Sequence[Remark]) -> set[str]:
        messages = [one.message_id for one in remarks]
        return await self._store.known_messages(key, messages, [one.event_id for one in remarks])


def _repeats(question: Question, remark: Remark) -> bool:
    """Whether the question holds the message already: it quotes it, or a mention alone meant it."""
    said, text = remark.text.strip(), question.text.strip()
    if not said:
        return all(f"File {clean_file_name(name)}:\n" in text for name in remark.files)
    alone = text == said or text.startswith(f"{said}\n\nFile ")
    return alone or f" wrote:\n{said}\n" in f"{text}\n"


def _channel(question: Question) -> ConversationKey:
    return replace(question.conversation, thread="")


def _in_thread(question: Question) -> bool:
    """Whether its message stands in a thread. One that opened its thread stands in the channel."""
    thread = question.conversation.thread
    return bool(thread) and question.message_id != thread


def _exchange(origin: Origin) -> StoredExchange | None:
    """The exchange, where it has something to say."""
    exchange = origin.exchange
    return exchange if exchange is not None and exchange.answer.strip() else None


def _asked(origin: Origin) -> Remark:
    """A question that has no answer yet, as what was said."""
    asked = origin.question
    return Remark(asked.message_id, asked.event_id, asked.author.name, asked.text, origin.asked_at)


def _lacking(what: str) -> str:
    return f"{CANNOT_READ}I lack {what}."


def _failure(question: Question, error: Exception) -> str:
    """Log why nothing could be read; the note for the person."""
    place = question.conversation
    if isinstance(error, Unreadable):
        logger.warning("%s: what was said there cannot be read: %s", place, error)
        return _lacking(error.lacking)
    if isinstance(error, (SurfaceBusy, TimeoutError)):
        logger.warning(
            "%s: what was said there cannot be read now: %s", place, str(error) or "timeout"
        )
        return f"{CANNOT_READ}the platform did not answer in time."
    if isinstance(error, ParleyError):
        logger.warning("%s: what was said there cannot be read: %s", place, error)
    else:
        logger.error("%s: reading it failed: a defect of Parley", place, exc_info=error)
    return f"{CANNOT_READ}the operator's log says why."


# ---------------------------------------------------------------- the text before a question


async def with_what_was_said(before: Before, question: str, fits: Fits, *, show_names: bool) -> str:
    """`question` with what was said above it: the thread's first message, and the newest of the
    others that fit. Nothing of it is there where nothing fits."""
    block = _Block(before, question, show_names)
    starter = before.starter
    if starter is not None:
        block = replace(block, starter=await _shortened(starter, block.beginning_with, fits))
    most = len(before.remarks)
    if not most:
        return block.with_newest(0)
    kept, more = 0, 1
    # Doubling first: what is far too old is never counted.
    while more <= most and await fits(block.with_newest(more)):
        kept, more = more, more * 2
    more = min(more, most + 1)
    while more - kept > 1:
        middle = (kept + more) // 2
        if await fits(block.with_newest(middle)):
            kept = middle
        else:
            more = middle
    if kept:
        return block.with_newest(kept)
    newest = await _shortened(before.remarks[-1], block.ending_with, fits)
    if newest is not None:
        return block.ending_with(newest)
    alone = block.with_newest(0)
    return alone if await fits(alone) else question


@dataclass(frozen=True, slots=True)
class _Block:
    """What stands above a question. Every message begins a line of its own, and the others of its
    lines are indented: nobody can write a line that looks like another person's."""

    before: Before
    question: str
    show_names: bool
    starter: Remark | None = None

    def with_newest(self, number: int) -> str:
        remarks = self.before.remarks[len(self.before.remarks) - number :]
        return self._text(remarks)

    def ending_with(self, remark: Remark) -> str:
        return self._text([remark])

    def beginning_with(self, remark: Remark) -> str:
        """With the starter, and as much again: it takes half of the room at most."""
        doubled = replace(self, starter=remark)
        return doubled._text([remark])

    def _text(self, remarks: Sequence[Remark]) -> str:
        lines = [self._line(self.starter)] if self.starter is not None else []
        if self.before.older or len(remarks) < len(self.before.remarks):
            lines.append("(older messages are left out)")
        lines += [self._line(remark) for remark in remarks]
        if not (remarks or self.starter):
            return self.question
        where = "thread" if self.before.thread else "channel"
        above = "\n".join(lines)
        return (
            f"Earlier messages in this {where}:\n{above}\n(end of the earlier messages)\n\n"
            f"{self.question}"
        )

    def _line(self, remark: Remark) -> str:
        text = remark.text.strip()
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        text = " ".join(filter(None, (text, file_marks(remark.files))))
        name = clean_name(remark.author, "somebody") if self.show_names else "-"
        mark = ": " if self.show_names else " "
        return f"{name}{mark}" + "\n  ".join(text.splitlines())


async def _shortened(remark: Remark, shown: Callable[[Remark], str], fits: Fits) -> Remark | None:
    """The remark with as much of its text as fits; None where that is too little."""
    length = min(len(remark.text), LONGEST)
    while not await fits(shown(remark)):
        length //= 2
        if length < SHORTEST:
            return None
        remark = replace(remark, text=f"{remark.text[:length]}…")
    return remark
