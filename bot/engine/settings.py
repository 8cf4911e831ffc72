"""The effective settings of a conversation: a thread's own override its channel's."""

from dataclasses import replace
from typing import TypeVar

from bot.messages import ConversationKey
from bot.ports import ConversationSettings, SettingsStore

T = TypeVar("T")


async def settings_in(store: SettingsStore, conversation: ConversationKey) -> ConversationSettings:
    """The effective settings. What a thread does not set is inherited from its channel, and a muted
    channel is muted in all of its threads. Raises StorageError."""
    own = await store.settings(conversation)
    if not conversation.thread:
        return own
    channel = await store.settings(replace(conversation, thread=""))
    return ConversationSettings(
        system_prompt=_first(own.system_prompt, channel.system_prompt),
        temperature=_first(own.temperature, channel.temperature),
        max_new_tokens=_first(own.max_new_tokens, channel.max_new_tokens),
        show_names=_first(own.show_names, channel.show_names),
        muted=own.muted or channel.muted,
        reasoning=_first(own.reasoning, channel.reasoning),
        model=_first(own.model, channel.model),
    )


def _first(own: T | None, channel: T | None) -> T | None:
    return channel if own is None else own
