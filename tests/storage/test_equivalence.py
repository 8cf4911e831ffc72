"""Both stores return the same results and hold the same data after any sequence of calls."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bot.errors import Refusal
from bot.measures import By
from bot.messages import Person, Question, Usage
from bot.ports import AnswerState, ConversationSettings, Quota, Snapshot, Store
from storage import open_store
from tests.limits import examples
from tests.storage.samples import ANN, BOB, CHANNEL, SLACK, THREAD, spent

DAYS = [date(2026, 1, 1), date(2026, 2, 27), date(2026, 3, 1), date(2026, 3, 3)]
"""From which on use is summed up: months begin and do not begin there."""
CONVERSATIONS = [CHANNEL, THREAD, SLACK]
PEOPLE = [ANN, BOB, Person("slack", "U1", "Ann too")]

conversations = st.sampled_from(CONVERSATIONS)
people = st.sampled_from(PEOPLE)
quotas = st.sampled_from([Quota(), Quota(), Quota(3, 0), Quota(0, 20)])
texts = st.text(alphabet=st.characters(), max_size=20)
# Few enough that they meet, and some that name nothing.
answer_ids = st.integers(1, 8) | st.sampled_from([0, -1, 2**70])
messages = st.sampled_from(["", "m1", "m2", "m3", THREAD.thread])
usages = st.builds(Usage, *(st.integers(0, 9) for _ in range(3)))
open_states = st.sampled_from([state for state in AnswerState if state.open])
snapshots = st.none() | st.builds(Snapshot, st.integers(0, 9), st.none() | st.integers(0, 9))
end_states = st.sampled_from([state for state in AnswerState if not state.open])


class BothStores(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.time = datetime(2026, 2, 26, 22, tzinfo=UTC)
        self.runner = asyncio.Runner()
        self.opened = AsyncExitStack()
        self.folder = Path(tempfile.mkdtemp())

    @initialize()
    def start(self) -> None:
        file = self.folder / "parley.sqlite3"
        shutil.copy(_template(), file)
        self.memory = self._open("memory://")
        self.sql = self._open(f"sqlite:///{file}")

    def _open(self, url: str) -> Store:
        opening = open_store(url, now=lambda: self.time)
        return self.runner.run(self.opened.enter_async_context(opening))

    def teardown(self) -> None:
        self.look()
        self.runner.run(self.opened.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    def both(self, call: Callable[[Store], Coroutine[None, None, object]]) -> None:
        assert self._outcome(call(self.memory)) == self._outcome(call(self.sql))

    def _outcome(self, call: Coroutine[None, None, object]) -> object:
        try:
            return self.runner.run(call)
        except Refusal as refusal:
            return type(refusal), str(refusal)

    # ------------------------------------------------------------ what is done

    @rule(hours=st.sampled_from([1, 3, 24 * 4]))
    def time_passes(self, hours: int) -> None:
        self.time += timedelta(hours=hours)

    @rule(
        conversation=conversations,
        author=people,
        text=texts,
        event=st.sampled_from([f"e{number}" for number in range(12)]),
        message=messages,
        direct=st.booleans(),
        quota=quotas,
    )
    def accept(  # type: ignore[no-untyped-def]
        self, conversation, author, text, event, message, direct, quota
    ) -> None:
        asked = Question(conversation, author, text, event, message, direct)
        self.both(lambda store: store.accept(asked, quota))

    @rule(
        answer=answer_ids, person=people, quota=quotas, how=st.sampled_from(["on", "anew", "edit"])
    )
    def reopen(self, answer: int, person: Person, quota: Quota, how: str) -> None:
        anew, edited = how != "on", how == "edit"
        self.both(lambda store: store.reopen(answer, person, quota, anew=anew, edited=edited))

    @rule(answer=answer_ids, state=open_states, text=texts, given=snapshots)
    def checkpoint(
        self, answer: int, state: AnswerState, text: str, given: Snapshot | None
    ) -> None:
        self.both(lambda store: store.checkpoint(answer, state, text, "", given))

    @rule(answer=answer_ids, index=st.integers(0, 2), message=messages)
    def shown(self, answer: int, index: int, message: str) -> None:
        self.both(lambda store: store.shown(answer, index, message))

    @rule(answer=answer_ids, state=end_states, text=texts, usage=usages, given=snapshots)
    def close(
        self,
        answer: int,
        state: AnswerState,
        text: str,
        usage: Usage,
        given: Snapshot | None,
    ) -> None:
        self.both(lambda store: store.close(answer, state, text, usage, "", given))

    @rule(answer=answer_ids)
    def delivered(self, answer: int) -> None:
        self.both(lambda store: store.delivered(answer))

    @rule(answer=answer_ids, person=people, verdict=st.sampled_from([-1, 0, 1]))
    def rate(self, answer: int, person: Person, verdict: int) -> None:
        self.both(lambda store: store.rate(answer, person, verdict))

    @rule(platform=st.sampled_from(["discord", "slack"]), hours=st.integers(0, 9))
    def recent(self, platform: str, hours: int) -> None:
        since = self.time - timedelta(hours=hours)
        self.both(lambda store: store.recent_conversations(platform, since, limit=2))

    @rule(conversation=conversations, message=messages, text=texts)
    def edit(self, conversation, message, text) -> None:  # type: ignore[no-untyped-def]
        self.both(lambda store: store.edit_question(conversation, message, text))

    @rule(conversation=conversations, message=messages)
    def delete(self, conversation, message) -> None:  # type: ignore[no-untyped-def]
        self.both(lambda store: store.delete_question(conversation, message))

    @rule(conversation=conversations)
    def reset(self, conversation) -> None:  # type: ignore[no-untyped-def]
        self.both(lambda store: store.reset(conversation))

    @rule(conversation=conversations, prompt=st.none() | texts, muted=st.booleans())
    def change_settings(self, conversation, prompt, muted) -> None:  # type: ignore[no-untyped-def]
        changed = ConversationSettings(prompt, muted=muted)
        self.both(lambda store: store.change_settings(conversation, changed))

    @rule(conversation=conversations)
    def forget_conversation(self, conversation) -> None:  # type: ignore[no-untyped-def]
        self.both(lambda store: store.forget(conversation=conversation))

    @rule(person=people)
    def forget_person(self, person: Person) -> None:
        self.both(lambda store: store.forget(person=person.key))

    @rule(days=st.integers(0, 5))
    def purge(self, days: int) -> None:
        self.both(lambda store: store.purge(self.time - timedelta(days=days)))

    # ------------------------------------------------------------ what they hold

    @rule()
    def look(self) -> None:
        self.both(_all_of)


async def _all_of(store: Store) -> object:
    held: list[object] = [
        await store.conversations(),
        await store.answers(),
        await store.answers(unfinished=True),
        await store.answers(limit=2),
    ]
    held += [await store.answers(answer_id=number) for number in (1, 2, 2**70)]
    held += [await spent(store, person) for person in PEOPLE]
    for conversation in CONVERSATIONS:
        newest = await store.exchanges(conversation, limit=2)
        older = await store.exchanges(conversation, before=newest[-1].position if newest else 3)
        held += [await store.moment(conversation)]
        held += [await store.exchanges(conversation, at=moment) for moment in (0, 1, 2, 4)]
        held += [await store.answers(conversation=conversation, person=one.key) for one in PEOPLE]
        held += [newest, older, [one async for one in store.archived(conversation)]]
        held += [await store.settings(conversation), await store.answers(conversation=conversation)]
        held += [await store.answers(conversation=conversation, unfinished=True)]
        held += [await store.origin(conversation), await store.reset_at(conversation)]
        held += [await store.known_messages(conversation, ["m1", "m2"], ["e1", "e2", "e3"])]
        held += [await store.use(By.PERSON, DAYS[0], within=conversation)]
    held += [await store.use(by, since) for by in By for since in DAYS]
    held += [await store.use(by, DAYS[0], limit=1) for by in By]
    return held


_made: list[Path] = []


def _template() -> Path:
    """An empty database, made once: copying it is quicker than the migrations."""
    if not _made:
        file = Path(tempfile.mkdtemp()) / "parley.sqlite3"
        asyncio.run(_make(file))
        _made.append(file)
    return _made[0]


async def _make(file: Path) -> None:
    async with open_store(f"sqlite:///{file}"):
        pass


TestBothStores = BothStores.TestCase
TestBothStores.settings = settings(
    max_examples=examples(20),
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
