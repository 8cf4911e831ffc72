"""The history of the plots in SQL."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, literal, select
from sqlalchemy.orm import Session

from bot.measures import KEPT, Bucket, Measure, Series, Step
from storage.sql.part import SqlPart, insert_into
from storage.tables import BucketRow

KEY = ["step", "start", "series", "platform", "model", "bin"]


class SqlMeasures(SqlPart):
    """`bot.measures.Measures`."""

    async def add_measures(self, moment: datetime, measures: Sequence[Measure]) -> None:
        def operation(session: Session) -> None:
            for step in Step:
                start = step.start(moment)
                for measure in measures:
                    _add(session, step, start, measure)

        if measures:
            await self._database.write(operation)

    async def buckets(
        self,
        step: Step,
        since: datetime,
        *,
        series: Collection[Series] = tuple(Series),
        platforms: bool = True,
        models: bool = True,
    ) -> list[Bucket]:
        platform = BucketRow.platform if platforms else literal("")
        model = BucketRow.model if models else literal("")
        keys = [BucketRow.start, BucketRow.series, BucketRow.bin]
        apart = [BucketRow.platform] * platforms + [BucketRow.model] * models
        count, total = func.sum(BucketRow.count), func.sum(BucketRow.total)
        found = (
            select(*keys, platform, model, count, total)
            .where(
                BucketRow.step == int(step),
                BucketRow.start >= since,
                BucketRow.series.in_([one.value for one in series]),
            )
            .group_by(*keys, *apart)
            .order_by(*keys, *apart)
        )

        def work(session: Session) -> list[Bucket]:
            rows: Iterable[Any] = session.execute(found)
            return [_bucket(*row) for row in rows]

        return await self._database.read(work)

    async def trim_measures(self, now: datetime) -> None:
        def operation(session: Session) -> None:
            for step, kept in KEPT.items():
                old = (BucketRow.step == step, BucketRow.start < now - kept)
                session.execute(delete(BucketRow).where(*old))

        await self._database.write(operation)


def _add(session: Session, step: Step, start: datetime, measure: Measure) -> None:
    insert = insert_into(session, BucketRow).values(
        step=int(step),
        start=start,
        series=measure.series.value,
        platform=measure.platform,
        model=measure.model,
        bin=measure.bin,
        count=measure.count,
        total=measure.total,
    )
    session.execute(
        insert.on_conflict_do_update(
            index_elements=KEY,
            set_={
                "count": BucketRow.count + insert.excluded["count"],
                "total": BucketRow.total + insert.excluded.total,
            },
        )
    )


def _bucket(
    start: datetime,
    series: str,
    position: int,
    platform: str,
    model: str,
    count: int,
    total: float,
) -> Bucket:
    # PostgreSQL sums whole numbers as Decimal
    measure = Measure(Series(series), platform, model, int(count), float(total), position)
    return Bucket(start, measure)
