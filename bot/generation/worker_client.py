"""One worker process, from start to end: sends requests, distributes tokens, detects hangs.

The process gets neither this process's import paths nor any variable of its environment that may
hold a secret (`bot.environment`). Its stderr is logged at DEBUG, and the last lines are part of the
error when it ends unexpectedly.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Collection
from typing import Any

from bot.errors import ModelError, WorkerLost
from bot.generation.answer_stream import AnswerStream
from bot.generation.options import LoadProgress, Timeouts
from bot.generation.process import StderrLog, ending, spawn
from bot.worker.frames import MAGIC, FrameError, FrameReader, Message, encode
from bot.worker.protocol import Ended, Facts, LoadOptions, Request, payload, to_message

logger = logging.getLogger(__name__)

Progress = Callable[[LoadProgress], None]

_READ_BYTES = 16 * 1024
_ANSWERS_PER_TURN = 32
"""Answers that are woken before other tasks may run: 200 streams must not block the event loop."""
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, asyncio.InvalidStateError)
"""What reading a message raises that lacks fields, or has fields of other types."""
_EXIT_TIMEOUT = 5.0
"""Seconds that the process may take to exit before it is killed."""


class WorkerClient:
    """A running worker. Created by `launch`; over after `aclose`, or when the process ends. Used on
    the event loop only."""

    facts: Facts
    """What was loaded."""
    out_of_memory = False
    """The process ended because the device's memory ran out."""

    def __init__(
        self, process: asyncio.subprocess.Process, python: str, timeouts: Timeouts
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._python = python
        self._timeouts = timeouts
        self._stderr = StderrLog(process)
        self._answers: dict[int, AnswerStream] = {}
        self._next_id = 0
        self._facts: asyncio.Future[Facts] = asyncio.get_running_loop().create_future()
        self._on_progress: Progress = lambda _: None
        self._received_at = self._stepped_at = self._now()
        self._steps = 0
        self._closing = False
        self._is_worker = True
        self._reason = ""
        self._fatal = ""
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ start and shutdown

    @classmethod
    async def launch(
        cls,
        options: LoadOptions,
        *,
        python: str = "",
        environment: Collection[str] = (),
        timeouts: Timeouts | None = None,
        on_progress: Progress | None = None,
    ) -> "WorkerClient":
        """Start a worker and load the model; `on_progress` is called meanwhile. Raises ModelError,
        with one line for the operator, where the process cannot be started, cannot load the model,
        or ends. `python` "" is this process's interpreter; `environment` names variables that the
        worker gets in addition to those of `bot.environment`."""
        python = python or sys.executable
        process = await spawn(python, environment)
        client = cls(process, python, timeouts or Timeouts())
        client._on_progress = on_progress or client._on_progress
        client._task = asyncio.create_task(client._run(), name=f"worker {process.pid}")
        try:
            client._send(to_message("load", options))
            client._on_progress(LoadProgress("Starting the model's process", 0, 0))
            client.facts = await asyncio.shield(client._facts)
        except BaseException:
            await client.aclose()
            raise
        return client

    @property
    def lost(self) -> bool:
        """The process has ended or is being ended; `add` raises WorkerLost."""
        return self._closing or self._gone.is_set() or bool(self._reason)

    async def wait(self) -> str:
        """Wait for the process to end. Returns the reason in one line."""
        await self._gone.wait()
        return self._reason

    async def aclose(self) -> None:
        """Ask the process to quit, and kill it after a timeout. Open answers raise WorkerLost.
        Idempotent."""
        self._closing = True
        if self._process.returncode is None and self._process.stdin is not None:
            self._send({"type": "quit"})
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_EXIT_TIMEOUT):
                await self._gone.wait()
        except TimeoutError:
            self._kill()
        if self._task is not None:
            await self._task

    # ------------------------------------------------------------ answers

    def add(self, request: dict[str, Any], on_end: Callable[[], None]) -> AnswerStream:
        """Request an answer. `request`: the fields of a `bot.worker.protocol.Request` without
        ``id``. `on_end` is called when the worker no longer works on it. Raises WorkerLost."""
        if self.lost:
            raise WorkerLost(self._reason or "The model's process is shutting down.")
        self._next_id += 1
        answer = AnswerStream(self._next_id, on_end)
        if not self._answers:
            self._stepped_at = self._now()
        self._answers[answer.id] = answer
        self._send(to_message("add", Request(id=answer.id, **request)))
        return answer

    def cancel(self, answer: AnswerStream) -> None:
        """Stop an answer before the next decoding step. Returns at once; the answer is over when
        the worker has confirmed it. No effect on one that is over."""
        if not answer.over and not self.lost:
            self._send({"type": "cancel", "id": answer.id})

    def _send(self, message: Message) -> None:
        # No drain(): the buffered data is bounded by the requests in flight, and the worker reads
        # in a thread of its own. A closed pipe is noticed as the process's end.
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(encode(message))

    # ------------------------------------------------------------ the process

    async def _run(self) -> None:
        """Read frames until the process ends, then fail everything that waits for it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                stderr = tasks.create_task(self._stderr.read())
                watch = tasks.create_task(self._watch())
                try:
                    await self._read_frames()
                except BaseException:
                    self._kill()
                    raise
                finally:
                    watch.cancel()
                    await self._end_process()
                    # A child process of the worker may keep stderr open.
                    await asyncio.wait([stderr], timeout=1.0)
                    stderr.cancel()
        finally:
            self._report_end()

    async def _read_frames(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        try:
            await stdout.readuntil(MAGIC)
        except asyncio.IncompleteReadError:
            self._is_worker = False
            return
        except asyncio.LimitOverrunError:
            self._is_worker = False
            self._kill()
            return
        frames = FrameReader()
        try:
            while data := await stdout.read(_READ_BYTES):
                self._received_at = self._now()
                for message in frames.feed(data):
                    await self._handle(message)
                await asyncio.sleep(0)
        except FrameError as exc:
            self._reason = f"The model's process sent data that is not a frame: {exc}."
            self._kill()

    async def _handle(self, message: Message) -> None:
        """Raises FrameError for a message that the protocol does not have."""
        try:
            await self._dispatch(message)
        except _MALFORMED as exc:
            kind = str(message.get("type"))[:40]
            raise FrameError(f"a message of type {kind} is malformed ({exc!r:.80})") from exc

    async def _dispatch(self, message: Message) -> None:
        kind = message["type"]
        if kind == "step":
            await self._handle_step(message)
        elif kind == "beat":
            if message["steps"] != self._steps:
                self._steps, self._stepped_at = message["steps"], self._now()
        elif kind == "note":
            logger.warning("%s", message["message"])
        elif kind == "progress":
            self._on_progress(LoadProgress(message["what"], message["done"], message["total"]))
        elif kind == "ready":
            self._facts.set_result(Facts(**payload(message)))
        elif kind == "failed":
            self._refuse(message["message"])
        elif kind == "fatal":
            self._fatal, self.out_of_memory = message["message"], message.get("memory", False)

    async def _handle_step(self, message: Message) -> None:
        self._steps, self._stepped_at = message["step"], self._now()
        for index, (answer_id, ids) in enumerate(message["tokens"], start=1):
            if not all(type(token) is int and token >= 0 for token in ids):
                raise ValueError("token ids are whole numbers")
            if (answer := self._answers.get(answer_id)) is not None:
                answer.put(ids)
            if index % _ANSWERS_PER_TURN == 0:
                await asyncio.sleep(0)
        for ended in map(Ended.from_json, message["ended"]):
            if (answer := self._answers.get(ended.id)) is not None:
                answer.end(ended)  # where this is malformed, it fails with the process
                del self._answers[ended.id]

    async def _watch(self) -> None:
        """Kill the process when one of the timeouts has passed."""
        timeouts = self._timeouts
        while True:
            now = self._now()
            limit = timeouts.silence if self._facts.done() else timeouts.loading
            left = self._received_at + limit - now
            if self._answers and self._stepped_at + timeouts.stall - now < left:
                left, limit = self._stepped_at + timeouts.stall - now, timeouts.stall
            if left <= 0:
                self._reason = f"The model's process hung: it did nothing for {limit:g} seconds."
                self._kill()
                return
            await asyncio.sleep(min(left, timeouts.silence, timeouts.stall))

    async def _end_process(self) -> None:
        """The process has closed its stdout: wait for its exit, and kill it after a timeout."""
        try:
            async with asyncio.timeout(_EXIT_TIMEOUT):
                await self._process.wait()
        except TimeoutError:
            self._kill()
            await self._process.wait()

    def _report_end(self) -> None:
        """Determine why the process ended, and fail the start and all open answers with it."""
        if self._closing:
            self._reason = self._reason or "The model's process was shut down."
        elif self._fatal:
            self._reason = f"The model's process ended unexpectedly: {self._fatal}."
        elif not self._reason:
            python = "" if self._is_worker else self._python
            self._reason = ending(self._process.returncode, self._stderr.last_output, python)
        self._refuse(self._reason)
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer.fail(WorkerLost(self._reason))
        self._gone.set()

    def _refuse(self, reason: str) -> None:
        if not self._facts.done():
            self._facts.set_exception(ModelError(reason))
            self._facts.exception()  # marks it as retrieved: perhaps nobody waits

    def _kill(self) -> None:
        """Kill the process if it still runs. Not to be called where it may be exiting by itself:
        `kill` would collect the exit code, which asyncio's own wait would then never get."""
        if self._process.returncode is None:
            self._process.kill()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
