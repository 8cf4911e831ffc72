"""What threads hang on, in both stores."""

from dataclasses import replace

from bot.messages import ConversationKey, Usage
from bot.ports import AnswerState, Store, StoredAnswer
from tests.storage.samples import ANN, BOB, CHANNEL, NO_LIMIT, THREAD, SteppingClock, asked


async def exchange(
    store: Store, message: str, *shown: str, where: ConversationKey = CHANNEL
) -> StoredAnswer:
    """A question in this message, whose answer these messages show."""
    accepted = await asked(store, "Why?", where, message_id=message)
    for index, one in enumerate(shown):
        await store.shown(accepted.id, index, one)
    await store.close(accepted.id, AnswerState.DONE, "So.", Usage())
    return accepted


def on(message: str) -> ConversationKey:
    return replace(CHANNEL, thread=message)


async def test_a_thread_hangs_on_the_question_or_on_any_message_of_the_answer(
    store: Store,
) -> None:
    first = await exchange(store, "10", "11", "12")
    await exchange(store, "20", "21")
    for message in ("10", "11", "12"):
        found = await store.origin(on(message))
        assert found is not None
        assert found.exchange is not None
        assert (found.exchange.question_id, found.exchange.answer) == (first.question_id, "So.")
        assert not found.hidden


async def test_other_messages_channels_and_threads_are_no_origin(store: Store) -> None:
    await exchange(store, "10", "11")
    await exchange(store, THREAD.thread, "31", where=THREAD)
    assert await store.origin(on("99")) is None
    assert await store.origin(replace(on("11"), channel="101")) is None
    assert await store.origin(THREAD) is None  # its own question: that is in its history
    assert await store.origin(CHANNEL) is None


async def test_an_answer_that_was_regenerated_is_the_origin_with_its_new_text(store: Store) -> None:
    old = await exchange(store, "10", "11")
    new = await store.reopen(old.id, ANN, NO_LIMIT, anew=True)
    await store.close(new.id, AnswerState.DONE, "Better.", Usage())
    found = await store.origin(on("11"))
    assert found is not None
    assert found.exchange is not None
    assert (found.exchange.answer_id, found.exchange.answer) == (new.id, "Better.")


async def test_an_edit_and_a_deletion_of_the_origin_follow(store: Store) -> None:
    await exchange(store, "10", "11")
    await store.edit_question(CHANNEL, "10", "Why not?")
    found = await store.origin(on("11"))
    assert found is not None
    assert found.question.text == "Why not?"
    await store.delete_question(CHANNEL, "10")
    assert await store.origin(on("11")) is None


async def test_who_is_forgotten_is_no_origin(store: Store) -> None:
    await exchange(store, "10", "11")
    await store.forget(person=BOB.key)
    assert await store.origin(on("11")) is not None
    await store.forget(person=ANN.key)
    assert await store.origin(on("11")) is None


async def test_a_reset_of_the_channel_hides_what_its_threads_hang_on(store: Store) -> None:
    await exchange(store, "10", "11")
    await store.reset(CHANNEL)
    await exchange(store, "20", "21")
    hidden, seen = await store.origin(on("11")), await store.origin(on("21"))
    assert hidden is not None
    assert seen is not None
    assert (hidden.hidden, seen.hidden) == (True, False)


async def test_a_reset_of_a_thread_in_which_nothing_was_asked_hides_the_origin(
    store: Store,
) -> None:
    await exchange(store, "10", "11")
    assert await store.reset(on("11")) == 0
    found, other = await store.origin(on("11")), await store.origin(on("10"))
    assert found is not None
    assert other is not None
    assert (found.hidden, other.hidden) == (True, False)


async def test_the_last_reset_is_known(store: Store, clock: SteppingClock) -> None:
    assert await store.reset_at(CHANNEL) is None
    await store.reset(CHANNEL)
    first = await store.reset_at(CHANNEL)
    await store.reset(CHANNEL)
    second = await store.reset_at(CHANNEL)
    assert first is not None
    assert second is not None
    assert first < second <= clock.time
    assert await store.reset_at(THREAD) is None
    await store.forget(conversation=CHANNEL)
    assert await store.reset_at(CHANNEL) is None


async def test_a_reset_outlives_the_questions_before_it_until_its_time(
    store: Store, clock: SteppingClock
) -> None:
    await exchange(store, "10")
    await store.reset(CHANNEL)
    last = await store.reset_at(CHANNEL)
    assert last is not None
    await store.forget(person=ANN.key)
    await store.purge(last)
    assert await store.reset_at(CHANNEL) == last
    await store.purge(clock())
    assert await store.reset_at(CHANNEL) is None


async def test_a_conversation_that_was_only_reset_is_in_no_list(store: Store) -> None:
    await store.reset(CHANNEL)
    assert await store.conversations() == []
    assert await store.exchanges(CHANNEL) == []


async def test_questions_are_known_by_their_message_those_that_are_hidden_too(
    store: Store,
) -> None:
    await exchange(store, "10")
    await exchange(store, "20", where=THREAD)
    await exchange(store, "")
    await store.reset(CHANNEL)
    assert await store.known_messages(CHANNEL, ["10", "20", "30", ""], []) == {"10"}
    assert await store.known_messages(CHANNEL, [], []) == set()


async def test_events_are_known_for_a_week_though_their_question_was_deleted(
    store: Store, clock: SteppingClock
) -> None:
    await asked(store, "Why?", event_id="e1", message_id="10")
    await store.forget(person=ANN.key)
    assert await store.known_messages(THREAD, ["10"], ["e1", "e2"]) == {"e1"}
    assert await store.known_messages(replace(CHANNEL, platform="slack"), [], ["e1"]) == set()
    clock.forward(days=7.1)
    await asked(store)
    assert await store.known_messages(CHANNEL, [], ["e1"]) == set()


async def test_any_number_of_messages_may_be_asked_for(store: Store) -> None:
    await exchange(store, "10")
    many = [str(number) for number in range(2000)]
    assert await store.known_messages(CHANNEL, many, many) == {"10"}


async def test_a_question_whose_answer_has_not_ended_is_an_origin_without_an_exchange(
    store: Store,
) -> None:
    accepted = await asked(store, "Why?", message_id="10")
    await store.checkpoint(accepted.id, AnswerState.WRITING, "Half of")
    found = await store.origin(on("10"))
    assert found is not None
    assert (found.question.text, found.exchange, found.hidden) == ("Why?", None, False)
