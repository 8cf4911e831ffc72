"""Makes one text of a question and of all that it points at, within limits of characters.

From top to bottom: the message that it replies to and what was forwarded, with their files (or the
text files of the message that its thread hangs on); what was typed; the question's own files.
An edit of the question keeps what it pointed at when it was asked, even where that was deleted
since.
"""

import asyncio
import logging
from dataclasses import replace

from adapters.common.attachments import Composed, FileReader, looks_like_text
from adapters.common.control_words import control_word
from adapters.common.known import Known
from adapters.common.pointed import NOT_FETCHED, Earlier, Pointed, Quoted, joined
from adapters.common.question import Message
from adapters.common.texts import NOTHING_ASKED
from bot.errors import NothingToDo, ParleyError

logger = logging.getLogger(__name__)

MOST_POINTED = 6_000
"""Characters of other people's text above a question, without the files: what Discord allows of
embeds in one message, and three times an ordinary message."""
LOOK_SECONDS = 10.0
"""The time limit for asking the platform what a question points at."""
_ROOM = 300
"""Characters that the lines around one file need."""


class Composer:
    """Composes the questions of one desk. `files`: characters of files at most; `in_all`: of a
    question with everything, beyond which the engine refuses it."""

    def __init__(self, files: int, in_all: int) -> None:
        self._files = files
        self._in_all = in_all

    async def compose(self, message: Message, known: Known) -> Composed:
        """The question in `message`. Where it is a mention alone, what it refers to: the asker's
        own message just before, or what the thread hangs on, if that was not asked already. Raises
        NothingToDo, with a text for the person, where nothing is left of it."""
        if message.bare and message.look is not None:
            return await self._earlier(message, known)
        message = await _with_answer(message, known)
        return await self._composed(await _with_files_of_thread(message, known), None)

    async def recompose(self, message: Message, known: Known) -> Composed:
        """The same after an edit: what it pointed at stays as it was. Raises NothingToDo."""
        kept = await known.pointed(message.message_id)
        if kept is None and message.text.strip():
            kept = await self._meant_before(message, known)
        if kept is None:
            message = await _with_answer(message, known)
        return await self._composed(message, kept)

    # ------------------------------------------------------------ a mention alone

    async def _earlier(self, message: Message, known: Known) -> Composed:
        found = await self._looked(message)
        own, root = found.own, found.root
        if own is not None:
            if own.bare or control_word(own.text) or await known.asked(own.message_id):
                raise NothingToDo(NOTHING_ASKED)
            meant = own
        elif root is not None and not await known.asked(root.message_id):
            meant = root
        else:
            raise NothingToDo(NOTHING_ASKED)
        composed = await self._composed(replace(meant, look=None), None)
        return replace(composed, pointed=composed.text)

    async def _meant_before(self, message: Message, known: Known) -> str | None:
        """What a question was about that began as a mention alone, where that was not stored beside
        it (asked before the migration 0011): its stored text begins with that. None where it was
        another kind of question."""
        stored = await known.text(message.message_id) if message.look is not None else ""
        if not stored:
            return None
        try:
            before = (await self._earlier(message, known)).text
        except NothingToDo:
            return None
        return before if f"{stored}\n\n".startswith(f"{before}\n\n") else None

    async def _looked(self, message: Message) -> Earlier:
        assert message.look is not None
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await message.look()
        except (ParleyError, TimeoutError) as error:
            logger.warning("what a mention refers to cannot be read: %r", error)
            return Earlier()

    # ------------------------------------------------------------ the text

    async def _composed(self, message: Message, kept: str | None) -> Composed:
        reader = FileReader(self._files)
        own, notes = await reader.read(message.files)
        said = joined((message.text, *own))
        above = kept or ""
        if kept is None:
            above, others = await self._above(message, reader, self._in_all - len(said) - 2)
            notes = [*others, *notes]
        text = joined((above, said))
        if not text:
            raise NothingToDo("\n".join(notes) or NOTHING_ASKED)
        return Composed(text, tuple(dict.fromkeys(notes)), above)

    async def _above(
        self, message: Message, reader: FileReader, room: int
    ) -> tuple[str, list[str]]:
        """What stands above a question, in `room` characters, and the notes about it."""
        parts = [message.quoted.pointed] if message.quoted else []
        if message.find is not None:
            parts.append(await self._found(message))
        parts.append(message.carried)
        notes = [note for part in parts for note in part.notes]
        text, cut = _cut(joined(part.text for part in parts), min(MOST_POINTED, room))
        files = [file for part in parts for file in part.files]
        left = room - len(text) - _ROOM * len(files)
        contents, others = await reader.read(files, left)
        return joined((text, *contents)), [*notes, *cut, *others]

    @staticmethod
    async def _found(message: Message) -> Pointed:
        assert message.find is not None
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await message.find()
        except (ParleyError, TimeoutError) as error:
            logger.warning("what a question points at cannot be read: %r", error)
            return Pointed(notes=(NOT_FETCHED,))


async def _with_answer(message: Message, known: Known) -> Message:
    """`message` with the bot's answer that it replies to, where that has to be said: it is not the
    newest, or nothing else is asked."""
    if message.answer is None:
        return message
    answer_id, about = message.answer
    said = message.text.strip() or message.files
    if said and await known.shows_newest(answer_id):
        return message
    return replace(message, quoted=about)


async def _with_files_of_thread(message: Message, known: Known) -> Message:
    """`message` with the text files of the message that its thread hangs on, where it is the first
    question there and replies to no other message: what is asked below a file is about that file.
    The words of that message are not quoted: they stand among what was said before."""
    pointing = message.quoted or message.answer or message.find
    if message.root is None or pointing or not await known.new_thread():
        return message
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            root = await message.root()
    except (ParleyError, TimeoutError) as error:
        logger.warning("the message that a thread hangs on cannot be read: %r", error)
        return message
    files = [file for file in root.files if looks_like_text(file)] if root else []
    return replace(message, quoted=Quoted(root.author, "", files)) if root and files else message


def _cut(text: str, most: int) -> tuple[str, list[str]]:
    """At most about `most` characters of `text`, with a note where some are left out."""
    if len(text) <= most:
        return text, []
    if most <= len("(cut here)"):
        return "", ["What you point at was left out: the question is too long for it."]
    note = f"What you point at is long: I read its first {most:,} characters."
    return f"{text[: most - 11].rstrip()}\n(cut here)", [note]
