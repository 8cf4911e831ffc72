"""The store in an SQL database: one class, composed of a base class for each part of the port.

- `questions`: QuestionStore and QuestionEdits.
- `origins`: Origins.
- `ledger`: AnswerLedger, with checkpoints batched.
- `settings`: SettingsStore.
- `missed`: Missed.
- `archive`: Archive: listing, export, permanent deletion.
- `personal`: PersonalData.
- `summaries`: SummaryLedger.
- `measures`: Measures.
- `reports`, `reading`: Reports: sums and ratings; lists, pages and search.
- `condition`: Condition.
- `rows`: rows converted to the core's values, and the select for whole answers.
- `part`: the common base class, and statements that several parts use.
"""

from sqlalchemy import select

from bot.errors import StorageError
from storage.database import Database
from storage.rules import Now
from storage.sql.archive import SqlArchive
from storage.sql.condition import SqlCondition
from storage.sql.ledger import SqlLedger
from storage.sql.measures import SqlMeasures
from storage.sql.missed import SqlMissed
from storage.sql.origins import SqlOrigins
from storage.sql.personal import SqlPersonal
from storage.sql.questions import SqlQuestionEdits, SqlQuestions
from storage.sql.reading import SqlReading
from storage.sql.reports import SqlUse
from storage.sql.settings import SqlSettings
from storage.sql.summaries import SqlSummaries
from storage.tables import IdentityRow


class SqlStore(
    SqlQuestions,
    SqlOrigins,
    SqlQuestionEdits,
    SqlLedger,
    SqlSettings,
    SqlMissed,
    SqlArchive,
    SqlPersonal,
    SqlSummaries,
    SqlMeasures,
    SqlUse,
    SqlReading,
    SqlCondition,
):
    """`bot.ports.Store` on a `Database` that is running."""

    def __init__(self, database: Database, now: Now, tag: str) -> None:
        super().__init__(database, now)
        self.tag = tag


async def open_sql_store(database: Database, now: Now) -> SqlStore:
    """The store on `database`, which is running. Raises StorageError."""
    tag = await database.read(lambda session: session.scalar(select(IdentityRow.tag)))
    if tag is None:
        raise StorageError(
            f"the database {database.location.name} has lost its identity; restore it from a backup"
        )
    return SqlStore(database, now, tag)
