"""Summaries that are being written, in SQL."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bot.messages import ConversationKey, Person
from bot.ports import PendingSummary, Quota, Spent
from storage.rules import check_quota, storable
from storage.sql.part import SqlPart, charge, spent_on
from storage.tables import SummaryRow


class SqlSummaries(SqlPart):
    """`bot.ports.SummaryLedger`."""

    async def begin_summary(
        self, conversation: ConversationKey, person: Person, first: str, last: str, quota: Quota
    ) -> PendingSummary:
        def operation(session: Session) -> PendingSummary:
            today = self._today()
            check_quota(quota, spent_on(session, person.key, today))
            charge(session, person.key, today, Spent(answers=1))
            row = SummaryRow(
                conversation=str(conversation),
                person=person.key,
                person_name=storable(person.name),
                first_message=first,
                last_message=last,
                asked_at=self._now(),
            )
            session.add(row)
            session.flush()
            return _pending(row)

        return await self._database.write(operation)

    async def charge_tokens(self, person: Person, tokens: int) -> None:
        def operation(session: Session) -> None:
            charge(session, person.key, self._today(), Spent(tokens=tokens))

        if tokens:
            await self._database.write(operation)

    async def end_summary(self, summary_id: int) -> None:
        def operation(session: Session) -> None:
            session.execute(delete(SummaryRow).where(SummaryRow.id == summary_id))

        await self._database.write(operation)

    async def pending_summaries(self, platform: str) -> list[PendingSummary]:
        of_platform = SummaryRow.conversation.startswith(f"{platform}:", autoescape=True)
        found = select(SummaryRow).where(of_platform).order_by(SummaryRow.id)
        return await self._database.read(
            lambda session: [_pending(row) for row in session.scalars(found)]
        )


def _pending(row: SummaryRow) -> PendingSummary:
    platform, _, own = row.person.partition(":")
    return PendingSummary(
        row.id,
        ConversationKey.parse(row.conversation),
        Person(platform, own, row.person_name),
        row.first_message,
        row.last_message,
        row.asked_at,
    )
