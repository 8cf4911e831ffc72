"""The boundary around what one event does, and the order of what happens. What the operations do is
in tests/scenarios, on every platform."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from adapters.common.access import Access, AllowBlock
from adapters.common.attachments import Attachment
from adapters.common.desk import Desk
from adapters.common.place import Member, Place, Profile
from adapters.common.platform import Heard
from adapters.common.question import Message, Quoted
from adapters.common.rules import Rules
from adapters.common.since import Since
from adapters.common.texts import DEFECT, NO_DIRECT_MESSAGES, NOT_HERE, NOT_YOU, NOTHING_ASKED
from bot.errors import NotAllowed, NothingToDo, Refusal, ShuttingDown, StorageError
from bot.messages import ConversationKey, Person, Question
from bot.ports import Surface
from storage.in_memory import MemoryStore
from tests.until import until

CHANNEL = Place(ConversationKey("discord", "c1", workspace="g1"), ("c1",))
THREAD = CHANNEL.thread("t1")
MENTIONED = {"mentioned": True}
DIRECT = Place(ConversationKey("discord", "d1"), ("d1",), direct=True)


def heard(event_id: str = "1", **facts: Any) -> Heard:
    return Heard(event_id, event_id, **({"mentioned": False} | facts))


class RecordingEngine:
    """Takes questions and holds them until the test lets go."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.deleted: list[tuple[ConversationKey, str]] = []
        self.refusal: Refusal | None = None

    async def check(self, question: Question) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def ask(self, question: Question, surface: Surface) -> object:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(question)
        return self

    async def stop(self, *_: object, **__: object) -> int:
        raise NothingToDo("Nothing is being answered here that could be stopped.")

    async def question_edited(self, *_: object) -> bool:
        return False

    async def question_deleted(
        self, conversation: ConversationKey, message_id: str, find: object
    ) -> bool:
        self.deleted.append((conversation, message_id))
        return False


class Anywhere:
    """A platform that shows answers everywhere and has no threads."""

    reset_command = "`/reset`"
    forget_command = "`/forget me`"
    export_command = "`/export me`"
    transcripts = None

    def __init__(self) -> None:
        self.threads: list[str] = []

    async def surface(self, question: Question) -> Any:
        return object()

    async def open_thread(self, place: Place, message: Message) -> Place:
        self.threads.append(message.message_id)
        return place.thread(message.message_id)

    async def command(self, place: Place, person: Person, text: str) -> str | None:
        return None

    async def direct(self, person: Person) -> None:
        return None


def a_desk(rules: Rules | None = None, store: Any = None) -> tuple[Desk, RecordingEngine]:
    engine: Any = RecordingEngine()
    return Desk(engine, store or MemoryStore(), Anywhere(), rules or Rules()), engine


def a_member(member_id: str = "7", *, admin: bool = False, roles: tuple[str, ...] = ()) -> Member:
    async def profile() -> Profile:
        return Profile("Ana", admin)

    return Member(member_id, profile, frozenset(roles))


class Said:
    """A message that somebody posts, and what they are told."""

    def __init__(self, text: str, event_id: str = "1", quoted: Quoted | None = None) -> None:
        self.message = Message(event_id, event_id, text, quoted=quoted)
        self.told: list[str] = []
        self.readable = asyncio.Event()
        self.readable.set()

    async def read(self) -> Message:
        await self.readable.wait()
        return self.message

    async def reply(self, text: str, /, *, answered: bool = False) -> None:
        del answered
        self.told.append(text)

    async def post(self, desk: Desk, place: Place, **facts: Any) -> None:
        how = heard(self.message.event_id, typed=self.message.text, **(facts or MENTIONED))
        await desk.receive(place, a_member(), self.read, how, self.reply)

    async def edit(self, desk: Desk, place: Place, **facts: Any) -> None:
        how = heard(self.message.event_id, typed=self.message.text, **(facts or MENTIONED))
        await desk.edited(place, a_member(), self.read, how, self.reply)


# ---------------------------------------------------------------- the boundary


@pytest.mark.parametrize(
    ("error", "told", "logged"),
    [
        (NothingToDo("Nothing is there."), "Nothing is there.", ""),
        (StorageError("the disk is full"), StorageError("").user_text, "the disk is full"),
        (KeyError("x"), DEFECT, "a defect of Parley"),
    ],
)
async def test_what_goes_wrong_becomes_a_text_for_the_person(
    error: Exception, told: str, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> str:
        raise error

    desk, _ = a_desk()
    with caplog.at_level(logging.WARNING):
        assert await desk.explained(CHANNEL.key, fails()) == told
    assert logged in caplog.text
    assert bool(caplog.records) is bool(logged)


async def test_a_message_that_cannot_be_read_ends_alone() -> None:
    desk, engine = a_desk()
    said = Said("")

    async def broken() -> Message:
        raise KeyError("text")

    await desk.receive(CHANNEL, a_member(), broken, heard(mentioned=True), said.reply)
    assert said.told == [DEFECT]
    await Said("Hello", "2").post(desk, CHANNEL)
    assert [question.text for question in engine.asked] == ["Hello"]


# ---------------------------------------------------------------- who and where


@pytest.mark.parametrize(
    ("rules", "place", "why"),
    [
        (Rules(Access(channels=AllowBlock(blocked=frozenset(["c1"])))), CHANNEL, NOT_HERE),
        (Rules(Access(workspaces=AllowBlock(allowed=frozenset(["g2"])))), CHANNEL, NOT_HERE),
        (Rules(Access(people=AllowBlock(blocked=frozenset(["7"])))), CHANNEL, NOT_YOU),
        (Rules(direct_messages=False), DIRECT, NO_DIRECT_MESSAGES),
    ],
)
async def test_who_may_not_ask_is_told_why(rules: Rules, place: Place, why: str) -> None:
    desk, _ = a_desk(rules)
    with pytest.raises(NotAllowed) as refused:
        await desk.person(place, a_member())
    assert refused.value.user_text == why


@pytest.mark.parametrize(
    ("place", "member", "admin"),
    [
        (CHANNEL, a_member(), False),
        (CHANNEL, a_member(admin=True), True),
        (CHANNEL, a_member(roles=("30",)), True),
        (CHANNEL, a_member(roles=("31",)), False),
        (DIRECT, a_member(), True),
    ],
)
async def test_admins_are_made_by_the_platform_the_configuration_and_direct_messages(
    place: Place, member: Member, admin: bool
) -> None:
    desk, _ = a_desk(Rules(Access(admin_roles=frozenset(["30"]))))
    assert (await desk.person(place, member)).admin is admin


# ---------------------------------------------------------------- messages


async def test_the_same_event_is_handled_once() -> None:
    desk, engine = a_desk()
    for _ in range(3):
        await Said("Hello").post(desk, CHANNEL)
    assert len(engine.asked) == 1


async def test_one_persons_questions_keep_their_order_and_nobody_else_waits() -> None:
    desk, engine = a_desk()
    slow, quick, other = Said("slow", "1"), Said("quick", "2"), Said("other", "3")
    slow.readable.clear()
    async with asyncio.TaskGroup() as tasks:
        for said in (slow, quick):
            tasks.create_task(said.post(desk, CHANNEL))
        how = heard("3", mentioned=True)
        tasks.create_task(desk.receive(CHANNEL, a_member("8"), other.read, how, other.reply))
        await until(lambda: engine.asked)
        assert [question.text for question in engine.asked] == ["other"]
        slow.readable.set()
    assert [question.text for question in engine.asked] == ["other", "slow", "quick"]


async def test_stop_withdraws_a_question_whose_files_are_still_fetched() -> None:
    desk, engine = a_desk()
    never = asyncio.Event()

    async def read(most: int) -> bytes:
        await never.wait()
        return b""

    slow, stop = Said("Sum this up", "1"), Said("stop", "2")
    file = Attachment("long.txt", "text/plain", 10, read)
    slow.message = replace(slow.message, files=[file])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(slow.post(desk, CHANNEL))
        await asyncio.sleep(0)
        await stop.post(desk, CHANNEL)
    assert stop.told == ["Stopped."]
    assert (engine.asked, slow.told) == ([], [])


async def test_a_question_that_is_deleted_while_it_is_read_is_not_asked() -> None:
    desk, engine = a_desk()
    said = Said("Hello")
    said.readable.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(said.post(desk, CHANNEL))
        await asyncio.sleep(0)
        await desk.deleted(CHANNEL, ["1"])
        said.readable.set()
    assert (engine.asked, said.told) == ([], [])


async def test_an_edit_asks_what_was_no_question_before() -> None:
    desk, engine = a_desk()
    bare = Said("")
    await bare.post(desk, CHANNEL)
    assert bare.told == [NOTHING_ASKED]
    bare.message = replace(bare.message, text="What is pi?")
    await bare.edit(desk, CHANNEL)
    forgot = Said("And e?", "2")
    await forgot.post(desk, CHANNEL, mentioned=False)
    await forgot.edit(desk, CHANNEL)
    assert [question.text for question in engine.asked] == ["What is pi?", "And e?"]


async def test_what_comes_during_the_shutdown_is_left_to_the_next_run() -> None:
    desk, engine = a_desk()
    engine.refusal = ShuttingDown("about to end")
    said = Said("Hello")
    await said.post(desk, CHANNEL)
    assert said.told == []


@pytest.mark.parametrize(
    ("place", "heard", "answered"),
    [
        (CHANNEL, {"mentioned": False}, False),
        (CHANNEL, {"mentioned": True}, True),
        (DIRECT, {"mentioned": False}, True),
        (THREAD, {"mentioned": False, "own_thread": True}, True),
        (THREAD, {"mentioned": False, "own_thread": False}, False),
        (THREAD, {"mentioned": False, "own_thread": True, "to_others": True}, False),
        (THREAD, {"mentioned": True, "to_others": True}, True),
        (THREAD, {"mentioned": False}, False),
    ],
)
async def test_which_messages_are_meant_for_the_bot(
    place: Place, heard: dict[str, bool], answered: bool
) -> None:
    desk, engine = a_desk()
    await Said("Hello").post(desk, place, **heard)
    assert bool(engine.asked) is answered


async def test_a_quoted_message_stands_above_the_question() -> None:
    desk, engine = a_desk()
    await Said("Is that so?", quoted=Quoted("Ben", "Pi is 3.")).post(desk, CHANNEL)
    assert engine.asked[0].text == "Ben wrote:\nPi is 3.\n\nIs that so?"


async def test_a_bare_mention_is_told_to_ask_something() -> None:
    desk, engine = a_desk()
    said = Said("  ")
    await said.post(desk, CHANNEL)
    assert said.told == [NOTHING_ASKED]
    assert not engine.asked


async def test_with_a_thread_for_each_question_only_channels_get_threads() -> None:
    desk, engine = a_desk(Rules(thread_per_question=True))
    for number, place in enumerate((CHANNEL, THREAD, DIRECT)):
        await Said("Hello", str(number)).post(desk, place)
    threads = [question.conversation.thread for question in engine.asked]
    assert threads == ["0", "t1", ""]


async def test_a_question_that_is_refused_opens_no_thread() -> None:
    engine: Any = RecordingEngine()
    engine.refusal = NotAllowed("I am muted here.")
    platform = Anywhere()
    desk = Desk(engine, MemoryStore(), platform, Rules(thread_per_question=True))
    said = Said("Hello")
    await said.post(desk, CHANNEL)
    assert said.told == ["I am muted here."]
    assert platform.threads == []
    engine.refusal = None
    await Said("Hello again", "2").post(desk, CHANNEL)
    assert platform.threads == ["2"]


async def test_a_question_edited_down_to_nothing_is_deleted_where_it_may_have_been_asked() -> None:
    desk, engine = a_desk()
    said = Said("")
    await said.edit(desk, CHANNEL)
    assert engine.deleted == [(CHANNEL.key, "1"), (CHANNEL.thread("1").key, "1")]
    assert said.told == []


@pytest.mark.parametrize("action", ["stop", "regenerate", "continue", "up", "down"])
async def test_a_button_of_another_database_reaches_nothing(action: str) -> None:
    store = MemoryStore()
    desk, _ = a_desk(store=store)
    person = await desk.person(CHANNEL, a_member())
    with pytest.raises(NothingToDo, match="no such answer"):
        await desk.press(CHANNEL, person, action, 1, "0badcafe")


async def test_summaries_are_refused_where_the_operator_switched_them_off() -> None:
    desk, _ = a_desk(Rules(summaries=False))
    person = Person("discord", "7", "Ana")
    with pytest.raises(NotAllowed, match="Summaries are switched off here"):
        await desk.summarize(CHANNEL, person, Since())
