"""The store in an SQL database: one class, composed of a base class for each part of the port.

- `questions`: QuestionStore and QuestionEdits.
- `ledger`: AnswerLedger, with checkpoints batched.
- `settings`: SettingsStore.
- `archive`: Archive: listing, export, permanent deletion.
- `rows`: rows converted to the core's values, and the select for whole answers.
- `part`: the common base class, and statements that several parts use.
"""

from storage.sql.archive import SqlArchive
from storage.sql.ledger import SqlLedger
from storage.sql.questions import SqlQuestionEdits, SqlQuestions
from storage.sql.settings import SqlSettings


class SqlStore(SqlQuestions, SqlQuestionEdits, SqlLedger, SqlSettings, SqlArchive):
    """`bot.ports.Store` on a `Database` that is running."""
