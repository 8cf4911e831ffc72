"""A ledger that records only which message shows which part."""

from bot.errors import StorageError
from bot.messages import ConversationKey, Person, Question, Usage
from bot.ports import AnswerState, Snapshot, StoredAnswer


def stored(
    answer_id: int = 7,
    text: str = "",
    messages: tuple[str, ...] = (),
    state: AnswerState = AnswerState.QUEUED,
    settled: int = 0,
) -> StoredAnswer:
    question = Question(ConversationKey("test", "c"), Person("test", "p", "P"), "?", "e")
    return StoredAnswer(answer_id, 1, question, state, text, messages, settled=settled)


class RecordingLedger:
    """An `AnswerLedger` for delivery, which must call nothing but `shown` and `settle`."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, int], str] = {}
        self.settled: dict[int, int] = {}
        self.failures = 0
        """How many of the next calls raise StorageError."""

    def messages(self, answer_id: int = 7) -> tuple[str, ...]:
        """The messages as a `StoredAnswer` would have them."""
        return tuple(ref for (answer, _), ref in sorted(self.known.items()) if answer == answer_id)

    async def shown(
        self, answer_id: int, index: int, message: str, *, settled: int | None = None
    ) -> None:
        self._fail()
        self.known[answer_id, index] = message
        if settled is not None:
            self.settled[answer_id] = settled

    async def settle(self, answer_id: int, settled: int) -> None:
        self._fail()
        self.settled[answer_id] = settled

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise StorageError("the database is locked")

    async def checkpoint(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        raise AssertionError("delivery must not call this")

    async def close(
        self,
        answer_id: int,
        state: AnswerState,
        text: str,
        usage: Usage,
        thought: str = "",
        snapshot: Snapshot | None = None,
    ) -> None:
        raise AssertionError("delivery must not call this")

    async def delivered(self, answer_id: int) -> None:
        raise AssertionError("delivery must not call this")

    async def answers(
        self,
        *,
        answer_id: int | None = None,
        conversation: ConversationKey | None = None,
        person: str | None = None,
        unfinished: bool = False,
        limit: int = 1000,
    ) -> list[StoredAnswer]:
        raise AssertionError("delivery must not call this")
