"""Threads take the settings of their channel, except for their own."""

from bot.engine.settings import settings_in
from bot.messages import ConversationKey
from bot.ports import ConversationSettings
from storage.in_memory import MemoryStore

CHANNEL = ConversationKey("test", "general", workspace="guild")
THREAD = ConversationKey("test", "general", "thread", "guild")


async def test_a_thread_has_its_channels_settings_where_it_has_none_of_its_own() -> None:
    store = MemoryStore()
    await store.change_settings(CHANNEL, ConversationSettings("Be kind.", 0.5, 100, False))
    await store.change_settings(THREAD, ConversationSettings("Be brief.", show_names=True))
    assert await settings_in(store, THREAD) == ConversationSettings("Be brief.", 0.5, 100, True)


async def test_a_setting_of_zero_is_one() -> None:
    store = MemoryStore()
    await store.change_settings(CHANNEL, ConversationSettings(temperature=1.0))
    await store.change_settings(THREAD, ConversationSettings(temperature=0.0))
    assert (await settings_in(store, THREAD)).temperature == 0.0


async def test_a_muted_channel_is_muted_in_its_threads() -> None:
    store = MemoryStore()
    await store.change_settings(CHANNEL, ConversationSettings(muted=True))
    assert (await settings_in(store, THREAD)).muted


async def test_a_threads_settings_say_nothing_of_its_channel() -> None:
    store = MemoryStore()
    await store.change_settings(THREAD, ConversationSettings("Be brief.", muted=True))
    assert await settings_in(store, CHANNEL) == ConversationSettings()
