"""The store in an SQL database: one class of five parts, each in a module of its own."""

from storage.sql.archive import SqlArchive
from storage.sql.ledger import SqlLedger
from storage.sql.questions import SqlQuestionEdits, SqlQuestions
from storage.sql.settings import SqlSettings, SqlUsage


class SqlStore(SqlQuestions, SqlQuestionEdits, SqlLedger, SqlSettings, SqlUsage, SqlArchive):
    """`bot.ports.Store` over a `Database` that is running."""
