"""Measures the SQL store: reading from a very long conversation, writing, and deleting; and how
long questions wait to be accepted while a person's data is deleted from a large file.

    python -m benchmarks.storage [--turns 1000000] [--megabytes 200] [--folder .]

Creates a database in a temporary folder within `--folder`, with one conversation of that many
exchanges, then one of that many megabytes, and removes them at the end; 0 leaves a part out. A
commit waits for the disk, so compare with the time of a bare fsync, which is printed first.
"""

import argparse
import asyncio
import itertools
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import bindparam, create_engine, event, insert, update

from bot.messages import ConversationKey, Person, Question, Usage
from bot.ports import AnswerState, Quota, Store, StoredAnswer
from storage import open_store
from storage.tables import AnswerRow, ConversationRow, QuestionRow

LONG = ConversationKey("discord", "1", workspace="1")
NEW = ConversationKey("discord", "2", workspace="1")
ANN = Person("discord", "1", "Ann")
QUESTION = "What did we say about the garden, and who was to water it? " * 2
ANSWER = "You said that the tomatoes want water every evening, and that Bob has the key. " * 5
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 2000
"""Rows in one statement."""
AT_ONCE = 200
"""Answers that are generated concurrently."""

Result = TypeVar("Result")

_events = itertools.count()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(f"fsync of 4 KiB: {_fsync(Path(folder)) * 1e3:.2f} ms")
        if options.turns:
            asyncio.run(_measure(Path(folder) / "long.sqlite3", options.turns))
        if options.megabytes:
            asyncio.run(_measure_forgetting(Path(folder) / "large.sqlite3", options.megabytes))


async def _measure(file: Path, turns: int) -> None:
    url = f"sqlite:///{file}"
    async with open_store(url) as store:
        for _ in range(100):
            answer = await _ask(store, NEW)
            await store.close(answer.id, AnswerState.DONE, ANSWER, Usage())
    _fill(file, turns)
    started = time.perf_counter()
    async with open_store(url) as store:
        print(f"opened in {time.perf_counter() - started:.2f} s")
        await _reading(store)
        await _writing(store)
        await _deleting(store)


def _fill(file: Path, turns: int) -> None:
    """Insert the long conversation in bulk, not through the store."""
    started = time.perf_counter()
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        long = insert(ConversationRow).values(id=1000, key=str(LONG), moment=turns + 1_000)
        connection.execute(long)
        for ids in batched(range(1_000, turns + 1_000), BATCH):
            connection.execute(insert(QuestionRow), [_question_row(n, ANN.key) for n in ids])
            texts = [_answer_row(n, ANN.key) | {"text": f"{n} {ANSWER}"} for n in ids]
            connection.execute(insert(AnswerRow), texts)
    engine.dispose()
    seconds, megabytes = time.perf_counter() - started, file.stat().st_size / 1e6
    print(f"{turns:,} exchanges inserted in {seconds:.0f} s, {megabytes:,.0f} MB")


def _question_row(number: int, author: str) -> dict[str, object]:
    return {
        "id": number,
        "conversation_id": 1000,
        "event_id": f"old {number}",
        "message_id": f"message {number}",
        "author": author,
        "author_name": "Ann",
        "author_admin": False,
        "direct": False,
        "asked_at": MOMENT,
        "text": f"{number} {QUESTION}",
        "position": number,
    }


def _answer_row(number: int, author: str) -> dict[str, object]:
    return {
        "id": number,
        "question_id": number,
        "current": True,
        "state": AnswerState.DONE,
        "unfinished": False,
        "created_at": MOMENT,
        "charged_to": author,
        "prompt_tokens": 90,
        "cached_tokens": 60,
        "completion_tokens": 80,
        "first_token_seconds": 0.3,
        "total_seconds": 4.0,
        "text": "",
        "ended": number,
    }


def batched(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    """`numbers` in lists of `size`, the last one perhaps shorter."""
    rest = iter(numbers)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def _fsync(folder: Path) -> float:
    """Seconds that an fsync takes in `folder`: the minimum for every commit."""
    with (folder / "probe").open("wb", buffering=0) as probe:
        times = []
        for _ in range(50):
            probe.write(b"x" * 4096)
            started = time.perf_counter()
            os.fsync(probe.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times)


async def _reading(store: Store) -> None:
    print("\nexchanges(limit=32), ms: median, maximum of 300")
    newest = {}
    for name, conversation in (("new", NEW), ("long", LONG), ("new", NEW), ("long", LONG)):
        newest[name] = (await store.exchanges(conversation, limit=1))[0].position
        times = await _times(300, lambda: store.exchanges(conversation))  # noqa: B023
        print(f"  {name:5} conversation: {_summary(times)}")
    for name, conversation in (("new", NEW), ("long", LONG)):
        middle = newest[name] - 50
        times = await _times(300, lambda: store.exchanges(conversation, before=middle))  # noqa: B023
        print(f"  {name:5} conversation, an older page: {_summary(times)}")
    for name, conversation in (("new", NEW), ("long", LONG)):
        times = await _times(300, lambda: store.answers(conversation=conversation, limit=1))  # noqa: B023
        print(f"  {name:5} conversation, the last answer: {_summary(times)}")


async def _writing(store: Store) -> None:
    print("\nwriting")
    times = await _times(300, lambda: _ask(store, LONG))
    print(f"  accept, one after another: {_summary(times)} ms, {1 / statistics.mean(times):,.0f}/s")
    answers, seconds = await _together(AT_ONCE, lambda _: _ask(store, NEW))
    print(f"  accept, {AT_ONCE} at once: {AT_ONCE / seconds:,.0f}/s")
    rounds = []
    cpu = time.process_time()
    for _ in range(20):
        _, seconds = await _together(
            AT_ONCE,
            lambda n: store.checkpoint(answers[n].id, AnswerState.WRITING, ANSWER),
        )
        rounds.append(seconds)
    cpu = (time.process_time() - cpu) / len(rounds)
    print(
        f"  checkpoint, {AT_ONCE} at once: {_summary(rounds)} ms per round, "
        f"{cpu * 1e3:.0f} ms of CPU"
    )
    usage = Usage(90, 60, 80, 0.3, 4.0)
    _, seconds = await _together(
        AT_ONCE, lambda n: store.close(answers[n].id, AnswerState.DONE, ANSWER, usage)
    )
    print(f"  close, {AT_ONCE} at once: {AT_ONCE / seconds:,.0f}/s")
    one_by_one = [await _ask(store, NEW) for _ in range(100)]
    left: Iterator[StoredAnswer] = iter(one_by_one)
    times = await _times(100, lambda: store.close(next(left).id, AnswerState.DONE, ANSWER, usage))
    print(f"  close, one after another: {_summary(times)} ms, {1 / statistics.mean(times):,.0f}/s")


async def _deleting(store: Store) -> None:
    print("\ndeleting")
    started = time.perf_counter()
    gone = await store.forget(conversation=NEW)
    seconds = time.perf_counter() - started
    print(f"  forget a conversation of {gone} exchanges: {seconds:.1f} s")
    started = time.perf_counter()
    hidden = await store.reset(LONG)
    print(f"  reset a conversation of {hidden:,} exchanges: {time.perf_counter() - started:.2f} s")


SHARES = {2: 0.01, 3: 0.1}
"""People (their ids) and their share of all questions in the large file."""


async def _measure_forgetting(file: Path, megabytes: int) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        await _ask(store, NEW)
    _fill_by_many(file, megabytes)
    async with open_store(f"sqlite:///{file}") as store:
        print("\nforgetting a person while others ask: accept, ms: median, maximum")
        print(f"  nothing is deleted: {_summary(await _times(300, lambda: _ask(store, NEW)))}")
        for person, share in SHARES.items():
            await _forget_while_others_ask(store, Person("discord", str(person), "Bob"), share)


def _fill_by_many(file: Path, megabytes: int) -> None:
    """Insert questions of many people, in bulk, with answers of 1 to 12,000 characters that were
    checkpointed on the way, so that SQLite moved rows between pages."""
    started = time.perf_counter()
    rng = random.Random(0)
    engine = create_engine(f"sqlite:///{file}")
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA secure_delete=ON"))
    with engine.begin() as connection:
        connection.execute(insert(ConversationRow).values(id=1000, key=str(LONG)))
    for ids in batched(itertools.count(1000), BATCH):
        authors = rng.choices([4, *SHARES], [1 - sum(SHARES.values()), *SHARES.values()], k=BATCH)
        people = [f"discord:{author}" for author in authors]
        with engine.begin() as connection:
            rows = [_question_row(n, person) for n, person in zip(ids, people, strict=True)]
            connection.execute(insert(QuestionRow), rows)
            rows = [_answer_row(n, person) for n, person in zip(ids, people, strict=True)]
            connection.execute(insert(AnswerRow), rows)
            for share in (0.3, 0.6, 1.0):
                texts = [
                    {"number": n, "longer": _grown(share, rng.expovariate(1 / 900))} for n in ids
                ]
                connection.execute(_GROW, texts)
        if file.stat().st_size >= megabytes * 1e6:
            break
    engine.dispose()
    seconds = time.perf_counter() - started
    print(f"\n{file.stat().st_size / 1e6:,.0f} MB of many people inserted in {seconds:.0f} s")


_GROW = update(AnswerRow.__table__).where(AnswerRow.id == bindparam("number"))
_GROW = _GROW.values(text=bindparam("longer"))


def _grown(share: float, characters: float) -> str:
    return (ANSWER * 30)[: int(share * min(characters, 12e3))]


async def _forget_while_others_ask(store: Store, person: Person, share: float) -> None:
    started = time.perf_counter()
    forgetting = asyncio.create_task(store.forget(person=person.key))
    times = []
    while not forgetting.done():
        times += await _times(1, lambda: _ask(store, NEW))
        await asyncio.sleep(0.005)
    gone, seconds = await forgetting, time.perf_counter() - started
    print(
        f"  {share:.0%} of it ({gone:,} exchanges) is deleted: {_summary(times)}; deleted and "
        f"overwritten after {seconds:.1f} s, {len(times)} questions meanwhile"
    )


async def _ask(store: Store, conversation: ConversationKey) -> StoredAnswer:
    question = Question(conversation, ANN, QUESTION, f"event {next(_events)}")
    accepted = await store.accept(question, Quota(answers_per_day=10**9))
    assert accepted is not None
    return accepted


async def _times(number: int, call: Callable[[], Awaitable[object]]) -> list[float]:
    times = []
    for _ in range(number):
        started = time.perf_counter()
        await call()
        times.append(time.perf_counter() - started)
    return times


async def _together(
    number: int, call: Callable[[int], Awaitable[Result]]
) -> tuple[list[Result], float]:
    started = time.perf_counter()
    results = await asyncio.gather(*(call(n) for n in range(number)))
    return results, time.perf_counter() - started


def _summary(times: list[float]) -> str:
    return f"{statistics.median(times) * 1e3:.2f}, {max(times) * 1e3:.2f}"


if __name__ == "__main__":
    main()
