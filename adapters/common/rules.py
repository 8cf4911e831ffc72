"""What the configuration says to the desk of a platform."""

from dataclasses import dataclass, field

from adapters.common.access import Access
from adapters.common.place import Place
from bot.config import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says to the desk."""

    access: Access = field(default_factory=Access)
    direct_messages: bool = True
    thread_per_question: bool = False
    attachment_characters: int = 12_000
    question_characters: int = 20_000
    answer_all: frozenset[str] = frozenset()
    """The ids of channels, or of what they belong to, in which every message is a question."""
    ignore_prefix: str = ""
    """What begins with it there is left alone; "": nothing."""
    retention_days: int = 0
    catch_up_days: int = 7
    """Missed questions are looked for where something was asked within so many days; 0: never."""
    catch_up_minutes: int = 15
    """And are answered where they are no older than this; 0: never."""
    channel_context: int = 0
    """How many messages before a question in a channel are read."""
    show_thoughts: bool = False
    """People may read what the model thought."""
    summaries: bool = True
    """People may have summed up what was said."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        access: Access,
        *,
        direct_messages: bool = True,
        answer_all: frozenset[str] = frozenset(),
    ) -> "Rules":
        """From the configuration; `access` and what follows are the platform's section's."""
        return cls(
            access,
            direct_messages,
            thread_per_question=settings.conversation.scope == "thread",
            attachment_characters=settings.limits.attachment_characters,
            question_characters=settings.limits.question_characters,
            answer_all=answer_all,
            ignore_prefix=settings.conversation.ignore_prefix,
            retention_days=settings.storage.retention_days,
            catch_up_days=settings.delivery.catch_up_days,
            catch_up_minutes=settings.delivery.catch_up_minutes,
            channel_context=settings.conversation.channel_context,
            show_thoughts=settings.conversation.thinking == "fold",
            summaries=settings.conversation.summaries,
        )

    def answers_all_in(self, place: Place) -> bool:
        """Whether every message in a place is a question. A thread belongs to its channel."""
        return not place.direct and bool(self.answer_all.intersection(place.ids))

    def leaves_alone(self, typed: str) -> bool:
        """Whether a message begins with the operator's sign for what is not meant for the bot."""
        return bool(self.ignore_prefix) and typed.lstrip().startswith(self.ignore_prefix)
