"""What Parley does now, as numbers: for the overview, and as a stream of events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from aiohttp import web

from bot.clock import Clock
from bot.ports import AnswerState
from parley.web.access import numbers
from parley.web.live import Live
from parley.web.memory import Memory, memory_now
from parley.web.state import STATE

EVERY = 1.0
"""Seconds between two events of the stream."""
MOST_STREAMS = 20
"""Streams that are open at the same time; of more, a browser is told to come back later."""
SHARED = 0.5
"""Seconds for which an event is sent to whoever asks."""
MEMORY_EVERY = 5.0
"""Seconds between two looks at the memory of the processes."""
RETRY = 5000
"""Milliseconds after which a browser opens the stream again."""


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
    history: str
    """Differs where the plots may have something new to show."""
    running: tuple[Running, ...]


class Latest:
    """Makes `Now`, once for all streams and pages that ask within `SHARED` seconds."""

    def __init__(self, live: Live, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._memory = memory_now()
        self._memory_until = clock.monotonic() + MEMORY_EVERY
        self._event_until = -SHARED
        self._event = b""

    async def now(self) -> Now:
        """The numbers of this moment. Raises nothing."""
        if self._clock.monotonic() >= self._memory_until:
            self._memory_until = self._clock.monotonic() + MEMORY_EVERY
            self._memory = await asyncio.to_thread(memory_now)
        return _now(self._live, self._memory)

    async def event(self) -> bytes:
        """The same as an event of the stream."""
        if self._clock.monotonic() >= self._event_until:
            self._event_until = self._clock.monotonic() + SHARED
            self._event = f"data: {_json(await self.now())}\n\n".encode()
        return self._event


def _now(live: Live, memory: Memory) -> Now:
    counted, moment = live.recorder.now(), datetime.now(UTC)
    status = live.parley.engine.status if live.parley else None
    return Now(
        writing=status.writing if status else 0,
        waiting=status.waiting if status else 0,
        tokens_per_second=round(status.tokens_per_second, 1) if status else 0.0,
        questions=counted.questions,
        failed=counted.answers.get(AnswerState.FAILED, 0),
        memory=memory.own,
        model_memory=memory.model,
        at=f"{moment:%H:%M:%S}",
        history=f"{moment:%H:%M} {counted.questions} {sum(counted.answers.values())}",
        running=_running(live),
    )


def _running(live: Live) -> tuple[Running, ...]:
    if live.parley is None:
        return ()
    time = asyncio.get_running_loop().time()
    return tuple(
        Running(
            job.id,
            job.answer.question.conversation.platform,
            job.state.value,
            int(time - job.began),
            len(job.text),
        )
        for job in live.parley.engine.running
        if job.outcome is None
    )


def _json(now: Now) -> str:
    return json.dumps(asdict(now), separators=(",", ":"))


LATEST: web.AppKey[Latest] = web.AppKey("latest", Latest)
STREAMS: web.AppKey[set["asyncio.Task[None] | None"]] = web.AppKey("streams", set)


def register(app: web.Application) -> None:
    """Add the handler."""
    app[STREAMS] = set()
    app[LATEST] = Latest(app[STATE].live, app[STATE].clock)
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
        async for event in _events(request.app):
            await response.write(event)
    except (ConnectionError, asyncio.CancelledError):
        pass  # the browser has left, or the server ends
    finally:
        streams.discard(task)
    return response


async def _events(app: web.Application) -> AsyncIterator[bytes]:
    yield f"retry: {RETRY}\n\n".encode()
    while True:
        yield await app[LATEST].event()
        await app[STATE].clock.sleep(EVERY)


async def _end_streams(app: web.Application) -> None:
    """An open page must not delay the end of the program."""
    tasks = [task for task in app[STREAMS] if task is not None]
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
