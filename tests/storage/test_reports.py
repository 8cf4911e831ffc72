"""The contract of `bot.measures.Measures` and `Reports`, checked against both stores."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot.measures import KEPT, By, Measure, RecordedPrompt, Series, Step
from bot.messages import ConversationKey, Exchange, Person, Prompt, Usage
from bot.ports import AnswerState, Store, StoredAnswer
from storage import open_store, prompts
from storage.in_memory import MemoryStore
from tests.storage.samples import ANN, BOB, CHANNEL, SLACK, THREAD, SteppingClock, asked

USAGE = Usage(30, 10, 11, 0.5, 1.5)
TODAY = date(2026, 3, 1)
ALWAYS = date(2000, 1, 1)
NOON = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def answered(
    store: Store,
    text: str = "Why?",
    where: ConversationKey = CHANNEL,
    author: Person = ANN,
    state: AnswerState = AnswerState.DONE,
    *,
    message_id: str = "",
) -> StoredAnswer:
    accepted = await asked(store, text, where, author, message_id=message_id)
    await store.close(accepted.id, state, f"So: {text}", USAGE)
    return accepted


def _ids(answers: tuple[StoredAnswer, ...]) -> tuple[int, ...]:
    return tuple(one.question_id for one in answers)


def prompt_of(*answers: StoredAnswer) -> RecordedPrompt:
    """The prompt of the last of these, with the others as its history."""
    *before, last = answers
    history = tuple(Exchange(one.question.text, "So.") for one in before)
    return RecordedPrompt(Prompt("Be brief.", history, last.question.text), _ids(answers))


# ---------------------------------------------------------------- measures


async def test_measures_add_up_in_the_buckets_of_every_length(store: Store) -> None:
    one = Measure(Series.QUESTIONS, "discord", "demo")
    other = Measure.of(Series.FIRST_TOKEN, "discord", "demo", 0.3)
    await store.add_measures(NOON, [one, other])
    await store.add_measures(NOON + timedelta(seconds=1), [one])
    await store.add_measures(NOON + timedelta(minutes=1), [one])
    counted = {
        step: [
            (bucket.start, bucket.measure.count)
            for bucket in await store.buckets(step, LONG_AGO)
            if bucket.measure.series is Series.QUESTIONS
        ]
        for step in Step
    }
    assert counted[Step.MINUTE] == [
        (datetime(2026, 3, 1, 12, 34, tzinfo=UTC), 2),
        (datetime(2026, 3, 1, 12, 35, tzinfo=UTC), 1),
    ]
    assert counted[Step.HOUR] == [(datetime(2026, 3, 1, 12, tzinfo=UTC), 3)]
    assert counted[Step.DAY] == [(datetime(2026, 3, 1, tzinfo=UTC), 3)]
    (first,) = [b for b in await store.buckets(Step.DAY, LONG_AGO) if b.measure.total]
    assert first.measure == Measure(Series.FIRST_TOKEN, "discord", "demo", 1, 0.3, 2)


async def test_models_and_platforms_have_buckets_of_their_own(store: Store) -> None:
    one = Measure(Series.QUESTIONS, "discord", "demo")
    await store.add_measures(
        NOON,
        [
            one,
            Measure(Series.QUESTIONS, "slack", "demo"),
            Measure(Series.QUESTIONS, "discord", "large"),
        ],
    )
    assert len(await store.buckets(Step.DAY, LONG_AGO)) == 3
    by_platform = await store.buckets(Step.DAY, LONG_AGO, models=False)
    assert [(b.measure.platform, b.measure.model, b.measure.count) for b in by_platform] == [
        ("discord", "", 2),
        ("slack", "", 1),
    ]
    (whole,) = await store.buckets(Step.DAY, LONG_AGO, platforms=False, models=False)
    assert whole.measure == Measure(Series.QUESTIONS, "", "", 3)
    assert await store.buckets(Step.DAY, LONG_AGO, series=[Series.UP]) == []


async def test_only_buckets_since_the_given_time_are_read(store: Store) -> None:
    one = Measure(Series.QUESTIONS, "discord", "demo")
    await store.add_measures(NOON - timedelta(hours=2), [one])
    await store.add_measures(NOON, [one])
    found = await store.buckets(Step.HOUR, NOON - timedelta(hours=1))
    assert [bucket.start.hour for bucket in found] == [12]


@pytest.mark.parametrize("step", Step)
async def test_buckets_are_kept_as_long_as_their_length_says(store: Store, step: Step) -> None:
    await store.add_measures(NOON, [Measure(Series.QUESTIONS, "discord", "demo")])
    await store.trim_measures(step.start(NOON) + KEPT[step])
    assert await store.buckets(step, LONG_AGO)
    await store.trim_measures(step.start(NOON) + KEPT[step] + timedelta(seconds=1))
    assert not await store.buckets(step, LONG_AGO)


async def test_retention_deletes_buckets_and_use(store: Store, clock: SteppingClock) -> None:
    await answered(store)
    await store.add_measures(clock(), [Measure(Series.QUESTIONS, "discord", "demo")])
    clock.forward(days=2)
    await store.purge(clock())
    assert not await store.buckets(Step.DAY, LONG_AGO)
    assert not await store.use(By.DAY, ALWAYS)


async def test_buckets_survive_a_restart(file: Path) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        await store.add_measures(NOON, [Measure(Series.QUESTIONS, "discord", "demo")])
    async with open_store(f"sqlite:///{file}") as store:
        assert len(await store.buckets(Step.MINUTE, LONG_AGO)) == 1


# ---------------------------------------------------------------- use


async def test_use_is_summed_up_by_day_place_and_person(store: Store, clock: SteppingClock) -> None:
    await answered(store)
    await answered(store, author=BOB, where=SLACK)
    await answered(store, state=AnswerState.FAILED)
    clock.forward(days=1)
    await answered(store)
    days = await store.use(By.DAY, ALWAYS)
    assert [(use.of, use.answers, use.failed) for use in days] == [
        ("2026-03-02", 1, 0),
        ("2026-03-01", 3, 1),
    ]
    assert days[1].prompt_tokens == 90
    assert days[1].completion_tokens == 33
    assert days[1].first_token == pytest.approx(0.5)
    assert days[1].speed == pytest.approx(10.0)
    places = await store.use(By.PLACE, ALWAYS)
    assert [(use.of, use.answers) for use in places] == [(str(CHANNEL), 3), (str(SLACK), 1)]
    people = await store.use(By.PERSON, ALWAYS)
    assert [(use.of, use.name, use.answers) for use in people] == [
        (ANN.key, "Ann", 3),
        (BOB.key, "Bob", 1),
    ]


async def test_use_counts_only_days_since_the_given_one(store: Store, clock: SteppingClock) -> None:
    await answered(store)
    clock.forward(days=3)
    assert await store.use(By.DAY, TODAY + timedelta(days=1)) == []


async def test_use_within_a_channel_includes_its_threads_and_nothing_else(store: Store) -> None:
    elsewhere = ConversationKey("discord", "1001", workspace="9")
    for where in (CHANNEL, THREAD, SLACK, elsewhere):
        await answered(store, where=where)
    here = await store.use(By.PLACE, ALWAYS, within=CHANNEL)
    assert {use.of for use in here} == {str(CHANNEL), str(THREAD)}
    (thread,) = await store.use(By.PLACE, ALWAYS, within=THREAD)
    assert thread.of == str(THREAD)


@pytest.mark.parametrize("by", [By.PLACE, By.PERSON])
async def test_use_since_the_middle_of_a_month_counts_no_earlier_day(
    store: Store, clock: SteppingClock, by: By
) -> None:
    for _ in range(70):  # from the 1st of March to the 9th of May
        await answered(store)
        clock.forward(days=1)
    for since, days in (
        (TODAY, 70),
        (date(2026, 3, 20), 51),
        (date(2026, 4, 1), 39),
        (date(2026, 5, 9), 1),
    ):
        assert [use.answers for use in await store.use(by, since)] == [days]


async def test_retention_in_the_middle_of_a_month_leaves_the_later_days(
    store: Store, clock: SteppingClock
) -> None:
    for _ in range(40):
        await answered(store)
        clock.forward(days=1)
    await store.purge(datetime(2026, 3, 20, tzinfo=UTC))
    for by in (By.PLACE, By.PERSON):
        assert [use.answers for use in await store.use(by, ALWAYS)] == [21]
    assert len(await store.use(By.DAY, ALWAYS)) == 21


async def test_what_a_person_used_is_taken_out_of_days_and_places(store: Store) -> None:
    await answered(store)
    await answered(store, author=BOB)
    await answered(store, author=BOB, where=SLACK)
    await store.forget(person=BOB.key)
    assert [use.answers for use in await store.use(By.DAY, ALWAYS)] == [1]
    places = [(use.of, use.answers) for use in await store.use(By.PLACE, ALWAYS)]
    assert places == [(str(CHANNEL), 1)]


async def test_no_more_use_is_returned_than_the_limit(store: Store) -> None:
    for number in range(4):
        await answered(store, author=Person("discord", str(number), "One"))
    assert len(await store.use(By.PERSON, ALWAYS, limit=3)) == 3


async def test_verdicts_count_for_who_gave_them_and_when(
    store: Store, clock: SteppingClock
) -> None:
    first, second = await answered(store), await answered(store)
    clock.forward(days=1)
    await store.rate(first.id, BOB, -1)
    await store.rate(second.id, BOB, 1)
    by_day = {use.of: (use.up, use.down) for use in await store.use(By.DAY, ALWAYS)}
    assert by_day == {"2026-03-01": (0, 0), "2026-03-02": (1, 1)}
    people = {use.of: (use.answers, use.up, use.down) for use in await store.use(By.PERSON, ALWAYS)}
    assert people == {ANN.key: (2, 0, 0), BOB.key: (0, 1, 1)}


async def test_what_a_person_used_is_forgotten_with_the_person(store: Store) -> None:
    await answered(store)
    await answered(store, author=BOB)
    await store.forget(person=ANN.key)
    assert [use.of for use in await store.use(By.PERSON, ALWAYS)] == [BOB.key]


async def test_what_was_used_in_a_conversation_is_forgotten_with_it(store: Store) -> None:
    await answered(store)
    await answered(store, where=SLACK)
    await store.forget(conversation=CHANNEL)
    assert [use.of for use in await store.use(By.PLACE, ALWAYS)] == [str(SLACK)]


async def test_the_database_can_be_written_and_its_size_is_known(store: Store) -> None:
    await answered(store)
    await store.check_writable()
    assert isinstance(await store.size(), int)
    if not isinstance(store, MemoryStore):
        assert await store.size() > 10_000


# ---------------------------------------------------------------- ratings and prompts


async def test_rated_answers_come_newest_verdict_first(store: Store) -> None:
    first, second, third = [await answered(store, f"{n}?") for n in range(3)]
    await store.rate(second.id, BOB, -1)
    await store.rate(first.id, BOB, -1)
    await store.rate(third.id, BOB, 1)
    found = await store.rated(-1)
    assert [(one.question, one.answer) for one in found] == [("0?", "So: 0?"), ("1?", "So: 1?")]
    assert [one.answer_id for one in await store.rated(0)] == [third.id, first.id, second.id]
    older = await store.rated(-1, before=found[0].rated_at)
    assert [one.answer_id for one in older] == [second.id]


async def test_a_bad_verdict_keeps_the_prompt_that_the_model_got(store: Store) -> None:
    first, second = await answered(store, "One?"), await answered(store, "Two?")
    sent = prompt_of(first, second)
    await store.rate(second.id, BOB, -1, sent)
    (found,) = await store.rated(-1)
    assert found.prompt == sent
    archived = [one async for one in store.archived(CHANNEL)]
    assert [answer.prompt for one in archived for answer in one.answers] == [None, sent]


async def test_the_prompt_goes_with_the_last_bad_verdict(store: Store) -> None:
    answer = await answered(store)
    await store.rate(answer.id, ANN, -1, prompt_of(answer))
    await store.rate(answer.id, BOB, -1)
    await store.rate(answer.id, ANN, 1)
    assert [one.prompt for one in await store.rated(-1)] == [prompt_of(answer)]
    await store.rate(answer.id, BOB, 0)
    await store.rate(answer.id, BOB, -1)
    assert [one.prompt for one in await store.rated(-1)] == [None]


async def test_a_good_verdict_keeps_no_prompt(store: Store) -> None:
    answer = await answered(store)
    await store.rate(answer.id, ANN, 1, prompt_of(answer))
    await store.rate(answer.id, BOB, -1)
    assert [one.prompt for one in await store.rated(0)] == [None, None]


@pytest.mark.parametrize("how", ["person", "age", "message", "edit"])
async def test_a_prompt_is_deleted_with_any_question_that_it_quotes(
    store: Store, clock: SteppingClock, how: str
) -> None:
    outside = await answered(store, "Before?", author=BOB)
    secret = await answered(store, "My secret?", author=ANN, message_id="m1")
    clock.forward(days=1)
    between = clock()
    last = await answered(store, "And?", author=BOB)
    apart = await answered(store, "Apart?", author=BOB)
    await store.rate(outside.id, BOB, -1, prompt_of(outside))
    await store.rate(last.id, BOB, -1, prompt_of(secret, last))
    await store.rate(apart.id, BOB, -1, prompt_of(apart))
    if how == "person":
        await store.forget(person=ANN.key)
    elif how == "age":
        await store.purge(between)
    elif how == "message":
        await store.delete_question(CHANNEL, "m1")
    else:
        await store.edit_question(CHANNEL, "m1", "No secret")
    kept = {one.question: one.prompt is not None for one in await store.rated(-1)}
    kept.pop("Before?", None)
    assert kept == {"And?": False, "Apart?": True}


async def test_a_deleted_prompt_is_not_in_the_file(sql: Store, file: Path) -> None:
    first = await answered(sql, "One", author=ANN)
    last = await answered(sql, "Two", author=BOB)
    sent = RecordedPrompt(
        Prompt("", (Exchange("xyzzy-secret", "So."),), "Two"), (first.question_id,)
    )
    await sql.rate(last.id, BOB, -1, sent)
    await sql.forget(person=ANN.key)
    assert not await _is_in_files(file, b"xyzzy-secret")


async def _is_in_files(file: Path, text: bytes) -> bool:
    return any(text in one.read_bytes() for one in file.parent.glob(f"{file.name}*"))


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt("", (), "Why?"),
        Prompt("Be brief.", (Exchange("a", "b"), Exchange("c", "d", "hm")), "e"),
        Prompt("", (Exchange("a", "b"),), "c", "so far"),
        Prompt("", (), "c", thought="hm"),
    ],
)
def test_a_prompt_is_read_as_it_was_written(prompt: Prompt) -> None:
    assert prompts.from_json(prompts.to_json(prompt)) == prompt


# ---------------------------------------------------------------- reading


async def test_conversations_are_listed_in_pages(store: Store) -> None:
    for where in (CHANNEL, THREAD, SLACK, CHANNEL):
        await answered(store, where=where)
    first = await store.listed(limit=2)
    assert [(one.conversation, one.exchanges) for one in first] == [(CHANNEL, 2), (SLACK, 1)]
    rest = await store.listed(before=first[-1].newest)
    assert [one.conversation for one in rest] == [THREAD]


async def test_a_conversation_is_read_in_pages_newest_first(store: Store) -> None:
    for number in range(5):
        await answered(store, f"{number}?")
    await store.reset(CHANNEL)
    await answered(store, "New?")
    first = await store.read(CHANNEL, limit=3)
    assert [(one.question, one.hidden) for one in first] == [
        ("New?", False),
        ("4?", True),
        ("3?", True),
    ]
    rest = await store.read(CHANNEL, before=first[-1].question_id)
    assert [one.question for one in rest] == ["2?", "1?", "0?"]
    assert (first[0].answer, first[0].state, first[0].name) == ("So: New?", "done", "Ann")


async def test_search_finds_questions_answers_and_names_whatever_their_case(store: Store) -> None:
    await answered(store, "About TOMATOES")
    await answered(store, "Else")
    bob = await answered(store, "Other", author=BOB)
    assert [one.question for one in (await store.search("tomato")).exchanges] == ["About TOMATOES"]
    assert [one.question for one in (await store.search("so: else")).exchanges] == ["Else"]
    assert [one.question_id for one in (await store.search("bob")).exchanges] == [bob.question_id]


async def test_signs_of_patterns_are_searched_for_as_they_are(store: Store) -> None:
    await answered(store, "100 percent")
    await answered(store, "100% sure_ly")
    assert [one.question for one in (await store.search("0%")).exchanges] == ["100% sure_ly"]
    assert [one.question for one in (await store.search("e_l")).exchanges] == ["100% sure_ly"]


async def test_a_search_goes_on_where_it_ended(store: Store) -> None:
    for number in range(6):
        await answered(store, f"word {number}" if number % 2 else "other")
    first = await store.search("word", examined=2)
    assert [one.question for one in first.exchanges] == ["word 5"]
    (fifth,) = [one for one in await store.read(CHANNEL) if one.question == "other"][:1]
    assert (first.older, first.back_to) == (fifth.question_id, fifth.asked_at)
    second = await store.search("word", before=first.older, limit=1)
    assert [one.question for one in second.exchanges] == ["word 3"]
    assert second.back_to == second.exchanges[0].asked_at
    last = await store.search("word", before=second.older)
    assert ([one.question for one in last.exchanges], last.older) == (["word 1"], None)
    assert last.back_to is None
