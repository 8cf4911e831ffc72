"""What the configuration says to the desk of a platform."""

from dataclasses import dataclass, field

from adapters.common.access import Access
from bot.config import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says to the desk."""

    access: Access = field(default_factory=Access)
    direct_messages: bool = True
    thread_per_question: bool = False
    attachment_characters: int = 12_000
    retention_days: int = 0
    catch_up_days: int = 7
    """Missed questions are looked for where something was asked within so many days; 0: never."""
    catch_up_minutes: int = 15
    """And are answered where they are no older than this; 0: never."""
    show_thoughts: bool = False
    """People may read what the model thought."""
    summaries: bool = True
    """People may have summed up what was said."""

    @classmethod
    def of(cls, settings: Settings, access: Access, *, direct_messages: bool = True) -> "Rules":
        """From the configuration; `access` and `direct_messages` are the platform's section's."""
        return cls(
            access,
            direct_messages,
            thread_per_question=settings.conversation.scope == "thread",
            attachment_characters=settings.limits.attachment_characters,
            retention_days=settings.storage.retention_days,
            catch_up_days=settings.delivery.catch_up_days,
            catch_up_minutes=settings.delivery.catch_up_minutes,
            show_thoughts=settings.conversation.thinking == "fold",
            summaries=settings.conversation.summaries,
        )
