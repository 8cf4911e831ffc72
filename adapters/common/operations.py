"""What commands and buttons do, on every platform alike.

Each operation checks the person's rights, has its effect through the engine, and returns a text for
the person. Refusals are exceptions (`bot.errors.Refusal`) whose text is for the person too.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.common import model_choice, texts
from adapters.common.buttons import Action
from adapters.common.coming import ComingQuestions
from adapters.common.export import Exports
from adapters.common.place import Member, Place
from adapters.common.platform import Platform
from adapters.common.rules import Rules
from adapters.common.settings import NAMES, with_changes, with_system_prompt
from adapters.common.since import Since, parse_since
from adapters.common.summaries import Private, PrivateSummaries
from bot.engine import Engine
from bot.engine.settings import settings_in
from bot.errors import NotAllowed, NothingToDo, NotUnderstood
from bot.measures import By
from bot.messages import Person
from bot.ports import ConversationSettings, Store, StoredAnswer, Surface


class Operations:
    """The operations of one platform, each for a person whose rights are known."""

    def __init__(self, engine: Engine, store: Store, platform: Platform, rules: Rules) -> None:
        self.engine = engine
        self.rules = rules
        self._store = store
        self._platform = platform
        self._coming = ComingQuestions()
        """Messages that may become questions; those are stopped like answers."""
        self._exports = Exports(store, platform)
        self._summaries = PrivateSummaries(engine, store, platform, on=rules.summaries)

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


def _check_may_see_prompt(person: Person) -> None:
    if not person.admin:
        raise NotAllowed(texts.ADMINS_ONLY)
