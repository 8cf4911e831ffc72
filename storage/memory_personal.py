"""What the store in memory holds of one person."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

from bot.ports import ArchivedExchange, DayOfUse, GivenRating, Quota, Spent
from storage.memory_reports import MemoryReports
from storage.rules import Now, check_quota


class MemoryPersonal(MemoryReports):
    """`bot.ports.PersonalData`; a base class of `MemoryStore`."""

    def __init__(self, now: Now) -> None:
        super().__init__(now)
        self._spent: dict[str, dict[date, Spent]] = {}
        """What each person used on each day."""

    async def asked_by(self, person: str) -> AsyncIterator[ArchivedExchange]:
        asked = [one for one in self._all() if one.question.author.key == person]
        for one in sorted(asked, key=lambda asked: asked.id):
            answers = tuple(
                replace(
                    answer.archived(current=answer is one.answers[-1]),
                    verdicts=tuple(v for who, (v, _) in answer.verdicts.items() if who == person),
                    prompt=None,
                )
                for answer in one.answers
            )
            forgotten = one.id <= self._conversations[one.question.conversation].hidden_to
            yield ArchivedExchange(one.question, one.asked_at, forgotten, answers)

    async def ratings_by(self, person: str) -> AsyncIterator[GivenRating]:
        rated = [
            GivenRating(answer.id, asked.question.conversation, *answer.verdicts[person])
            for asked in self._all()
            for answer in asked.answers
            if person in answer.verdicts
        ]
        for rating in sorted(rated, key=lambda rating: rating.answer_id):
            yield rating

    async def use_by(self, person: str) -> AsyncIterator[DayOfUse]:
        for day, spent in sorted(self._spent.get(person, {}).items()):
            yield DayOfUse(day, spent.answers, spent.tokens)

    def _drop_days_of_use(self, before: date) -> None:
        for days in self._spent.values():
            for day in [day for day in days if day < before]:
                del days[day]

    def _spent_today(self, person: str) -> Spent:
        return self._spent.get(person, {}).get(self._now().date(), Spent())

    def _charge(self, person: str, cost: Spent) -> None:
        spent = self._spent_today(person)
        total = Spent(spent.answers + cost.answers, spent.tokens + cost.tokens)
        self._spent.setdefault(person, {})[self._now().date()] = total

    def _charge_answer(self, person: str, quota: Quota) -> None:
        check_quota(quota, self._spent_today(person))
        self._charge(person, Spent(answers=1))
