"""One life of the worker process: start it, talk to it, notice its end.

The process gets none of this process's import paths and nothing of its environment that may be a
secret (`bot.environment`). What it prints goes to the log at DEBUG, and its last words into the
error when it ends unasked.
"""

import asyncio
import sys
from collections.abc import Callable, Collection
from typing import Any

from bot.errors import ModelError, WorkerLost
from bot.generation.answer_stream import AnswerStream
from bot.generation.options import LoadProgress, Patience
from bot.generation.process import StderrLog, ending, spawn
from bot.messages import Usage
from bot.worker.frames import MAGIC, FrameError, FrameReader, Message, encode
from bot.worker.protocol import Facts, LoadOptions, Request, to_message, without_type

Progress = Callable[[LoadProgress], None]

_READ_BYTES = 16 * 1024
_WAKE_AT_ONCE = 32
"""Answers woken before the event loop gets its turn, so that 200 streams do not stall it."""
_LEAVE_SECONDS = 5.0


class WorkerClient:
    """A running worker. Made by `launch`; ended by `aclose`, or when the process ends."""

    facts: Facts
    """What was loaded."""
    out_of_memory = False
    """Why the process ended."""

    def __init__(
        self, process: asyncio.subprocess.Process, python: str, patience: Patience
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._python = python
        self._patience = patience
        self._stderr = StderrLog(process)
        self._answers: dict[int, AnswerStream] = {}
        self._next_id = 0
        self._facts: asyncio.Future[Facts] = asyncio.get_running_loop().create_future()
        self._on_progress: Progress = lambda _: None
        self._spoken_at = self._stepped_at = self._now()
        self._steps = 0
        self._closing = False
        self._is_worker = True
        self._reason = ""
        self._fatal = ""
        self._gone = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ beginning and end

    @classmethod
    async def launch(
        cls,
        options: LoadOptions,
        *,
        python: str = "",
        environment: Collection[str] = (),
        patience: Patience | None = None,
        on_progress: Progress | None = None,
    ) -> "WorkerClient":
        """Start a worker, with the variables `environment` passed on to it, and let it load the
        model. Raises ModelError, with one line for the
        operator, where it cannot be started, cannot load the model, or ends meanwhile."""
        python = python or sys.executable
        process = await spawn(python, environment)
        client = cls(process, python, patience or Patience())
        client._on_progress = on_progress or client._on_progress
        client._life = asyncio.create_task(client._live(), name=f"worker {process.pid}")
        try:
            client._send(to_message("load", options))
            client.facts = await asyncio.shield(client._facts)
        except BaseException:
            await client.aclose()
            raise
        return client

    @property
    def lost(self) -> bool:
        """The process is gone or going."""
        return self._closing or self._gone.is_set() or bool(self._reason)

    async def wait(self) -> str:
        """Wait for the process to end; why it did, in one line."""
        await self._gone.wait()
        return self._reason

    async def aclose(self) -> None:
        """End the process, politely first; open answers raise WorkerLost. Idempotent."""
        self._closing = True
        if self._process.returncode is None and self._process.stdin is not None:
            self._send({"type": "quit"})
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._gone.wait()
        except TimeoutError:
            self._kill()
        if self._life is not None:
            await self._life

    # ------------------------------------------------------------ answers

    def add(self, request: dict[str, Any], on_end: Callable[[], None]) -> AnswerStream:
        """Ask for an answer: `request` is a `bot.worker.protocol.Request` without its id.
        `on_end` is called when the worker no longer works on it. Raises WorkerLost."""
        if self.lost:
            raise WorkerLost(self._reason or "The model's process is being ended.")
        self._next_id += 1
        answer = AnswerStream(self._next_id, on_end)
        if not self._answers:
            self._stepped_at = self._now()
        self._answers[answer.id] = answer
        self._send(to_message("add", Request(id=answer.id, **request)))
        return answer

    def cancel(self, answer: AnswerStream) -> None:
        """Stop an answer before the next decoding step. Returns at once; it is over later."""
        if not answer.over and not self.lost:
            self._send({"type": "cancel", "id": answer.id})

    def _send(self, message: Message) -> None:
        # Not drained: what is under way is bounded by the answers in flight, and the worker reads
        # in a thread of its own. A pipe that is closed already shows as the process's end.
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(encode(message))

    # ------------------------------------------------------------ the process's life

    async def _live(self) -> None:
        """Read until the process is gone, then say so to everybody who waits."""
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
                    # A process that the worker started may keep its stderr open.
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
                self._spoken_at = self._now()
                for message in frames.feed(data):
                    await self._take(message)
                await asyncio.sleep(0)
        except FrameError as exc:
            self._reason = f"The model's process sent something unreadable: {exc}."
            self._kill()

    async def _take(self, message: Message) -> None:
        kind = message["type"]
        if kind == "step":
            await self._take_step(message)
        elif kind == "beat":
            if message["steps"] != self._steps:
                self._steps, self._stepped_at = message["steps"], self._now()
        elif kind == "progress":
            self._on_progress(LoadProgress(message["what"], message["done"], message["total"]))
        elif kind == "ready":
            self._facts.set_result(Facts(**without_type(message)))
        elif kind == "failed":
            self._refuse(message["message"])
        elif kind == "fatal":
            self._fatal, self.out_of_memory = message["message"], message.get("memory", False)

    async def _take_step(self, message: Message) -> None:
        self._steps, self._stepped_at = message["step"], self._now()
        for index, (answer_id, ids) in enumerate(message["tokens"], start=1):
            if (answer := self._answers.get(answer_id)) is not None:
                answer.put(ids)
            if index % _WAKE_AT_ONCE == 0:
                await asyncio.sleep(0)
        for ended in message["ended"]:
            if (answer := self._answers.pop(ended["id"], None)) is not None:
                answer.end(ended["reason"], ended["message"], Usage(**ended["usage"]))

    async def _watch(self) -> None:
        """End the process when it is silent or makes no step for too long."""
        patience = self._patience
        while True:
            now = self._now()
            limit = patience.silence if self._facts.done() else patience.loading
            left = self._spoken_at + limit - now
            if self._answers and self._stepped_at + patience.stall - now < left:
                left, limit = self._stepped_at + patience.stall - now, patience.stall
            if left <= 0:
                self._reason = f"The model's process hung: it did nothing for {limit:g} seconds."
                self._kill()
                return
            await asyncio.sleep(min(left, patience.silence, patience.stall))

    async def _end_process(self) -> None:
        """The process's output has ended: see that it does too."""
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._kill()
            await self._process.wait()

    def _report_end(self) -> None:
        if self._closing:
            self._reason = self._reason or "The model's process was ended."
        elif self._fatal:
            self._reason = f"The model's process ended unexpectedly: {self._fatal}."
        elif not self._reason:
            python = "" if self._is_worker else self._python
            self._reason = ending(self._process.returncode, self._stderr.last_words, python)
        self._refuse(self._reason)
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer.fail(WorkerLost(self._reason))
        self._gone.set()

    def _refuse(self, reason: str) -> None:
        if not self._facts.done():
            self._facts.set_exception(ModelError(reason))
            self._facts.exception()  # perhaps nobody waits any more

    def _kill(self) -> None:
        # Not where the process may be about to end by itself: killing asks for its exit code, and
        # asyncio, which waits for the same, would then never learn it.
        if self._process.returncode is None:
            self._process.kill()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
