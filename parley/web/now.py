"""What Parley does now, as numbers: for the overview, and as a stream of events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from aiohttp import web

from parley.web.access import numbers
from parley.web.live import Live
from parley.web.memory import memory_now
from parley.web.state import STATE, WebState

EVERY = 1.0
"""Seconds between two events of the stream."""
MOST_STREAMS = 20
"""Streams that are open at the same time; of more, a browser is told to come back later."""
RETRY = 5000
"""Milliseconds after which a browser opens the stream again."""

STREAMS: web.AppKey[set["asyncio.Task[None] | None"]] = web.AppKey("streams", set)


@dataclass(frozen=True, slots=True)
class Running:
    """An answer that waits or is being written. Holds no text and nobody's name."""

    id: int
    platform: str
    state: str
    seconds: int
    """Since the engine took it up in this run of Parley."""
    characters: int
    """Of the text so far."""


@dataclass(frozen=True, slots=True)
class Now:
    """The live numbers; the keys of the stream's events."""

    writing: int
    waiting: int
    tokens_per_second: float
    """Of the answer that ended last."""
    questions: int
    """Since the start."""
    failed: int
    """Answers that failed since the start."""
    memory: int
    """Bytes of the bot's own process."""
    model_memory: int
    at: str
    """The time, in UTC."""
    running: tuple[Running, ...]


def now(live: Live) -> Now:
    """The numbers of this moment. Raises nothing."""
    counted, memory = live.recorder.now(), memory_now()
    moment = f"{datetime.now(UTC):%H:%M:%S}"
    answers = {state.value: number for state, number in counted.answers.items()}
    failed = answers.get("failed", 0)
    if live.parley is None:
        return Now(0, 0, 0.0, counted.questions, failed, memory.own, memory.model, moment, ())
    status = live.parley.engine.status
    loop = asyncio.get_running_loop()
    running = tuple(
        Running(
            job.id,
            job.answer.question.conversation.platform,
            job.state.value,
            int(loop.time() - job.began),
            len(job.text),
        )
        for job in live.parley.engine.running
        if job.outcome is None
    )
    return Now(
        status.writing,
        status.waiting,
        round(status.tokens_per_second, 1),
        counted.questions,
        failed,
        memory.own,
        memory.model,
        moment,
        running,
    )


def register(app: web.Application) -> None:
    """Add the handler."""
    app[STREAMS] = set()
    app.router.add_get("/live", stream)
    app.on_shutdown.append(_end_streams)


@numbers
async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events: `Now` as JSON, once a second."""
    streams = request.app[STREAMS]
    if len(streams) >= MOST_STREAMS:
        raise web.HTTPServiceUnavailable(headers={"Retry-After": "30"})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    task = asyncio.current_task()
    streams.add(task)
    try:
        async for event in _events(request.app[STATE]):
            await response.write(event)
    except (ConnectionError, asyncio.CancelledError):
        pass  # the browser has left, or the server ends
    finally:
        streams.discard(task)
    return response


async def _events(state: WebState) -> AsyncIterator[bytes]:
    yield f"retry: {RETRY}\n\n".encode()
    while True:
        yield f"data: {json.dumps(asdict(now(state.live)))}\n\n".encode()
        await state.clock.sleep(EVERY)


async def _end_streams(app: web.Application) -> None:
    """An open page must not delay the end of the program."""
    tasks = [task for task in app[STREAMS] if task is not None]
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
