"""Catching up on any platform: bounds, order, coverage, and where it begins the next time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from adapters.common import catch_up
from adapters.common.catch_up import CatchUp, Found, Page
from adapters.common.desk import Desk
from adapters.common.place import Member, Place, Profile
from adapters.common.platform import Heard, Platform
from adapters.common.progress import Progress
from adapters.common.question import Message
from adapters.common.rules import Rules
from bot.engine import Engine
from bot.errors import ShuttingDown, StorageError, SurfaceBusy, SurfaceError
from bot.messages import ConversationKey, Person, Question
from bot.ports import Quota, RecentConversation
from storage.in_memory import MemoryStore
from tests.virtual_clock import VirtualClock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANA = Person("chat", "1", "Ana")
HERE = ConversationKey("chat", "c1", workspace="w")


def at(minutes: float) -> datetime:
    """A moment so many minutes before now."""
    return NOW - timedelta(minutes=minutes)


class Book:
    """A `History` of pages that a test wrote. Messages are named by their minutes before now."""

    platform = "chat"

    def __init__(self) -> None:
        self.pages: dict[ConversationKey, Page | Exception | None] = {}
        self.always: list[ConversationKey] = []
        self.read: list[ConversationKey] = []
        self.done: list[str] = []
        self.on_read: Callable[[], None] = lambda: None

    async def page(
        self, place: RecentConversation, _since: datetime, _known: datetime, /
    ) -> Page | None:
        self.read.append(place.conversation)
        self.on_read()
        found = self.pages.get(place.conversation)
        if isinstance(found, Exception):
            raise found
        return found

    def always_read(self, answer_all: frozenset[str]) -> list[RecentConversation]:
        return [RecentConversation(key, direct=False) for key in self.always]

    def posted_at(self, message_id: str) -> datetime | None:
        return at(float(message_id))

    def message(
        self,
        minutes: float,
        typed: str = "Why?",
        *,
        edited: float | None = None,
        person: bool = True,
    ) -> Found:
        name = f"{minutes:g}"
        heard = Heard(name, name, mentioned=True, typed=typed) if person else None
        return Found(
            name,
            at(minutes),
            None if edited is None else at(edited),
            Place(HERE),
            heard,
            self._noting(f"post {name}"),
            self._noting(f"edit {name}"),
        )

    def _noting(self, what: str) -> Callable[[], Awaitable[None]]:
        async def note() -> None:
            self.done.append(what)

        return note


class Deletions:
    """An engine that only knows which questions were deleted."""

    def __init__(self, book: Book) -> None:
        self._book = book

    async def question_deleted(self, _where: object, message_id: str, *_: object) -> bool:
        self._book.done.append(f"delete {message_id}")
        return True


def scene(
    store: MemoryStore, book: Book, rules: Rules | None = None, clock: VirtualClock | None = None
) -> tuple[CatchUp, Desk]:
    desk = Desk(cast("Engine", Deletions(book)), store, cast("Platform", None), rules or Rules())
    return CatchUp(desk, store, book, now=lambda: NOW, clock=clock or VirtualClock()), desk


async def caught_up(store: MemoryStore, book: Book, rules: Rules | None = None) -> list[str]:
    catching, _ = scene(store, book, rules)
    catching.begin()
    await catching.run()
    return book.done


async def asked(
    store: MemoryStore, *minutes: float, key: ConversationKey = HERE, direct: bool = False
) -> None:
    """Questions that the database knows."""
    for name in minutes:
        question = Question(key, ANA, "Why?", f"{key} {name:g}", f"{name:g}", direct)
        assert await store.accept(question, Quota())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(now=lambda: at(5))


@pytest.fixture
def book() -> Book:
    return Book()


def page(found: Sequence[Found], whole_from: float | None = 10_000) -> Page:
    return Page(found, None if whole_from is None else at(whole_from))


async def test_what_was_missed_is_handled_oldest_first_over_all_places(
    store: MemoryStore, book: Book
) -> None:
    there = ConversationKey("chat", "c2", workspace="w")
    await asked(store, 9)
    await asked(store, 9, key=there)
    await store.record_handled("chat", at(8))
    book.pages[HERE] = page([book.message(9), book.message(6), book.message(2)])
    book.pages[there] = page([book.message(9), book.message(7), book.message(3)])
    assert await caught_up(store, book) == ["post 7", "post 6", "post 3", "post 2"]


async def test_only_what_is_newer_than_the_last_moment_and_young_enough_is_asked(
    store: MemoryStore, book: Book
) -> None:
    await asked(store, 9)
    await store.record_handled("chat", at(7))
    book.pages[HERE] = page([book.message(minutes) for minutes in (9, 8, 6)])
    assert await caught_up(store, book) == ["post 6"]
    await store.record_handled("chat", at(100))
    book.done.clear()
    book.pages[HERE] = page([book.message(minutes) for minutes in (50, 16, 9, 14)])
    assert await caught_up(store, book) == ["post 14"]


async def test_a_message_edited_meanwhile_into_a_question_is_asked(
    store: MemoryStore, book: Book
) -> None:
    await asked(store, 9)
    await store.record_handled("chat", at(7))
    before = [book.message(20, edited=5), book.message(8, edited=7.5), book.message(7.5, edited=6)]
    book.pages[HERE] = page([*before, book.message(9, edited=4)])
    assert await caught_up(store, book) == ["edit 7.5", "edit 9"]


async def test_control_words_and_messages_of_bots_are_passed_over(
    store: MemoryStore, book: Book
) -> None:
    await asked(store, 14)
    messages = [book.message(3, "Stop!"), book.message(2, "/reset"), book.message(1, person=False)]
    book.pages[HERE] = page(messages)
    assert "post" not in " ".join(await caught_up(store, book))


async def test_a_known_question_is_deleted_only_where_the_page_covers_it(
    store: MemoryStore, book: Book
) -> None:
    await asked(store, 9, 8, 7, 6)
    book.pages[HERE] = Page([book.message(8)], at(8.5), at(6.5))
    assert await caught_up(store, book) == ["delete 7"]


@pytest.mark.parametrize("nothing", [page([]), page([], None), None])
async def test_an_empty_page_proves_nothing(
    store: MemoryStore, book: Book, nothing: Page | None
) -> None:
    await asked(store, 9)
    book.pages[HERE] = nothing
    assert await caught_up(store, book) == []


async def test_the_number_of_places_is_bounded_and_the_newest_come_first(
    store: MemoryStore, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "MOST_PLACES", 5)
    keys = [ConversationKey("chat", f"c{number}", workspace="w") for number in range(9)]
    for key in keys:
        await asked(store, 9, key=key)
    thread = ConversationKey("chat", "c8", "t1", "w")
    book.pages[keys[8]] = Page([book.message(9)], None, threads=[thread])
    await caught_up(store, book)
    assert book.read == keys[:3:-1]


async def test_a_thread_that_a_channel_shows_is_read_once(store: MemoryStore, book: Book) -> None:
    thread = ConversationKey("chat", "c1", "t1", "w")
    await asked(store, 9)
    book.pages[HERE] = Page([book.message(9)], None, threads=[thread, thread, HERE])
    await caught_up(store, book)
    assert book.read == [HERE, thread]


async def test_of_a_thread_that_a_question_opened_the_channel_is_read_too(
    store: MemoryStore, book: Book
) -> None:
    own = ConversationKey("chat", "c1", "9", "w")
    other = ConversationKey("chat", "c2", "77", "w")
    direct = ConversationKey("chat", "d1", "88", "w")
    await asked(store, 8, key=direct, direct=True)
    await asked(store, 8, key=other)
    await asked(store, 9, key=own)
    await caught_up(store, book)
    main = ConversationKey("chat", "d1", workspace="w")
    assert book.read == [HERE, own, other, main, direct]


@pytest.mark.parametrize("rules", [Rules(catch_up_days=0), Rules(catch_up_minutes=0)])
async def test_switched_off_it_reads_nothing_and_goes_on_recording(
    store: MemoryStore, book: Book, rules: Rules
) -> None:
    await asked(store, 9)
    catching, desk = scene(store, book, rules)
    catching.begin()
    await catching.run()
    assert book.read == []
    async with desk.progress.handling("chat", at(3)):
        pass
    assert await store.handled_to("chat") == at(3)


async def test_a_place_that_cannot_be_read_does_not_keep_the_others_from_being_read(
    store: MemoryStore, book: Book
) -> None:
    there = ConversationKey("chat", "c2", workspace="w")
    await asked(store, 9, key=there)
    await asked(store, 9)
    book.pages[HERE] = SurfaceError("forbidden")
    book.pages[there] = page([book.message(9), book.message(2)])
    assert await caught_up(store, book) == ["post 2"]


async def test_a_platform_that_fails_is_asked_again_until_it_answers(
    store: MemoryStore, book: Book
) -> None:
    await asked(store, 9)
    await store.record_handled("chat", at(8))
    catching, desk = scene(store, book)
    book.pages[HERE] = SurfaceBusy("down", retry_after=1.0)

    def comes_back() -> None:
        if len(book.read) == 3:
            book.pages[HERE] = page([book.message(9), book.message(5)])

    book.on_read = comes_back
    catching.begin()
    await catching.run()
    assert len(book.read) == 3
    assert book.done == ["post 5"]
    async with desk.progress.handling("chat", at(1)):
        pass
    assert await store.handled_to("chat") == at(1)


async def test_one_place_that_fails_keeps_no_other_one_waiting(
    store: MemoryStore, book: Book
) -> None:
    there = ConversationKey("chat", "c2", workspace="w")
    await asked(store, 9, key=there)
    await asked(store, 9)
    book.pages[HERE] = SurfaceBusy("down", retry_after=1.0)
    book.pages[there] = page([book.message(9), book.message(5)])
    assert (await caught_up(store, book))[:1] == ["post 5"]
    assert book.read[:2] == [HERE, there]


async def test_one_question_that_cannot_be_handled_yet_keeps_no_other_one_waiting(
    store: MemoryStore, book: Book
) -> None:
    await asked(store, 9)
    refused = [SurfaceBusy("down", retry_after=1.0)]

    async def post() -> None:
        if refused:
            raise refused.pop()
        book.done.append("post 5")

    first = replace(book.message(5), post=post)
    book.pages[HERE] = page([book.message(9), first, book.message(4)])
    assert (await caught_up(store, book))[:2] == ["post 4", "post 5"]


async def test_where_the_platform_fails_for_too_long_the_next_run_begins_at_the_same_moment(
    store: MemoryStore, book: Book
) -> None:
    await asked(store, 9)
    await store.record_handled("chat", at(8))
    clock = VirtualClock()
    catching, desk = scene(store, book, clock=clock)
    book.pages[HERE] = SurfaceBusy("down", retry_after=1.0)
    catching.begin()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(catching.run())
        await clock.sleep(60)
        async with desk.progress.handling("chat", at(1)):
            pass  # a live message, newer than the missed one
        catching.begin()  # and a further gap
    assert 10 < len(book.read) < 30  # for 15 minutes
    assert await store.handled_to("chat") == at(8)
    book.pages[HERE] = page([book.message(9), book.message(5)])
    catching.begin()
    await catching.run()
    assert book.done == ["post 5"]
    assert await store.handled_to("chat") == at(1)


async def test_a_defect_is_logged_and_ends_there(
    store: MemoryStore, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    await asked(store, 9)
    book.pages[HERE] = ZeroDivisionError()
    assert await caught_up(store, book) == []
    assert "catching up failed: a defect of Parley" in caplog.text


async def test_a_gap_during_a_run_is_looked_at_by_the_same_run(
    store: MemoryStore, book: Book
) -> None:
    await asked(store, 9)
    catching, desk = scene(store, book)
    book.pages[HERE] = page([book.message(9), book.message(5)])

    def lose_the_connection() -> None:
        book.on_read = lambda: None
        catching.begin()

    book.on_read = lose_the_connection
    catching.begin()
    async with desk.progress.handling("chat", at(6)):
        pass
    await catching.run()
    assert len(book.read) == 2
    assert await store.handled_to("chat") == at(6)


# ---------------------------------------------------------------- the mark


async def test_an_older_message_that_is_still_handled_holds_the_mark_below_it(
    store: MemoryStore,
) -> None:
    progress = Progress(store)
    await progress.resume("chat")
    async with progress.handling("chat", at(5)):
        async with progress.handling("chat", at(3)):
            pass
        mark = await store.handled_to("chat")
        assert mark is not None
        assert mark < at(5)
    assert await store.handled_to("chat") == at(3)


async def test_a_message_whose_handling_was_cut_off_does_not_count(store: MemoryStore) -> None:
    progress = Progress(store)
    await progress.resume("chat")
    with pytest.raises(asyncio.CancelledError):
        async with progress.handling("chat", at(5)):
            raise asyncio.CancelledError
    async with progress.handling("chat", at(3)):
        pass
    mark = await store.handled_to("chat")
    assert mark is not None
    assert mark < at(5)


class Closing:
    """An engine that is being left, and a platform that shows answers."""

    async def ask(self, *_: object) -> None:
        raise ShuttingDown("too late")

    async def command(self, *_: object) -> None:
        return None

    async def surface(self, *_: object) -> object:
        return self


async def test_a_question_that_came_during_shutdown_is_not_counted_as_handled(
    store: MemoryStore,
) -> None:
    async def read() -> Message:
        return Message("e", "m", "Why?")

    async def profile() -> Profile:
        return Profile("Ana")

    async def reply(text: str, /, *, answered: bool = False) -> None:
        del answered
        raise AssertionError(text)

    closing = Closing()
    desk = Desk(cast("Engine", closing), store, cast("Platform", closing), Rules())
    await desk.progress.resume("chat")
    heard = Heard("e", "m", mentioned=True, at=at(3))
    await desk.receive(Place(HERE), Member("1", profile), read, heard, reply)
    assert await store.handled_to("chat") is None


async def test_a_mark_that_cannot_be_saved_disturbs_nobody(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(store, "record_handled", failing)
    progress = Progress(store)
    await progress.resume("chat")
    async with progress.handling("chat", at(5)):
        pass
    assert "the disk is full" in caplog.text


# ---------------------------------------------------------------- channels without a mention


async def test_channels_without_a_mention_are_read_after_the_known_ones_and_once(
    store: MemoryStore, book: Book
) -> None:
    other = ConversationKey("chat", "c2", workspace="w")
    book.always = [HERE, other]
    await asked(store, 8)
    await store.record_handled("chat", at(9))
    await caught_up(store, book)
    assert book.read == [HERE, other]


async def test_before_anything_was_handled_they_are_not_read(
    store: MemoryStore, book: Book
) -> None:
    book.always = [HERE]
    await caught_up(store, book)
    assert book.read == []
