"""What every handler needs: the engine, the rules, who asks and where; and the one way to ask."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from adapters.common.access import Access
from adapters.common.attachments import Composed, compose
from adapters.common.texts import NOTHING_ASKED, ControlWord, reset_text, stopped_text
from adapters.slack.files import attachments_of
from adapters.slack.places import PLATFORM, Place, Scope
from adapters.slack.private_replies import DEFECT, Teller
from adapters.slack.surface import SlackSurface
from adapters.slack.workspaces import Workspace, Workspaces
from bot.engine import Engine
from bot.engine.job import Answering
from bot.errors import NotAllowed, NothingToDo, ParleyError, Refusal
from bot.messages import ConversationKey, Person, Question
from bot.ports import Store, StoredAnswer

logger = logging.getLogger(__name__)

JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says to this adapter."""

    access: Access = field(default_factory=Access)
    scope: Scope = "channel"
    attachment_characters: int = 12_000
    retention_days: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that a person asked, before it is a question."""

    id: str
    """Of the event, unique within the workspace: the same delivered twice has the same."""
    message: str
    """The ``ts`` of the message that shows the question."""
    text: str
    files: Sequence[JSON] = ()


class Desk:
    """The handlers' shared ground."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        workspaces: Workspaces,
        rules: Rules,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.engine = engine
        self.store = store
        self.workspaces = workspaces
        self.rules = rules
        self._tasks = tasks
        self._orders: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._answering: WeakSet[Answering] = WeakSet()

    # ------------------------------------------------------------ doing things

    def begin(self, teller: Teller | None, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do `work` beside everything else; what goes wrong is told to the person and the log."""
        guarded = self._guarded(teller, work)
        try:
            self._tasks.create_task(guarded)
        except RuntimeError:  # Parley shuts down; what was not taken in is delivered again
            guarded.close()
            logger.info("something came while Parley was shutting down")

    async def _guarded(
        self, teller: Teller | None, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        where = teller.place.key if teller else PLATFORM
        try:
            await work()
        except ParleyError as error:
            if not isinstance(error, Refusal):
                logger.error("%s: %s", where, error)
            if teller:
                await teller.tell(error.user_text)
        except Exception:
            logger.exception("%s: a defect of Parley", where)
            if teller:
                await teller.tell(DEFECT)

    def order(self, place: Place) -> asyncio.Lock:
        """Hold it while a question is made ready: what happens in a channel is handled in the order
        in which it came, however long one question's files take."""
        name = f"{place.workspace}/{place.channel}"
        lock = self._orders.get(name)
        if lock is None:
            self._orders[name] = lock = asyncio.Lock()
        return lock

    # ------------------------------------------------------------ who and where

    def speaks_in(self, place: Place) -> bool:
        """Whether the configuration lets Parley speak here at all."""
        access, team = self.rules.access, place.workspace.rpartition(".")[2]
        if not access.workspaces.permits([team]):
            return False
        return place.direct or access.channels.permits([place.channel])

    async def person(self, workspace: Workspace, place: Place, user: str) -> Person:
        """Who this is, here and now. In a direct message everybody is the admin of their own
        conversation. Raises NotAllowed where they may not ask."""
        access = self.rules.access
        if not self.speaks_in(place):
            raise NotAllowed("I am not set up to answer here.")
        if not access.person(user, ()):
            raise NotAllowed("You are not among the people whom I answer here.")
        profile = await workspace.people.profile(user)
        admin = place.direct or profile.admin or access.named_admin(user, ())
        return Person(PLATFORM, f"{workspace.key}.{user}", profile.name, admin=admin)

    # ------------------------------------------------------------ asking

    async def ask(
        self, workspace: Workspace, place: Place, person: Person, asked: Asked
    ) -> Sequence[str] | None:
        """Ask it; notes for the person come back, None where it was asked before. Raises Refusal
        and StorageError."""
        composed = await self.compose(workspace, asked)
        question = Question(
            place.key, person, composed.text, asked.id, asked.message, direct=place.direct
        )
        surface = self.surface(workspace, place, person.id, asked.message)
        job = await self.engine.ask(question, surface)
        if job is None:
            return None
        self.watch(job)
        return composed.notes

    def watch(self, job: Answering) -> None:
        """Know of an answer until it ends, so that a channel's /stop reaches its threads."""
        self._answering.add(job)

    async def compose(self, workspace: Workspace, asked: Asked) -> Composed:
        """The question with its files. Raises NothingToDo where nothing is left of it."""
        files = attachments_of(asked.files, workspace.gateway)
        composed = await compose(asked.text, files, self.rules.attachment_characters)
        if not composed.text.strip():
            raise NothingToDo("\n".join(composed.notes) or NOTHING_ASKED)
        return composed

    async def takes_part(self, place: Place) -> bool:
        """Whether this conversation holds anything that was asked."""
        return bool(await self.store.answers(conversation=place.key, limit=1))

    # ------------------------------------------------------------ stopping

    async def obey(self, word: ControlWord, place: Place, person: Person) -> str:
        """Do what a plain word says, and say so. Raises Refusal."""
        if word is ControlWord.RESET:
            return reset_text(await self.engine.reset(place.key, person))
        return stopped_text(await self.stop(place, person))

    async def stop(self, place: Place, person: Person, *, everyone: bool = False) -> int:
        """Stop this person's answers here, those in the channel's threads included where `place` is
        a channel; with `everyone` all. An admin who has none stops all, too. Raises NothingToDo,
        NotAllowed."""
        keys = [place.key]
        if not place.thread:
            keys += sorted(self._threads_of(place), key=str)
        for whose in (True,) if everyone else (False, True) if person.admin else (False,):
            stopped = 0
            for key in keys:
                stopped += await self._stopped(key, person, everyone=whose)
            if stopped:
                return stopped
        raise NothingToDo("Nothing is being answered here that you could stop.")

    async def _stopped(self, key: ConversationKey, person: Person, *, everyone: bool) -> int:
        try:
            return await self.engine.stop(key, person, everyone=everyone)
        except NothingToDo:
            return 0

    def _threads_of(self, place: Place) -> set[ConversationKey]:
        keys = {job.answer.question.conversation for job in self._answering}
        return {
            key
            for key in keys
            if (key.workspace, key.channel) == (place.workspace, place.channel) and key.thread
        }

    # ------------------------------------------------------------ showing

    def surface(self, workspace: Workspace, place: Place, person: str, seed: str) -> SlackSurface:
        """Where an answer is shown to this person (`Person.id`)."""
        user = person.rpartition(".")[2]
        return SlackSurface(workspace, place, asker=user, seed=seed)

    async def find(self, answer: StoredAnswer) -> SlackSurface | None:
        """Where an answer of this or an earlier run is shown; None where the app is not installed
        any more."""
        asked = answer.question
        workspace = await self.workspaces.by_key(asked.conversation.workspace)
        if workspace is None:
            return None
        place = Place.of(asked.conversation)
        return self.surface(workspace, place, asked.author.id, asked.message_id)
