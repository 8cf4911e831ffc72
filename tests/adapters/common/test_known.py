"""What is known of messages, in the places in which a question may be stored."""

from adapters.common.known import KnownIn
from adapters.common.place import Place
from bot.messages import ConversationKey, Person, Question
from bot.ports import Quota
from storage.in_memory import MemoryStore

CHANNEL = Place(ConversationKey("chat", "c1", workspace="w"))
ANA = Person("chat", "1", "Ana")


async def asked(store: MemoryStore, place: Place, message_id: str) -> None:
    question = Question(place.key, ANA, "Why?", f"{place.key} {message_id}", message_id)
    assert await store.accept(question, Quota())


async def test_a_question_is_known_in_its_channel_and_in_the_thread_that_it_opened() -> None:
    store = MemoryStore()
    await asked(store, CHANNEL, "m1")
    await asked(store, CHANNEL.thread("m2"), "m2")
    for message_id in ("m1", "m2"):
        assert await KnownIn(store, CHANNEL).asked(message_id)
        assert await KnownIn(store, CHANNEL).text(message_id) == "Why?"
    assert not await KnownIn(store, CHANNEL).asked("m3")
    assert await KnownIn(store, CHANNEL).text("m3") == ""


async def test_in_a_thread_the_question_that_it_hangs_on_is_known_and_others_are_not() -> None:
    store = MemoryStore()
    await asked(store, CHANNEL, "m1")
    await asked(store, CHANNEL, "m2")
    assert await KnownIn(store, CHANNEL.thread("m1")).asked("m1")
    assert not await KnownIn(store, CHANNEL.thread("m1")).asked("m2")


async def test_the_newest_answer_is_known_by_its_messages() -> None:
    store = MemoryStore()
    for number in ("1", "2"):
        await asked(store, CHANNEL, f"m{number}")
        (newest,) = await store.answers(conversation=CHANNEL.key, limit=1)
        await store.shown(newest.id, 0, f"a{number}")
    assert await KnownIn(store, CHANNEL).shows_newest("a2")
    assert not await KnownIn(store, CHANNEL).shows_newest("a1")
