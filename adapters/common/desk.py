"""The desk: what messages, commands and buttons do, on every platform alike.

An adapter parses an event into a `Place`, a `Member` and what was asked, and calls one method here.
Each operation checks the person's rights, has its effect through the engine, and returns a text
for the person. Refusals are exceptions (`bot.errors.Refusal`) whose text is for the person too;
`explained` is the boundary that turns them, and everything unexpected, into that text.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.common import model_choice, texts
from adapters.common.buttons import Action
from adapters.common.coming import ComingQuestion, ComingQuestions
from adapters.common.composing import Composer
from adapters.common.control_words import ControlWord, control_word
from adapters.common.export import Exports
from adapters.common.known import KnownIn
from adapters.common.place import Member, Place
from adapters.common.platform import Heard, Notes, Platform, Read, Reply
from adapters.common.progress import Progress
from adapters.common.question import Message
from adapters.common.rules import Rules
from adapters.common.settings import NAMES, with_changes, with_system_prompt
from adapters.common.since import LAST_MESSAGE, Since, parse_since
from adapters.common.summaries import Private, PrivateSummaries
from bot.engine import Engine
from bot.engine.settings import settings_in
from bot.errors import (
    NotAllowed,
    NothingToDo,
    NotUnderstood,
    ParleyError,
    Refusal,
    ShuttingDown,
)
from bot.locks import KeyedLocks
from bot.measures import By
from bot.messages import ConversationKey, Person, Question
from bot.ports import ConversationSettings, Store, StoredAnswer, Surface
from bot.recent import Seen

logger = logging.getLogger(__name__)


class Desk:
    """The operations of one platform. For one event loop; keeps nothing that must outlive it."""

    def __init__(self, engine: Engine, store: Store, platform: Platform, rules: Rules) -> None:
        self.engine = engine
        self.rules = rules
        self._store = store
        self._platform = platform
        self._seen: Seen[str] = Seen()
        self._orders: KeyedLocks[tuple[ConversationKey, str]] = KeyedLocks()
        """One person's questions in a conversation keep their order; nobody else waits for them."""
        self._coming = ComingQuestions()
        self._exports = Exports(store, platform)
        self._summaries = PrivateSummaries(engine, store, platform, on=rules.summaries)
        self._composer = Composer(rules.attachment_characters, rules.question_characters)
        self.progress = Progress(store)
        """How far messages were handled; `adapters.common.catch_up` begins there."""

    # ------------------------------------------------------------ the boundary

    async def explained(self, where: object, work: Awaitable[str]) -> str:
        """The text that `work` returns, or why it failed. Raises nothing but CancelledError: what
        one event does wrong ends here, and is logged with `where`."""
        try:
            return await work
        except ShuttingDown:
            self.progress.pause()  # the platform keeps the message; the next run finds it
            return ""
        except Refusal as refusal:
            return refusal.user_text
        except ParleyError as error:
            logger.error("%s: %s", where, error)
            return error.user_text
        except Exception:
            logger.exception("%s: a defect of Parley", where)
            return texts.DEFECT

    async def _told(self, where: object, reply: Reply, work: Awaitable[str]) -> None:
        if text := await self.explained(where, work):
            await reply(text, answered=isinstance(text, Notes))

    # ------------------------------------------------------------ who and where

    def speaks_in(self, place: Place) -> bool:
        """Whether the configuration lets the bot answer here at all."""
        return self.rules.access.place(place.workspace, place.ids, direct=place.direct)

    async def person(self, place: Place, member: Member) -> Person:
        """Who this is, with their rights here and now. In a direct message everybody is the admin
        of their own conversation. Raises NotAllowed where they may not ask."""
        access = self.rules.access
        if not self.speaks_in(place):
            raise NotAllowed(texts.NOT_HERE)
        if place.direct and not self.rules.direct_messages:
            raise NotAllowed(texts.NO_DIRECT_MESSAGES)
        if not access.person(member.id, member.roles):
            raise NotAllowed(texts.NOT_YOU)
        profile = await member.profile()
        admin = place.direct or profile.admin or access.named_admin(member.id, member.roles)
        return Person(place.key.platform, member.key or member.id, profile.name, admin=admin)

    # ------------------------------------------------------------ messages

    def may_concern(self, place: Place, heard: Heard) -> bool:
        """Whether a message can be meant for the bot; False spares all further work."""
        in_thread = bool(place.key.thread) and not heard.to_others and heard.own_thread is not False
        return place.direct or heard.mentioned or in_thread or self._without_mention(place, heard)

    def _without_mention(self, place: Place, heard: Heard) -> bool:
        """Whether it is a question for standing where every message is one."""
        if heard.hidden or not self.rules.answers_all_in(place):
            return False
        return not self.rules.leaves_alone(heard.typed)

    def _left_alone(self, place: Place, heard: Heard) -> bool:
        """Whether its author keeps it from the bot where every message is a question."""
        if heard.mentioned or not self.rules.answers_all_in(place):
            return False
        return self.rules.leaves_alone(heard.typed)

    async def receive(
        self,
        place: Place,
        member: Member,
        read: Read,
        heard: Heard,
        reply: Reply,
    ) -> None:
        """A message was posted. It is answered, obeyed, or not for the bot; once, however often the
        same event is delivered. One person's questions in a conversation are asked in the
        order of these calls; a control word waits for no question."""
        if not self.may_concern(place, heard):
            return
        async with self.progress.handling(place.key.platform, heard.at):
            if not self.speaks_in(place):
                logger.info("%s: [%s] allows no answers here", place.key, place.key.platform)
            elif self._seen.add(heard.event_id):
                await self._told(place.key, reply, self._received(place, member, read, heard))

    async def _received(self, place: Place, member: Member, read: Read, heard: Heard) -> str:
        if word := _control_word(place, heard.typed):
            if not await self._addressed(place, member, heard):
                return ""
            return await self.obey(word, place, await self.person(place, member))
        author = _author(place, member)
        with self._coming.one(place.key, author, heard.message_id) as coming:
            async with self._orders((place.key, author)):
                if not await self._addressed(place, member, heard):
                    return ""
                person = await self.person(place, member)
                return await self._answer(place, person, await read(), coming)

    async def _addressed(self, place: Place, member: Member, heard: Heard) -> bool:
        if self._left_alone(place, heard):
            return False
        if place.direct or heard.mentioned or heard.own_thread:
            return True
        if self._without_mention(place, heard):
            return True
        if heard.alone is not None and (shown := await self._answered_in(place)):
            asker = shown.question.author.key
            return asker == _author(place, member) and await heard.alone()
        return bool(await self._store.answers(conversation=place.key, limit=1))

    async def _answered_in(self, thread: Place) -> StoredAnswer | None:
        """The answer to a question of the channel that is shown in this thread below it."""
        channel = replace(thread.key, thread="")
        found = await self._store.find_question(channel, thread.key.thread)
        return found if found and found.question.shown_at == thread.key else None

    async def _answer(
        self, place: Place, person: Person, message: Message, coming: ComingQuestion
    ) -> str:
        coming.is_command = True
        if word := _control_word(place, message.text):
            return await self.obey(word, place, person)
        name = model_choice.model_word(message.text)
        if name is not None and self.models and name in ("", *self.models):
            return await self.model(place, person, name)
        said = await self._platform.command(place, person, message.text)
        if said is not None:
            return said
        coming.is_command = False
        return Notes("\n".join(await self._ask(place, person, message, coming) or ()))

    async def obey(self, word: ControlWord, place: Place, person: Person) -> str:
        """Do what a control word says. Raises Refusal."""
        if word is ControlWord.RESET:
            return await self.reset(place, person)
        if word is ControlWord.SUMMARIZE:
            return await self.summarize(place, person, LAST_MESSAGE)
        return await self.stop(place, person)

    async def edited(
        self, place: Place, member: Member, read: Read, heard: Heard, reply: Reply
    ) -> None:
        """A message has a new text. Where it is a question, it is answered again in the same
        messages if it is the newest, and only the history changes if not. One that was edited down
        to nothing leaves the history with its answer. One that was no question before, since the
        mention was missing or nothing was asked, is asked now."""
        async with self.progress.handling(place.key.platform, heard.at):
            if self.speaks_in(place):
                await self._told(place.key, reply, self._edited(place, member, read, heard))

    async def _edited(self, place: Place, member: Member, read: Read, heard: Heard) -> str:
        author = _author(place, member)
        async with self._orders((place.key, author)):
            concerns = self.may_concern(place, heard)
            if not (concerns or await KnownIn(self._store, place).asked(heard.message_id)):
                return ""
            message = await read()
            if _control_word(place, message.text):
                return ""
            if self._left_alone(place, heard):
                return await self._delete(place, message.message_id)
            try:
                composed = await self._composer.recompose(message, KnownIn(self._store, place))
            except NothingToDo:
                if not await self._emptied(place, message):
                    return ""
                person = await self.person(place, member)
            else:
                person = await self.person(place, member)
                if await self._apply_edit(place, message.message_id, composed.text):
                    return ""
            if not concerns or not await self._addressed(place, member, heard):
                return ""
            with self._coming.one(place.key, author, message.message_id) as coming:
                return await self._answer(place, person, message, coming)

    async def _apply_edit(self, place: Place, message_id: str, text: str) -> bool:
        """Whether the message was a question; it has the new text then."""
        for there in place.holding(message_id):
            if await self.engine.question_edited(there.key, message_id, text, self._find):
                return True
        return False

    async def _emptied(self, place: Place, message: Message) -> bool:
        """A message was edited down to nothing: if it was a question, it leaves the history.
        Whether it may be one now, as a mention alone of what was said before."""
        was_question = await KnownIn(self._store, place).asked(message.message_id)
        await self._delete(place, message.message_id)
        return message.bare and message.look is not None and not was_question

    async def deleted(self, place: Place, message_ids: Iterable[str]) -> None:
        """Messages were deleted. Those that were questions leave the history with their answers;
        those that were about to be are not asked."""
        for message_id in message_ids:
            await self.explained(place.key, self._delete(place, message_id))

    async def _delete(self, place: Place, message_id: str) -> str:
        for there in place.holding(message_id):
            self._coming.withdraw(there.key, message_id=message_id)
            if await self.engine.question_deleted(there.key, message_id, self._find):
                break
        return ""

    # ------------------------------------------------------------ asking

    async def ask_shown(
        self,
        place: Place,
        person: Person,
        message: Message,
        take_back: Callable[[], Awaitable[None]],
    ) -> str:
        """Ask a question that a command has shown to the channel in `message`. Where it is refused,
        or was asked before, `take_back` deletes the message. Returns notes for the person. Raises
        Refusal and StorageError."""
        with self._coming.one(place.key, person.key, message.message_id) as coming:
            async with self._orders((place.key, person.key)):
                try:
                    notes = await self._ask(place, person, message, coming)
                except BaseException:
                    await take_back()
                    raise
                if notes is None:
                    await take_back()
        return "\n".join(notes or ())

    async def _ask(
        self, place: Place, person: Person, message: Message, coming: ComingQuestion
    ) -> tuple[str, ...] | None:
        """Notes for the person; None where it was asked before."""
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
        if self.rules.thread_per_question and not (place.key.thread or place.direct):
            await self.engine.check(question)  # what is refused opens no thread
            coming.check()
            titled = replace(message, text=message.text.strip() or composed.text)
            place = await self._platform.open_thread(place, titled)
            question = replace(question, conversation=place.key, shown_in=place.answers_in)
        surface = await self._platform.surface(question)
        if surface is None:
            raise NotAllowed(texts.MAY_NOT_WRITE)
        coming.check()
        asked = await self.engine.ask(question, surface)
        if asked is not None and coming.withdrawn:  # while it was being recorded
            asked.stop()
        return None if asked is None else composed.notes

    async def _find(self, answer: StoredAnswer) -> Surface | None:
        return await self._platform.surface(answer.question)

    # ------------------------------------------------------------ answers

    async def stop(self, place: Place, person: Person, *, everyone: bool = False) -> str:
        """Stop this person's answers here, in a channel those in the threads that its questions
        opened too. With `everyone`, or for an admin who has none of their own, all of them. Raises
        NothingToDo, NotAllowed."""
        withdrawn = self._coming.withdraw(place.key, author=person.key)
        try:
            stopped = await self._stop(place, person, everyone=everyone)
        except NothingToDo:
            if not withdrawn:
                raise
            stopped = 0
        return texts.stopped_text(stopped + withdrawn)

    async def _stop(self, place: Place, person: Person, *, everyone: bool) -> int:
        if not everyone:
            try:
                return await self.engine.stop(place.key, person)
            except NothingToDo:
                if not person.admin:
                    raise
        return await self.engine.stop(place.key, person, everyone=True)

    async def stop_shown(self, place: Place, person: Person, messages: Collection[str]) -> str:
        """Stop the answers that are being written into these messages of the place, as a button of
        the platform's own asks; without messages, those of the place that show nothing yet. Where
        there are none, as `stop`. Raises NothingToDo, NotAllowed."""
        unfinished = [
            answer
            for key in dict.fromkeys((place.key, replace(place.key, thread="")))
            for answer in await self._store.answers(conversation=key, unfinished=True)
            if answer.question.shown_at == place.key
        ]
        shown = [answer.id for answer in unfinished if set(answer.messages) & set(messages)]
        shown = shown or [answer.id for answer in unfinished if not answer.messages]
        if not shown:
            return await self.stop(place, person)
        for answer_id in shown:
            await self.engine.stop(place.key, person, answer_id=answer_id)
        return texts.stopped_text(len(shown))

    async def press(
        self, place: Place, person: Person, action: str, answer_id: int, tag: str = ""
    ) -> str:
        """Do what a button below an answer says. It acts on answers of its own place only, and of
        its own database, which `tag` names ("" for buttons of 0.1.0). Raises Refusal where the
        person may not, or it is too late."""
        if tag not in ("", self._store.tag):
            raise NothingToDo(texts.NO_SUCH_ANSWER)
        match action:
            case Action.STOP:
                await self.engine.stop(place.key, person, answer_id=answer_id)
            case Action.REGENERATE:
                await self.engine.regenerate(place.key, person, self._find, answer_id=answer_id)
            case Action.CONTINUE:
                await self.engine.continue_(place.key, person, self._find, answer_id=answer_id)
            case Action.UP | Action.DOWN:
                verdict = 1 if action == Action.UP else -1
                await self.engine.rate(place.key, person, answer_id, verdict)
                return texts.THANKS
            case Action.THINKING:
                return await self._thought(place, answer_id)
            case _:
                raise NothingToDo(texts.UNKNOWN_BUTTON)
        return ""

    async def _thought(self, place: Place, answer_id: int) -> str:
        """What the model thought before an answer of this place, for whoever sees the answer.
        Raises NothingToDo where there is none, or thoughts are hidden."""
        thought = await self.engine.thought(place.key, answer_id)
        if not (self.rules.show_thoughts and thought):
            raise NothingToDo(texts.NO_THOUGHT)
        return thought

    # ------------------------------------------------------------ the conversation

    async def reset(self, place: Place, person: Person) -> str:
        """Restart the conversation; for admins. Raises NotAllowed."""
        count = await self.engine.reset(place.key, person)
        return texts.reset_text(count, self._platform.forget_command)

    async def system_prompt(self, place: Place, person: Person) -> str | None:
        """The system prompt that was set here, None for the configuration's; for admins. Raises
        NotAllowed."""
        _check_may_see_prompt(person)
        return (await self.engine.settings(place.key)).system_prompt

    async def set_system_prompt(self, place: Place, person: Person, text: str) -> str:
        """Set it; "" returns it to the configuration's. For admins. Raises Refusal."""
        _check_may_see_prompt(person)
        changed = with_system_prompt(await self.engine.settings(place.key), text)
        await self._change(place, person, changed)
        return texts.system_prompt_set_text(changed.system_prompt)

    async def settings(self, place: Place, person: Person, changes: Mapping[str, str]) -> str:
        """The settings of the conversation, with what was typed (`settings.NAMES`) changed; changes
        are for admins. Raises Refusal."""
        settings = await self.engine.settings(place.key)
        if changes:
            if unknown := set(changes) - set(NAMES):
                raise NotUnderstood(
                    f"There is no setting {', '.join(sorted(unknown))}; the settings are "
                    "temperature, length, names and reasoning."
                )
            settings = with_changes(settings, **changes)
            await self._change(place, person, settings)
        return texts.settings_text(settings, self.models)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that can be chosen, as people type them; () where there is only one."""
        return model_choice.choices(self.engine.status)

    async def model(self, place: Place, person: Person, name: str) -> str:
        """Which models there are, or with a `name` the choice of one for this conversation; the
        choice is for admins. Raises Refusal."""
        settings = await self.engine.settings(place.key)
        if not name.strip():
            effective = await settings_in(self._store, place.key)
            return model_choice.models_text(effective, self.engine.status)
        if not person.admin:
            raise NotAllowed(texts.MODEL_FOR_ADMINS)
        channel = replace(place.key, thread="")
        above = (await self.engine.settings(channel)).model if place.key.thread else None
        chosen = model_choice.with_model(settings, name, self.engine.status, above=above)
        await self._change(place, person, chosen)
        return model_choice.chosen_text(chosen)

    async def mute(self, place: Place, person: Person, *, muted: bool) -> str:
        """Answer only admins here, or everybody again; for admins. Raises NotAllowed."""
        settings = await self.engine.settings(place.key)
        await self._change(place, person, replace(settings, muted=muted))
        return texts.muted_text(muted=muted)

    async def _change(self, place: Place, person: Person, settings: ConversationSettings) -> None:
        await self.engine.change_settings(place.key, person, settings)

    # ------------------------------------------------------------ about Parley

    async def forget(self, person: Person) -> str:
        """Delete all that this person ever asked, with the answers, for good."""
        return texts.forgotten_text(await self.engine.forget(person))

    async def export(self, person: Person) -> str:
        """Send this person all that is stored of them, in a direct message. Raises as
        `Exports.send`."""
        return await self._exports.send(person)

    async def summarize(
        self, place: Place, person: Person, since: Since, private: Private | None = None
    ) -> str:
        """Sum up what was said here for this person alone; see `PrivateSummaries.begin`."""
        return await self._summaries.begin(place, person, since, private)

    async def summarize_typed(
        self, place: Place, person: Person, text: str, private: Private | None = None
    ) -> str:
        """The same since what somebody typed: a time, a link to a message, or ""."""
        transcripts = self._platform.transcripts
        linked = transcripts.linked(place, text) if transcripts and text else ""
        return await self.summarize(place, person, parse_since(text, linked=linked), private)

    async def resume_summaries(self, platform: str, *, resume: bool) -> None:
        """Once, before the first event; see `PrivateSummaries.resume`."""
        await self._summaries.resume(platform, resume=resume)

    def status(self) -> str:
        """Which model answers, where it runs, and how busy it is."""
        return texts.status_text(self.engine.status)

    async def stats(self, place: Place, person: Person) -> str:
        """What was answered here in the last days, in a channel with its threads; for admins.
        Raises NotAllowed and StorageError."""
        if not person.admin:
            raise NotAllowed(texts.STATS_FOR_ADMINS)
        since = datetime.now(UTC).date() - timedelta(days=texts.STATS_DAYS - 1)
        days = await self._store.use(By.DAY, since, within=place.key, limit=texts.STATS_DAYS)
        people = await self._store.use(By.PERSON, since, within=place.key, limit=texts.STATS_PEOPLE)
        return texts.stats_text(days, people)

    async def about(self, place: Place, member: Member) -> str:
        """What Parley is, whether this person may ask, what they may do, and what is left of their
        quota, for a page that only they see. `place`: their direct message. Raises StorageError."""
        may = self.rules.access.person(member.id, member.roles)
        if not may:
            return texts.about_text(self.engine.status, may=False)
        profile = await member.profile()
        admin = profile.admin or self.rules.access.named_admin(member.id, member.roles)
        person = Person(place.key.platform, member.key or member.id, profile.name, admin=admin)
        spent = await self._store.spent(person)
        return texts.about_text(
            self.engine.status,
            may=True,
            admin=admin,
            direct=self.rules.direct_messages,
            left=texts.quota_left_text(self.engine.quota, spent),
        )

    def privacy(self) -> str:
        """What is stored, where, for how long, and what a person can do about it."""
        return texts.privacy_text(
            self.rules.retention_days,
            self._platform.reset_command,
            self._platform.forget_command,
            export=self._platform.export_command,
            catches_up=bool(self.rules.catch_up_days and self.rules.catch_up_minutes),
            summarizes=self.rules.summaries,
            channel_context=self.rules.channel_context,
        )


def _control_word(place: Place, text: str) -> ControlWord | None:
    """The command that a message is. "summarize" is one in channels only: in a thread, and in a
    direct message, it is a question about what is said there."""
    word = control_word(text)
    if word is ControlWord.SUMMARIZE and (place.direct or place.key.thread):
        return None
    return word


def _author(place: Place, member: Member) -> str:
    """`Person.key` of a member, before their rights are looked up."""
    return f"{place.key.platform}:{member.key or member.id}"


def _check_may_see_prompt(person: Person) -> None:
    if not person.admin:
        raise NotAllowed(texts.ADMINS_ONLY)
