import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.engine.packing import (
    KEPT_AFTER_CUT,
    Packed,
    Thinking,
    as_exchange,
    as_question,
    least_answer,
    pack,
)
from bot.errors import TooLong
from bot.messages import ConversationKey, Exchange, Person, Prompt, Question
from bot.ports import StoredExchange

PLACE = ConversationKey("test", "room")
PAGE = 4


def question(text: str, *, name: str = "Ada", direct: bool = False) -> Question:
    return Question(PLACE, Person("test", "1", name), text, event_id="e", direct=direct)


def stored(number: int, text: str, answer: str) -> StoredExchange:
    asked_at = datetime(2026, 1, 1, tzinfo=UTC)
    return StoredExchange(1000 - number, question(text), asked_at, number, answer, number)


def words(count: int) -> str:
    return " ".join(["w"] * count)


async def count(prompt: Prompt) -> int:
    """A model that counts words, and three tokens more for each exchange."""
    past = sum(3 + _words(each.question) + _words(each.answer) for each in prompt.history)
    return _words(prompt.system) + past + 3 + _words(prompt.question) + _words(prompt.answer)


def _words(text: str) -> int:
    return len(text.split())


class Pages:
    """A conversation's exchanges in pages, and how many of those were read."""

    def __init__(self, oldest_first: Sequence[StoredExchange], size: int = PAGE) -> None:
        self.read = 0
        self._newest_first = list(reversed(oldest_first))
        self._size = size

    async def __aiter__(self) -> AsyncIterator[list[StoredExchange]]:
        for start in range(0, len(self._newest_first), self._size):
            self.read += 1
            yield self._newest_first[start : start + self._size]


async def packed(
    past: Sequence[StoredExchange],
    asked: str = "why",
    *,
    system: str = "kind",
    window: int = 100,
    wanted: int = 20,
    keep_from: int | None = None,
    answer: str = "",
    begun: str | None = None,
    thought: str = "",
    thinking: Thinking | None = None,
) -> Packed:
    return await pack(
        system=system,
        question=asked,
        answer=answer,
        begun=answer if begun is None else begun,
        thought=thought,
        thinking=thinking,
        pages=Pages(past),
        count=count,
        window=window,
        wanted=wanted,
        keep_from=keep_from,
    )


# ---------------------------------------------------------------- what is kept

sizes = st.integers(0, 30)
conversations = st.lists(st.tuples(sizes, sizes), max_size=20).map(
    lambda turns: [stored(n, words(q), words(a)) for n, (q, a) in enumerate(turns, start=1)]
)


@given(
    past=conversations,
    asked=st.integers(0, 120),
    system=st.integers(0, 30),
    answer=st.integers(0, 30),
    window=st.integers(65, 400),
    wanted=st.integers(1, 400),
    keep_from=st.none() | st.integers(0, 25),
)
@example(
    past=[stored(1, "", "w")], asked=0, system=0, answer=0, window=65, wanted=59, keep_from=None
)
async def test_every_prompt_fits_with_its_answer_or_is_refused(
    past: list[StoredExchange],
    asked: int,
    system: int,
    answer: int,
    window: int,
    wanted: int,
    keep_from: int | None,
) -> None:
    alone = system + 3 + asked + answer
    least = least_answer(window, wanted)
    try:
        result = await packed(
            past,
            words(asked),
            system=words(system),
            answer=words(answer),
            window=window,
            wanted=wanted,
            keep_from=keep_from,
        )
    except TooLong:
        assert alone + least > window
        return
    assert alone + least <= window
    assert result.tokens == await count(result.prompt)
    assert result.tokens + result.max_new_tokens <= window
    assert least <= result.max_new_tokens <= wanted
    assert result.prompt.system == words(system)
    assert result.prompt.question == words(asked)
    assert result.prompt.answer == words(answer)
    # The history is the newest answered exchanges, without a gap.
    answered = [as_exchange(each, show_names=False) for each in past if each.answer]
    kept = list(result.prompt.history)
    assert kept == answered[len(answered) - len(kept) :]
    if result.prompt.history:
        ids = [each.position for each in past if each.answer]
        assert result.keep_from == ids[len(ids) - len(kept)]
        assert result.max_new_tokens >= min(wanted, window // 2)
    else:
        assert result.keep_from is None


@given(size=st.integers(1, 120))
async def test_the_newest_exchange_is_kept_where_it_fits(size: int) -> None:
    past = [stored(1, words(30), words(30)), stored(2, "a", words(size))]
    result = await packed(past, window=120, wanted=20)
    # The system prompt, the question and what their exchange costs take nine tokens of 100.
    assert len(result.prompt.history) == (0 if size > 91 else 2 if size < 29 else 1)


async def test_all_is_kept_while_it_fits() -> None:
    past = [stored(n, words(3), words(3)) for n in range(1, 8)]
    result = await packed(past)
    assert len(result.prompt.history) == 7
    assert result.keep_from == 1
    assert not result.dropped


async def test_an_overflow_is_cut_to_well_below_the_limit_at_once() -> None:
    past = [stored(n, words(3), words(3)) for n in range(1, 20)]
    result = await packed(past, window=120, wanted=20)
    assert result.dropped
    assert result.tokens <= 100 * KEPT_AFTER_CUT < result.tokens + 9


async def test_what_was_kept_stays_until_it_overflows() -> None:
    past = [stored(n, words(3), words(3)) for n in range(1, 20)]
    result = await packed(past, window=120, wanted=20, keep_from=10)
    assert result.keep_from == 10
    assert result.tokens > 100 * KEPT_AFTER_CUT
    assert result.dropped


async def test_a_long_conversation_changes_its_prefix_seldom() -> None:
    turns = random.Random(7)
    past: list[StoredExchange] = []
    keep_from: int | None = None
    before: tuple[Exchange, ...] = ()
    changes = 0
    for number in range(1, 401):
        result = await packed(past, words(turns.randint(1, 20)), window=1000, keep_from=keep_from)
        history = result.prompt.history
        if before and history[: len(before)] != before:
            changes += 1
        before, keep_from = history, result.keep_from
        past.append(stored(number, words(turns.randint(1, 20)), words(turns.randint(1, 40))))
    # Some 34 tokens a turn: 40 % of the room are a dozen turns from one cut to the next.
    assert 400 / 14 < changes < 400 / 9


async def test_the_prefix_survives_turns_that_were_never_answered() -> None:
    past = [stored(1, "a", "b"), stored(2, "c", ""), stored(3, "d", " \n"), stored(4, "e", "f")]
    result = await packed(past)
    assert result.prompt.history == (Exchange("a", "b"), Exchange("e", "f"))


@given(
    past=st.lists(st.builds(words, sizes), max_size=20),
    begun=sizes,
    written=sizes,
    wanted=st.integers(60, 400),
    window=st.integers(300, 600),
    keep_from=st.none() | st.integers(0, 25),
)
async def test_an_answer_that_goes_on_after_a_crash_has_the_same_history(
    past: list[str], begun: int, written: int, wanted: int, window: int, keep_from: int | None
) -> None:
    exchanges = [stored(n, "why", text or "so") for n, text in enumerate(past)]
    first = await packed(
        exchanges, answer=words(begun), keep_from=keep_from, wanted=wanted, window=window
    )
    assume(written < first.max_new_tokens)
    again = await packed(
        exchanges,
        answer=words(begun + written),
        begun=words(begun),
        keep_from=first.keep_from,
        wanted=wanted,
        window=window,
    )
    assert again.prompt.history == first.prompt.history


async def test_a_partial_answer_is_history_like_any_other() -> None:
    assert (await packed([stored(1, "a", "half")])).prompt.history == (Exchange("a", "half"),)


async def test_an_older_question_answered_anew_gets_the_history_before_it() -> None:
    past = [stored(n, "a", "b") for n in (1, 2, 3)]
    result = await packed(past, keep_from=9)
    assert result.keep_from == 1


# ---------------------------------------------------------------- pages


async def read(past: list[StoredExchange], *, window: int, keep_from: int | None = None) -> int:
    pages = Pages(past)
    await pack(
        system="",
        question="why",
        pages=pages,
        count=count,
        window=window,
        wanted=10,
        keep_from=keep_from,
    )
    return pages.read


async def test_only_the_pages_that_are_needed_are_read() -> None:
    past = [stored(n, "a", "b") for n in range(1, 101)]
    assert await read(past, window=10_000) == 25
    assert await read(past, window=100, keep_from=95) == 2
    assert await read(past, window=100) == 5  # the fifth page overflows
    assert await read([], window=100) == 0


async def test_old_exchanges_of_a_long_page_are_not_counted_again_and_again() -> None:
    counted = 0

    async def counting(prompt: Prompt) -> int:
        nonlocal counted
        counted += 1
        return await count(prompt)

    past = [stored(n, words(5), words(5)) for n in range(1, 1001)]
    await pack(
        system="", question="", pages=Pages(past, 1000), count=counting, window=4096, wanted=96
    )
    assert counted <= 20


# ---------------------------------------------------------------- room for the answer


async def test_a_long_question_shrinks_the_answers_room_but_not_to_nothing() -> None:
    result = await packed([stored(1, "a", "b")], words(596), window=1000, wanted=600)
    assert result.max_new_tokens == 400
    assert result.prompt.history == ()
    assert least_answer(1000, 600) == 64
    assert least_answer(4096, 600) == 256
    assert least_answer(4096, 10) == 10


async def test_history_leaves_half_the_window_however_long_an_answer_may_get() -> None:
    past = [stored(n, words(3), words(3)) for n in range(1, 20)]
    result = await packed(past, window=100, wanted=1000)
    assert result.prompt.history
    assert result.max_new_tokens >= 50


# ---------------------------------------------------------------- refusals


async def test_a_question_that_is_too_long_is_refused_with_the_numbers() -> None:
    with pytest.raises(TooLong) as caught:
        await packed([], words(5120), system=words(100), window=4096, wanted=512)
    assert caught.value.user_text == (
        "This question is 5,120 tokens long; with the system prompt only 3,737 fit. "
        "Please shorten it."
    )
    assert "[model] context" in str(caught.value)
    assert "[model]" not in caught.value.user_text


async def test_the_longest_question_that_is_said_to_fit_does_fit() -> None:
    result = await packed([], words(3737), system=words(100), window=4096, wanted=512)
    assert result.max_new_tokens == least_answer(4096, 512)


async def test_an_answer_that_fills_the_window_cannot_be_continued() -> None:
    with pytest.raises(TooLong, match=r"answer is 80 tokens long.*only 32 fit: it cannot be"):
        await packed([], "why", system="", answer=words(80), window=100, wanted=100)


async def test_a_system_prompt_that_fills_the_window_is_the_operators_affair() -> None:
    with pytest.raises(TooLong, match=r"takes 203 of 136 tokens.*system_prompt") as caught:
        await packed([], "why", system=words(200), window=200, wanted=512)
    assert caught.value.user_text == "My instructions leave no room for a question."


# ---------------------------------------------------------------- names


def test_names_stand_in_front_where_several_people_take_part() -> None:
    assert as_question(question("why"), show_names=True) == "Ada: why"
    assert as_question(question("why"), show_names=False) == "why"
    assert as_question(question("why", direct=True), show_names=True) == "why"
    assert as_question(question("why", name="\n"), show_names=True) == "why"
    assert as_exchange(stored(1, "a", "b"), show_names=True) == Exchange("Ada: a", "b")


async def test_a_packed_history_shows_the_names() -> None:
    result = await pack(
        system="",
        question="Bob: why",
        pages=Pages([stored(1, "a", "b")]),
        count=count,
        window=100,
        wanted=10,
        show_names=True,
    )
    assert result.prompt.history == (Exchange("Ada: a", "b"),)


# ---------------------------------------------------------------- a thought before the answer


async def test_room_is_kept_for_the_thought_of_a_model_that_thinks_alone() -> None:
    past = [stored(n, words(4), words(4)) for n in range(1, 30)]
    plain = await packed(past, window=200, wanted=20)
    maybe = await packed(past, window=200, wanted=20, thinking=Thinking(most=60))
    thinks = await packed(past, window=200, wanted=20, thinking=Thinking(most=60, reserved=True))
    assert len(plain.prompt.history) == len(maybe.prompt.history) > len(thinks.prompt.history) > 0
    assert plain.max_thinking_tokens == 0
    assert 0 < maybe.max_thinking_tokens <= thinks.max_thinking_tokens == 60
    for one in (plain, maybe, thinks):
        assert one.max_new_tokens == 20
        assert one.tokens + one.max_new_tokens + one.max_thinking_tokens <= 200


async def test_a_long_question_leaves_room_for_thought_and_answer_both() -> None:
    found = await packed(
        [], asked=words(110), window=200, wanted=60, thinking=Thinking(most=60, reserved=True)
    )
    left = 200 - found.tokens
    assert found.max_new_tokens >= left // 2
    assert found.max_thinking_tokens == left - found.max_new_tokens > 0


async def test_an_answer_that_has_begun_needs_no_room_for_a_thought() -> None:
    found = await packed(
        [], answer="So", thought="Let me see.", thinking=Thinking(most=60, reserved=True)
    )
    assert (found.prompt.thought, found.max_thinking_tokens) == ("Let me see.", 0)
    half = await packed([], thought="Let me", thinking=Thinking(most=60, reserved=True))
    assert (half.prompt.thought, half.max_thinking_tokens) == ("Let me", 60)
