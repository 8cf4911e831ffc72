"""What every handler needs: the engine, the way to write, the rules; and the one way to ask."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import discord

from adapters.common.access import Access
from adapters.common.attachments import Composed, compose
from adapters.common.texts import NOTHING_ASKED, ControlWord, reset_text, stopped_text
from adapters.discord.api import MessageWrites
from adapters.discord.places import Place, Somebody, channel_id, person_of, roles_of
from adapters.discord.reading import attachments_of
from adapters.discord.surface import DiscordSurface
from bot.engine import Engine
from bot.errors import NotAllowed, NothingToDo
from bot.messages import ConversationKey, Person, Question
from bot.ports import StoredAnswer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says to this adapter."""

    access: Access = field(default_factory=Access)
    direct_messages: bool = True
    thread_per_question: bool = False
    attachment_characters: int = 12_000
    retention_days: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that a person asked, before it is a question."""

    id: int
    """Of the event: the message's or the interaction's."""
    message_id: int
    """The message that the answer replies to and whose deletion stops it."""
    text: str
    files: Sequence[discord.Attachment] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """The handlers' shared ground."""

    engine: Engine
    writes: MessageWrites
    rules: Rules
    _orders: WeakValueDictionary[ConversationKey, asyncio.Lock] = field(
        default_factory=WeakValueDictionary
    )

    # ------------------------------------------------------------ who and where

    def person(self, user: Somebody, place: Place, permissions: discord.Permissions) -> Person:
        """Who this is, here and now. Raises NotAllowed where they may not ask."""
        person = person_of(user, place, permissions, self.rules.access)
        if place.direct and not self.rules.direct_messages:
            raise NotAllowed("I don't answer direct messages here. Ask me in a channel.")
        if not self.rules.access.person(str(user.id), roles_of(user)):
            raise NotAllowed("You are not among the people whom I answer here.")
        return person

    def speaks_in(self, place: Place) -> bool:
        """Whether the configuration lets Parley speak here at all."""
        return self.rules.access.place(place.key.workspace, place.above)

    def order(self, key: ConversationKey) -> asyncio.Lock:
        """Hold it while a question is made ready: questions are asked in the order in which they
        came, however long one's files take."""
        lock = self._orders.get(key)
        if lock is None:
            self._orders[key] = lock = asyncio.Lock()
        return lock

    # ------------------------------------------------------------ asking

    async def ask(self, asked: Asked, place: Place, person: Person) -> tuple[str, ...]:
        """Ask it; notes for the person come back. Raises Refusal and StorageError."""
        composed = await self.compose(asked)
        question = Question(
            place.key, person, composed.text, str(asked.id), str(asked.message_id), place.direct
        )
        job = await self.engine.ask(question, self.surface(place, asked.message_id))
        return composed.notes if job else ()

    async def compose(self, asked: Asked) -> Composed:
        """The question with its files. Raises NothingToDo where nothing is left of it."""
        files = attachments_of(asked.files)
        composed = await compose(asked.text, files, self.rules.attachment_characters)
        if not composed.text.strip():
            raise NothingToDo("\n".join(composed.notes) or NOTHING_ASKED)
        return composed

    async def obey(self, word: ControlWord, place: Place, person: Person) -> str:
        """Do what a plain word says, and say so. Raises Refusal."""
        if word is ControlWord.RESET:
            return reset_text(await self.engine.reset(place.key, person))
        return stopped_text(await self.stop(place, person))

    async def stop(self, place: Place, person: Person) -> int:
        """Stop this person's answers here; an admin who has none stops all."""
        try:
            return await self.engine.stop(place.key, person)
        except NothingToDo:
            if not person.admin:
                raise
        return await self.engine.stop(place.key, person, everyone=True)

    # ------------------------------------------------------------ showing

    def surface(self, place: Place, reply_to: int | None = None) -> DiscordSurface:
        """Where an answer is shown; its first message replies to `reply_to`."""
        to = str(reply_to or "")
        return DiscordSurface(self.writes, place.channel_id, seed=to, reply_to=to)

    def surface_again(self, answer: StoredAnswer) -> DiscordSurface:
        """Where an answer of an earlier run is shown."""
        asked = answer.question
        return DiscordSurface(
            self.writes,
            channel_id(asked.conversation),
            seed=asked.message_id,
            reply_to=asked.message_id,
        )
