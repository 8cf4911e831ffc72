"""Makes a question of a message, and asks the engine."""

from dataclasses import replace

from adapters.common import texts
from adapters.common.attachments import Composed
from adapters.common.coming import ComingQuestion
from adapters.common.composing import Composer
from adapters.common.known import KnownIn
from adapters.common.place import Place
from adapters.common.platform import Platform
from adapters.common.question import Message
from adapters.common.rules import Rules
from bot.engine import Engine
from bot.errors import NotAllowed
from bot.messages import Person, Question
from bot.ports import Store


class Asking:
    """For the messages of one platform."""

    def __init__(self, engine: Engine, store: Store, platform: Platform, rules: Rules) -> None:
        self._engine = engine
        self._store = store
        self._platform = platform
        self._thread_per_question = rules.thread_per_question
        self._composer = Composer(rules.attachment_characters, rules.question_characters)

    async def ask(
        self, place: Place, person: Person, message: Message, coming: ComingQuestion
    ) -> tuple[str, ...] | None:
        """Ask what `message` says: with what it refers to, in a thread of its own where the
        configuration says so. Returns notes for the person; None where it was asked before. Raises
        Refusal, SurfaceError and StorageError."""
        composed = await coming.compose(
            self._composer.compose(message, KnownIn(self._store, place))
        )
        question = Question(
            place.key,
            person,
            composed.text,
            message.event_id,
            message.message_id,
            place.direct,
            place.answers_in,
            len(composed.pointed) if composed.pointed or message.answer else None,
        )
        if self._thread_per_question and not (place.key.thread or place.direct):
            await self._engine.check(question)  # what is refused opens no thread
            coming.check()
            titled = replace(message, text=message.text.strip() or composed.text)
            place = await self._platform.open_thread(place, titled)
            question = replace(question, conversation=place.key, shown_in=place.answers_in)
        surface = await self._platform.surface(question)
        if surface is None:
            raise NotAllowed(texts.MAY_NOT_WRITE)
        coming.check()
        asked = await self._engine.ask(question, surface)
        if asked is not None and coming.withdrawn:  # while it was being recorded
            asked.stop()
        return None if asked is None else composed.notes

    async def recompose(self, place: Place, message: Message) -> Composed:
        """The text of a question whose message was edited; see `Composer.recompose`."""
        return await self._composer.recompose(message, KnownIn(self._store, place))
