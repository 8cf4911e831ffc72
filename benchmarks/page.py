"""Measures how long the pages of the web server take with a large database.

    python -m benchmarks.page [--turns 1000000] [--folder .]

Fills a database in a temporary folder within `--folder` with that many exchanges, half of them in
one conversation and the others in 400, asked by 500 people within a year; with a year of use and
full buckets. Prints for each page the median and the longest time of some requests over the
loopback interface, their processor time, and the size of what came.
"""

import argparse
import asyncio
import itertools
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from bot.measures import Measure, Series, Step
from bot.messages import ConversationKey
from storage import open_store
from tests.parley.web.page_bench import Scene, a_scene

PAUSE = 0.2
"""Seconds between two requests."""
PEOPLE, PLACES, DAYS, REQUESTS = 500, 400, 365, 7
LARGE = ConversationKey("discord", "1", workspace="1")
QUESTION = "What did we say about the garden, and who was to water it? " * 2
ANSWER = "You said that the tomatoes want water every evening, and that Bob has the key. " * 5
PAGES = (
    "/",
    "/?period=day&by=model",
    "/?period=month&by=platform",
    "/plots?period=day",
    "/plots/first-token.svg?period=hour",
    "/conversations",
    f"/conversation?key={quote(str(LARGE))}",
    f"/conversation?key={quote(str(LARGE))}&before=5000",
    "/conversations?search=tomatoes",
    "/conversations?search=nowhere-to-be-found",
    "/verdicts",
    "/verdicts?only=bad",
    "/use?days=30",
    "/use?days=365",
    "/settings",
    "/problems",
    "/doctor",
    "/metrics",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        asyncio.run(_measure(Path(folder) / "pages.sqlite3", options.turns))


async def _measure(file: Path, turns: int) -> None:
    async with open_store(f"sqlite:///{file}") as store:
        await store.add_measures(datetime.now(UTC), [])
    started = time.perf_counter()
    _fill(file, turns)
    print(f"{turns:,} turns filled in {time.perf_counter() - started:.0f} s", flush=True)
    async with open_store(f"sqlite:///{file}") as store, a_scene(store=store) as scene:
        for path in PAGES:
            times, processor, size = await _timed(scene, path)
            median, longest = statistics.median(times) * 1e3, max(times) * 1e3
            print(
                f"{median:7.1f} ms, longest {longest:7.1f} ms, {processor * 1e3:7.1f} ms of "
                f"processor time, {size:9,} B  {path}",
                flush=True,
            )


async def _timed(scene: Scene, path: str) -> tuple[list[float], float, int]:
    """The times of some requests, their mean processor time (of all threads, and of the client),
    and the size."""
    times, page, processor = [], "", time.process_time()
    for _ in range(REQUESTS):
        await asyncio.sleep(PAUSE)
        started = time.perf_counter()
        page = await scene.get(path)
        times.append(time.perf_counter() - started)
    return times, (time.process_time() - processor) / REQUESTS, len(page)


def _fill(file: Path, turns: int) -> None:
    """Insert in bulk, not through the store."""
    drawn, now = random.Random(1), datetime.now(UTC)
    database = sqlite3.connect(file)
    keys = [str(LARGE), *(f"slack:T1/C{n}" for n in range(PLACES))]
    database.executemany(
        "INSERT INTO conversations (id, key, hidden_to, moment) VALUES (?, ?, 0, ?)",
        ((number, key, turns) for number, key in enumerate(keys, start=1)),
    )
    asked = _asked(drawn, now, turns)
    first, second = itertools.tee(asked)
    database.executemany(
        "INSERT INTO questions (id, position, conversation_id, event_id, message_id, author, "
        "author_name, author_admin, direct, asked_at, text) VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, 0, "
        "0, ?7, ?8)",
        (
            (n, place, f"e{n}", f"m{n}", f"discord:{who}", f"Person {who}", at, f"{n} {QUESTION}")
            for n, place, who, at in first
        ),
    )
    database.executemany(
        "INSERT INTO answers (id, question_id, current, state, unfinished, created_at, charged_to, "
        "prompt_tokens, cached_tokens, completion_tokens, first_token_seconds, total_seconds, "
        "text, ended) VALUES (?1, ?1, 1, 'done', 0, ?2, ?3, 800, 600, 90, 0.4, 4.0, ?4, ?1)",
        ((n, at, f"discord:{who}", ANSWER) for n, _, who, at in second),
    )
    database.execute(
        "INSERT INTO activity SELECT date(a.created_at), q.conversation_id, a.charged_to, count(*),"
        " 0, sum(prompt_tokens), sum(completion_tokens), count(*), sum(first_token_seconds),"
        " sum(total_seconds - first_token_seconds) FROM answers a JOIN questions q"
        " ON q.id = a.question_id GROUP BY 1, 2, 3"
    )
    database.executemany(
        "INSERT INTO feedback (answer_id, person, verdict) VALUES (?, ?, ?)",
        (
            (n, f"discord:{drawn.randint(1, PEOPLE)}", drawn.choice((1, 1, -1)))
            for n in range(1, turns, 50)
        ),
    )
    database.execute(
        "UPDATE feedback SET (rated_at, conversation_id) = (SELECT a.created_at, q.conversation_id"
        " FROM answers a JOIN questions q ON q.id = a.question_id WHERE a.id = answer_id)"
    )
    _add_up(database)
    database.executemany("INSERT INTO buckets VALUES (?, ?, ?, ?, ?, ?, 3, 5.0)", _buckets(now))
    database.commit()
    database.execute("ANALYZE")
    database.close()


def _add_up(database: sqlite3.Connection) -> None:
    """As `storage.sql.sums` does."""
    month = "date(day, 'start of month')"
    for by, monthly, start, of in (
        ("day", 0, "day", "''"),
        ("person", 0, "day", "person"),
        ("person", 1, month, "person"),
        ("place", 0, "day", "key"),
        ("place", 1, month, "key"),
    ):
        database.execute(
            f"INSERT INTO sums SELECT '{by}', {monthly}, {start}, {of}, sum(answers), sum(failed),"
            " sum(prompt_tokens), sum(completion_tokens), sum(timed), sum(first_token_seconds),"
            " sum(generating_seconds) FROM activity JOIN conversations c ON c.id = conversation_id"
            f" GROUP BY {start}, {of}"
        )


def _asked(drawn: random.Random, now: datetime, turns: int) -> Iterator[tuple[int, int, int, str]]:
    for n in range(1, turns + 1):
        at = now - timedelta(days=DAYS * (1 - n / turns))
        place = 1 if n % 2 else drawn.randint(2, PLACES + 1)
        yield n, place, drawn.randint(1, PEOPLE), _text(at)


def _buckets(now: datetime) -> Iterator[tuple[int, str, str, str, str, int]]:
    kinds: list[Measure] = []
    for platform, model in itertools.product(("discord", "slack"), ("demo", "large")):
        for series in Series:
            bins = range(1, 9) if series.bounds else (0,)
            kinds += [Measure(series, platform, model, bin=position) for position in bins]
    for step, number in ((Step.MINUTE, 1560), (Step.HOUR, 960), (Step.DAY, 365)):
        for back in range(number):
            start = _text(step.start(now) - timedelta(seconds=back * int(step)))
            for one in kinds:
                yield int(step), start, one.series.value, one.platform, one.model, one.bin


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


if __name__ == "__main__":
    main()
