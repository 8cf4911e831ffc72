"""One text is made of a question and what it points at, within its limits."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.common import composing
from adapters.common.attachments import Attachment, Composed
from adapters.common.composing import MOST_POINTED, Composer
from adapters.common.pointed import (
    NOT_FETCHED,
    UNREADABLE,
    Earlier,
    Pointed,
    Quoted,
    embed_text,
    forward_text,
    poll_text,
)
from adapters.common.question import Message
from adapters.common.texts import NOTHING_ASKED
from bot.errors import NothingToDo, SurfaceError
from tests.adapters.common.test_attachments import a_file


@dataclass(frozen=True, slots=True)
class Database:
    """What is known of every message; `asked` names those that were questions."""

    asked_in: frozenset[str] = frozenset()
    newest: bool = False
    stored: str = ""
    above: str | None = None
    new: bool = False

    async def asked(self, message_id: str, /) -> bool:
        return message_id in self.asked_in

    async def text(self, _message_id: str, /) -> str:
        return self.stored

    async def pointed(self, _message_id: str, /) -> str | None:
        return self.above

    async def new_thread(self) -> bool:
        return self.new

    async def shows_newest(self, _message_id: str, /) -> bool:
        return self.newest


UNKNOWN = Database()


async def composed(message: Message, files: int = 1000, in_all: int = 20_000) -> Composed:
    return await Composer(files, in_all).compose(message, UNKNOWN)


def asking(text: str, quoted: Quoted | None = None, files: Sequence[Attachment] = ()) -> Message:
    return Message("1", "1", text, files, quoted)


# ---------------------------------------------------------------- order and limits


async def test_what_is_pointed_at_stands_above_the_question_and_own_files_below() -> None:
    quoted = Quoted("Ben", "Look.", [a_file("a.txt", b"A")])
    carried = Pointed("Embed:\nx\n(end of the embed)")
    message = Message("1", "1", "Why?", [a_file("b.txt", b"B")], quoted, carried=carried)
    made = await composed(message)
    assert made.text == (
        "Ben wrote:\nLook.\n\nEmbed:\nx\n(end of the embed)\n\n"
        "File a.txt:\nA\n(end of a.txt)\n\nWhy?\n\nFile b.txt:\nB\n(end of b.txt)"
    )
    assert made.notes == ()


async def test_own_files_come_first_where_not_all_can_be_read() -> None:
    theirs = Quoted("Ben", "", [a_file("a.txt", b"A" * 80)])
    made = await composed(asking("Why?", theirs, [a_file("b.txt", b"B" * 80)]), files=100)
    assert "B" * 80 in made.text
    assert "A" * 20 in made.text
    assert "A" * 21 not in made.text
    assert made.notes == ("a.txt is long: I read its first 20 characters.",)


async def test_a_long_message_is_cut_with_a_note_and_leaves_room_for_the_question() -> None:
    made = await composed(asking("Why?", Quoted("Ben", "x" * 9000)))
    assert made.text.endswith("x\n(cut here)\n\nWhy?")
    assert len(made.text) == MOST_POINTED + len("\n\nWhy?")
    assert made.notes == ("What you point at is long: I read its first 6,000 characters.",)
    made = await composed(asking("y" * 500, Quoted("Ben", "x" * 9000)), in_all=700)
    assert len(made.text) <= 700
    assert made.text.endswith("y" * 500)


async def test_a_question_that_leaves_no_room_is_asked_without_what_it_points_at() -> None:
    made = await composed(asking("y" * 100, Quoted("Ben", "x")), in_all=100)
    assert made.text == "y" * 100
    assert made.notes == ("What you point at was left out: the question is too long for it.",)


@given(
    typed=st.text(max_size=60),
    quoted=st.text(max_size=300),
    data=st.binary(max_size=300),
    most=st.integers(0, 300),
    in_all=st.integers(1, 800),
)
def test_what_is_pointed_at_never_makes_a_question_too_long(
    typed: str, quoted: str, data: bytes, most: int, in_all: int
) -> None:
    message = asking(typed, Quoted("Ben", quoted, [a_file("a.txt", data)]))
    try:
        made = asyncio.run(composed(message, most, in_all))
    except NothingToDo:
        assert not typed.strip()
        return
    assert made.text.endswith(typed.strip())
    assert len(made.text) <= max(in_all, len(typed.strip()))


# ---------------------------------------------------------------- what cannot be read


async def test_a_message_that_holds_nothing_readable_is_named() -> None:
    made = await composed(asking("Why?", Quoted("Ben", " ")))
    assert (made.text, made.notes) == ("Why?", (UNREADABLE,))
    with pytest.raises(NothingToDo, match="nothing that I can read"):
        await composed(asking("", Quoted("Ben", " ")))


async def test_a_platform_that_fails_or_does_not_answer_costs_a_note_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refused() -> Pointed:
        raise SurfaceError("no")

    async def silent() -> Pointed:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(composing, "LOOK_SECONDS", 0.01)
    for find in (refused, silent):
        made = await composed(Message("1", "1", "Why?", find=find))
        assert (made.text, made.notes) == ("Why?", (NOT_FETCHED,))


async def test_where_what_a_mention_refers_to_cannot_be_read_parley_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refused() -> Earlier:
        raise SurfaceError("no")

    async def silent() -> Earlier:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(composing, "LOOK_SECONDS", 0.01)
    for look in (refused, silent):
        with pytest.raises(NothingToDo) as nothing:
            await composed(Message("1", "1", "", look=look))
        assert nothing.value.user_text == NOTHING_ASKED


# ---------------------------------------------------------------- a mention alone


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        (Earlier(Message("2", "2", "One?")), "One?"),
        (Earlier(root=Message("3", "3", "", quoted=Quoted("Ben", "Two?"))), "Ben wrote:\nTwo?"),
        (Earlier(Message("2", "2", "One?"), Message("3", "3", "Root")), "One?"),
        (Earlier(Message("2", "2", "stop"), Message("3", "3", "Root")), NOTHING_ASKED),
        (Earlier(Message("2", "2", ""), Message("3", "3", "Root")), NOTHING_ASKED),
        (Earlier(Message("known", "known", "One?"), Message("3", "3", "Root")), NOTHING_ASKED),
        (Earlier(root=Message("known", "known", "Root")), NOTHING_ASKED),
        (Earlier(), NOTHING_ASKED),
    ],
)
async def test_what_a_mention_alone_means(found: Earlier, asked: str) -> None:
    async def look() -> Earlier:
        return found

    try:
        made = (
            await Composer(1000, 1000).compose(
                Message("1", "1", "", look=look), Database(frozenset({"known"}))
            )
        ).text
    except NothingToDo as nothing:
        made = nothing.user_text
    assert made == asked


@pytest.mark.parametrize(
    ("text", "known", "asked"),
    [
        ("Why?", Database(newest=True), "Why?"),
        ("Why?", Database(), "Parley wrote:\nPi is 3.\n\nWhy?"),
        ("", Database(newest=True), "Parley wrote:\nPi is 3."),
    ],
)
async def test_an_answer_that_is_replied_to_is_quoted_where_it_is_not_the_newest(
    text: str, known: Database, asked: str
) -> None:
    message = Message("1", "1", text, answer=("9", Quoted("Parley", "Pi is 3.")))
    assert (await Composer(1000, 1000).compose(message, known)).text == asked


# ---------------------------------------------------------------- below a file


@pytest.mark.parametrize(
    ("changes", "known", "asked"),
    [
        ({}, Database(new=True), "File a.md:\nBuy.\n(end of a.md)\n\nWhat is it?"),
        ({}, Database(), "What is it?"),
        (
            {"quoted": Quoted("Ben", "Look.")},
            Database(new=True),
            "Ben wrote:\nLook.\n\nWhat is it?",
        ),
    ],
)
async def test_the_first_question_below_a_file_is_about_it(
    changes: dict[str, Any], known: Database, asked: str
) -> None:
    files = [a_file("plan.png", b"x", "image/png"), a_file("a.md", b"Buy.")]

    async def root() -> Quoted | None:
        return Quoted("Ana", "Look at this.", files, ("A note about what is not asked.",))

    message = Message("1", "1", "What is it?", root=root, **changes)
    made = await Composer(1000, 1000).compose(message, known)
    assert (made.text, made.notes) == (asked, ())


async def test_a_thread_that_cannot_be_read_keeps_no_question_from_being_asked() -> None:
    async def root() -> Quoted | None:
        raise SurfaceError("not now")

    message = Message("1", "1", "What is it?", root=root)
    assert (await Composer(1000, 1000).compose(message, Database(new=True))).text == "What is it?"


# ---------------------------------------------------------------- edits


async def test_an_edit_keeps_what_was_pointed_at_where_that_is_known() -> None:
    gone = Message("1", "1", "How?", carried=Pointed(notes=("It is gone.",)))
    kept = await Composer(1000, 20_000).recompose(gone, Database(above="Ben wrote:\nLook."))
    assert (kept.text, kept.notes) == ("Ben wrote:\nLook.\n\nHow?", ())
    assert kept.pointed == "Ben wrote:\nLook."
    anew = await Composer(1000, 20_000).recompose(gone, UNKNOWN)
    assert (anew.text, anew.notes) == ("How?", ("It is gone.",))


@pytest.mark.parametrize(
    ("stored", "edited"),
    [
        ("One?", "One?\n\nBriefly."),
        ("One?\n\nIn short.", "One?\n\nBriefly."),
        ("One? Tell me.", "Briefly."),
        ("Two?", "Briefly."),
        ("", "Briefly."),
    ],
)
async def test_an_edit_keeps_what_a_mention_alone_meant_also_where_that_is_not_known(
    stored: str, edited: str
) -> None:
    async def look() -> Earlier:
        return Earlier(Message("2", "2", "One?"))

    message = Message("1", "1", "Briefly.", look=look)
    made = await Composer(1000, 1000).recompose(message, Database(stored=stored))
    assert made.text == edited


async def test_an_edit_quotes_no_answer_that_was_the_newest_when_the_question_was_asked() -> None:
    message = Message("1", "1", "Why?", answer=("9", Quoted("Parley", "Pi is 3.")))
    made = await Composer(1000, 1000).recompose(message, Database(above=""))
    assert made.text == "Why?"


# ---------------------------------------------------------------- texts


def test_cards_forwards_and_polls_are_marked_at_both_ends_and_nothing_is_left_of_empty_ones() -> (
    None
):
    assert embed_text(["", "Title", " ", "Body"]) == "Embed:\nTitle\nBody\n(end of the embed)"
    assert embed_text(["", " "]) == ""
    assert forward_text("Hello", "Ben") == (
        "Forwarded message of Ben:\nHello\n(end of the forwarded message)"
    )
    assert forward_text(" ") == ""
    assert poll_text("Lunch?", [("Pizza", 1), ("Salad", 0)], ended=True) == (
        "Poll: Lunch?\n- Pizza (1 vote)\n- Salad (0 votes)\n(the poll has ended)"
    )
    assert poll_text("Lunch?", [("Pizza", 0)], ended=False) == "Poll: Lunch?\n- Pizza"
