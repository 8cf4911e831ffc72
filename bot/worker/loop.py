"""The decoding loop: one thread runs the backend's steps and applies commands between two steps.

A cancelled answer therefore gets no token of any step that begins after the cancel arrived. Tokens
of fast steps are sent together (`GATHER_SECONDS`); the first one of an answer and its end are sent
at once.
"""

import queue
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from bot.worker.backends import Backend
from bot.worker.channel import Command
from bot.worker.frames import Message
from bot.worker.protocol import CANCELLED, ERROR, Ended, Request, payload

GATHER_SECONDS = 0.03
"""Tokens that come sooner than that after the last ones are sent with the next. Each sending wakes
the bot, and on few cores that takes the processor from the model: 0.3 ms where a token of a small
model takes 4. Nobody sees the difference: a terminal changes 30 times a second, a message twice."""


@dataclass(slots=True)
class _InFlight:
    """What is measured of one request. Times are of the loop's clock; 0.0 is not yet."""

    request: Request
    arrived: float
    first_token: float = 0.0
    tokens: int = 0


class Loop:
    """Runs a loaded backend until ``quit`` arrives. Used by one thread only."""

    def __init__(
        self,
        backend: Backend,
        commands: "queue.SimpleQueue[Command]",
        send: Callable[[Message], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.steps = 0
        """Decoding steps so far. May be read from any thread."""
        self._backend = backend
        self._commands = commands
        self._send = send
        self._clock = clock
        self._in_flight: dict[int, _InFlight] = {}
        self._ended: list[Ended] = []
        self._gathered: dict[int, list[int]] = {}
        """Tokens that are not sent yet, by request."""
        self._stepped_at = self._sent_at = 0.0
        """When the last step ended, and the last one whose tokens were sent."""
        self._quit = False

    def run(self) -> None:
        """Step while requests are in flight, and block on the command queue while there are none.
        Returns after ``quit``. Raises whatever the backend's `step` or `cancel` raises, once the
        tokens before are sent."""
        try:
            self._run()
        except Exception:
            self._report()
            raise

    def _run(self) -> None:
        pause = 0.0
        while True:
            self._process_commands(pause)
            if self._quit:
                return
            pause = self._step() if self._in_flight else 0.0
            if self._ended or pause > 0 or self._stepped_at - self._sent_at >= GATHER_SECONDS:
                self._report()

    def _process_commands(self, pause: float) -> None:
        """Apply all queued commands. Waits for one where no request is in flight, and for up to
        `pause` seconds where the next step has nothing to do before."""
        try:
            if not self._in_flight:
                self._apply(self._commands.get())
            elif pause > 0:
                self._apply(self._commands.get(timeout=pause))
            while True:
                self._apply(self._commands.get_nowait())
        except queue.Empty:
            return

    def _apply(self, command: Command) -> None:
        message = command.message
        if message["type"] == "add":
            if self._gathered:  # the next step may read this one's prompt, which takes long
                self._report()
            self._add(Request(**payload(message)), command.at)
        elif message["type"] == "cancel":
            self._cancel(message["id"])
        elif message["type"] == "quit":
            self._quit = True

    def _add(self, request: Request, arrived: float) -> None:
        self._in_flight[request.id] = _InFlight(request, arrived)
        try:
            self._backend.add(request)
        except ValueError as exc:  # this request cannot be served; others can
            self._end(Ended(request.id, ERROR, str(exc)))

    def _cancel(self, request_id: int) -> None:
        if request_id in self._in_flight:  # else it ended while the command was on its way
            self._backend.cancel(request_id)
            self._end(Ended(request_id, CANCELLED))

    def _step(self) -> float:
        """Run one step and report it. Returns the pause before the next one, in seconds."""
        step = self._backend.step()
        self.steps += 1
        now = self._stepped_at = self._clock()
        begun = False
        for key, ids in step.tokens:
            if ids and (answer := self._in_flight.get(key)) is not None:
                begun = begun or not answer.tokens
                answer.first_token = answer.first_token or now
                answer.tokens += len(ids)
                self._gathered.setdefault(key, []).extend(ids)
        for ended in step.ended:
            if ended.id in self._in_flight:
                self._end(ended)
        for note in step.notes:
            self._send({"type": "note", "message": note})
        if begun:
            self._report()
        return step.pause

    def _end(self, ended: Ended) -> None:
        """Complete the usage and queue `ended` for the next ``step`` frame."""
        answer = self._in_flight.pop(ended.id)
        now = self._clock()
        usage = replace(
            ended.usage,
            prompt_tokens=len(answer.request.prompt),
            completion_tokens=answer.tokens,
            first_token_seconds=(answer.first_token or now) - answer.arrived,
            total_seconds=now - answer.arrived,
        )
        self._ended.append(replace(ended, usage=usage))

    def _report(self) -> None:
        """Send the tokens and the ends that were not sent yet."""
        if not self._gathered and not self._ended:
            return
        tokens, self._gathered = list(self._gathered.items()), {}
        ended, self._ended = [asdict(end) for end in self._ended], []
        self._sent_at = self._stepped_at
        self._send({"type": "step", "step": self.steps, "tokens": tokens, "ended": ended})
