"""Whether a posted message is for the bot: by a mention, in a direct message, in a thread of the
bot's own, or where every message is a question."""

from dataclasses import replace

from adapters.common.place import Member, Place
from adapters.common.platform import Heard
from adapters.common.rules import Rules
from bot.ports import Store, StoredAnswer


class Addressing:
    """Decides it by the configuration and by what was answered in the place before."""

    def __init__(self, rules: Rules, store: Store) -> None:
        self._rules = rules
        self._store = store

    def may_concern(self, place: Place, heard: Heard) -> bool:
        """Whether a message can be meant for the bot; False spares all further work."""
        in_thread = bool(place.key.thread) and not heard.to_others and heard.own_thread is not False
        return place.direct or heard.mentioned or in_thread or self._without_mention(place, heard)

    def _without_mention(self, place: Place, heard: Heard) -> bool:
        """Whether it is a question for standing where every message is one."""
        if heard.hidden or not self._rules.answers_all_in(place):
            return False
        return not self._rules.leaves_alone(heard.typed)

    def left_alone(self, place: Place, heard: Heard) -> bool:
        """Whether its author keeps it from the bot where every message is a question."""
        if heard.mentioned or not self._rules.answers_all_in(place):
            return False
        return self._rules.leaves_alone(heard.typed)

    async def addressed(self, place: Place, member: Member, heard: Heard) -> bool:
        """Whether it is for the bot, for certain; may ask the database and the platform. Raises
        StorageError and SurfaceError."""
        if self.left_alone(place, heard):
            return False
        if place.direct or heard.mentioned or heard.own_thread:
            return True
        if self._without_mention(place, heard):
            return True
        if heard.alone is not None and (shown := await self._answered_in(place)):
            asker = shown.question.author.key
            return asker == author_key(place, member) and await heard.alone()
        return bool(await self._store.answers(conversation=place.key, limit=1))

    async def _answered_in(self, thread: Place) -> StoredAnswer | None:
        """The answer to a question of the channel that is shown in this thread below it."""
        channel = replace(thread.key, thread="")
        found = await self._store.find_question(channel, thread.key.thread)
        return found if found and found.question.shown_at == thread.key else None


def author_key(place: Place, member: Member) -> str:
    """`Person.key` of a member, before their rights are looked up."""
    return f"{place.key.platform}:{member.key or member.id}"
