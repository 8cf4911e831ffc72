"""Measures and reports of the store in memory."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from typing import Any

from bot.measures import (
    COUNTED,
    KEPT,
    Bucket,
    By,
    Found,
    Listed,
    Measure,
    RatedAnswer,
    ReadExchange,
    Series,
    Step,
    Use,
)
from bot.messages import ConversationKey, Usage
from bot.ports import AnswerState
from storage.memory_rows import MemoryConversation, MemoryQuestion
from storage.rules import Now, storable, use_of

_Key = tuple[Step, datetime, str, str, str, int]


class MemoryReports:
    """`bot.measures.Measures` and `Reports`; the base class of `MemoryStore`."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._conversations: dict[ConversationKey, MemoryConversation] = {}
        self._buckets: dict[_Key, Bucket] = {}
        self._use: dict[tuple[date, ConversationKey, str], dict[str, float]] = {}

    def _all(self) -> Iterator[MemoryQuestion]:
        for kept in self._conversations.values():
            yield from kept.questions

    # ------------------------------------------------------------ measures

    async def add_measures(self, moment: datetime, measures: Sequence[Measure]) -> None:
        for step in Step:
            for one in measures:
                start = step.start(moment)
                key = (step, start, one.series.value, one.platform, one.model, one.bin)
                held = self._buckets.get(key)
                before = held.measure if held else replace(one, count=0, total=0.0)
                count, total = before.count + one.count, before.total + one.total
                self._buckets[key] = Bucket(start, replace(one, count=count, total=total))

    async def buckets(
        self,
        step: Step,
        since: datetime,
        *,
        series: Collection[Series] = tuple(Series),
        platforms: bool = True,
        models: bool = True,
    ) -> list[Bucket]:
        sums: dict[tuple[datetime, str, int, str, str], Bucket] = {}
        for key, held in self._buckets.items():
            one = held.measure
            if key[0] != step or held.start < since or one.series not in series:
                continue
            platform, model = one.platform * platforms, one.model * models
            place = (held.start, one.series.value, one.bin, platform, model)
            before = sums[place].measure if place in sums else replace(one, count=0, total=0.0)
            count, total = before.count + one.count, before.total + one.total
            measure = Measure(one.series, platform, model, count, total, one.bin)
            sums[place] = Bucket(held.start, measure)
        return [sums[place] for place in sorted(sums)]

    async def trim_measures(self, now: datetime) -> None:
        for key in [key for key in self._buckets if key[1] < now - KEPT[key[0]]]:
            del self._buckets[key]

    def _drop_buckets(self, before: datetime) -> None:
        for key in [key for key in self._buckets if key[1] < before]:
            del self._buckets[key]

    # ------------------------------------------------------------ use

    def _count_use(
        self, conversation: ConversationKey, person: str, state: AnswerState, usage: Usage
    ) -> None:
        sums = self._use.setdefault((self._now().date(), conversation, person), {})
        for name, value in use_of(state, usage).items():
            sums[name] = sums.get(name, 0) + value

    def _drop_use(self, unwanted: Callable[[date, ConversationKey, str], bool]) -> None:
        for key in [key for key in self._use if unwanted(*key)]:
            del self._use[key]

    async def use(
        self,
        by: By,
        since: date,
        *,
        within: ConversationKey | None = None,
        limit: int = 100,
    ) -> list[Use]:
        sums: dict[str, dict[str, Any]] = {}
        for (day, where, person), used in self._use.items():
            if day >= since and _is_in(where, within):
                of = {By.DAY: day.isoformat(), By.PLACE: str(where), By.PERSON: person}[by]
                _add(sums.setdefault(of, {}), used)
        for asked in self._all():
            if _is_in(asked.question.conversation, within):
                _add_verdicts(sums, by, since, asked)
        rows = [Use(of, self._name(of) if by is By.PERSON else "", **sums[of]) for of in sums]
        rows.sort(key=lambda row: _rank(by, row), reverse=True)
        return rows[:limit]

    def _name(self, person: str) -> str:
        own = [asked for asked in self._all() if asked.question.author.key == person]
        return max(own, key=lambda asked: asked.id).question.author.name if own else ""

    # ------------------------------------------------------------ reading

    async def rated(
        self, verdict: int, *, before: datetime | None = None, limit: int = 50
    ) -> list[RatedAnswer]:
        found = [
            RatedAnswer(
                answer.id,
                asked.question.conversation,
                asked.question.author.name,
                asked.question.text,
                answer.text,
                given,
                at,
                answer.prompt if given < 0 else None,
            )
            for asked in self._all()
            for answer in asked.answers
            for given, at in answer.verdicts.values()
            if verdict in (0, given) and (before is None or at < before)
        ]
        found.sort(key=lambda one: (one.rated_at, one.answer_id), reverse=True)
        return found[:limit]

    async def listed(self, *, before: int | None = None, limit: int = 50) -> list[Listed]:
        kept = [(key, held.questions) for key, held in self._conversations.items()]
        lists = [
            Listed(key, min(len(asked), COUNTED), asked[-1].asked_at, asked[-1].id)
            for key, asked in kept
            if asked and (before is None or asked[-1].id < before)
        ]
        return sorted(lists, key=lambda one: one.newest, reverse=True)[:limit]

    async def read(
        self, conversation: ConversationKey, *, before: int | None = None, limit: int = 50
    ) -> list[ReadExchange]:
        here = self._conversations.get(conversation)
        asked = reversed(here.questions if here else [])
        wanted = (one for one in asked if before is None or one.id < before)
        return [self._read(one) for one in islice(wanted, limit)]

    async def search(
        self, text: str, *, before: int | None = None, examined: int = 20_000, limit: int = 50
    ) -> Found:
        newest = sorted(self._all(), key=lambda asked: asked.id, reverse=True)
        wanted = (one for one in newest if before is None or one.id < before)
        looked = list(islice(wanted, examined))
        found = [self._read(one) for one in looked if _holds(one, storable(text))][:limit]
        if len(found) == limit:
            return Found(found, found[-1].question_id, found[-1].asked_at)
        if len(looked) < examined:
            return Found(found)
        return Found(found, looked[-1].id, looked[-1].asked_at)

    def _read(self, asked: MemoryQuestion) -> ReadExchange:
        question, answer = asked.question, asked.answers[-1]
        return ReadExchange(
            asked.id,
            question.conversation,
            question.author.key,
            question.author.name,
            asked.asked_at,
            question.text,
            answer.state.value,
            answer.text,
            asked.id <= self._conversations[question.conversation].hidden_to,
            answer.given,
        )

    def _drop_prompts(self, questions: Sequence[MemoryQuestion]) -> None:
        """Delete the prompts that were kept and hold one of these questions."""
        gone = {asked.id for asked in questions}
        for answer in [answer for asked in self._all() for answer in asked.answers]:
            if answer.prompt is not None and gone.intersection(answer.prompt.questions):
                answer.prompt = None


def _is_in(conversation: ConversationKey, within: ConversationKey | None) -> bool:
    if within is None:
        return True
    channel = replace(conversation, thread="") if not within.thread else conversation
    return channel == within


def _add(sums: dict[str, Any], more: dict[str, float]) -> None:
    for name, value in more.items():
        sums[name] = sums.get(name, 0) + value


def _add_verdicts(
    sums: dict[str, dict[str, Any]], by: By, since: date, asked: MemoryQuestion
) -> None:
    for answer in asked.answers:
        for person, (verdict, at) in answer.verdicts.items():
            if at.date() < since:
                continue
            place = str(asked.question.conversation)
            of = {By.DAY: at.date().isoformat(), By.PLACE: place, By.PERSON: person}[by]
            _add(sums.setdefault(of, {}), {"up" if verdict > 0 else "down": 1})


def _rank(by: By, row: Use) -> tuple[Any, ...]:
    return (row.of,) if by is By.DAY else (row.answers, row.of)


def _holds(asked: MemoryQuestion, text: str) -> bool:
    held = (asked.question.text, asked.question.author.name, asked.answers[-1].text)
    return any(text.lower() in one.lower() for one in held)
