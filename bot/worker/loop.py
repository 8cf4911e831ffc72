"""One thread that steps the model and heeds commands between two steps.

A cancelled answer therefore gets nothing from any step that begins after the cancel arrived.
"""

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.worker.backends import Backend
from bot.worker.channel import Command
from bot.worker.frames import Message
from bot.worker.protocol import CANCELLED, ERROR, Ended, Request, without_type


@dataclass(slots=True)
class _Open:
    """What is known of one answer in flight."""

    request: Request
    arrived: float
    first_token: float = 0.0
    tokens: int = 0


class Loop:
    """Runs a loaded back end until it is told to quit."""

    def __init__(
        self,
        backend: Backend,
        commands: "queue.SimpleQueue[Command]",
        send: Callable[[Message], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.steps = 0
        """How many steps the back end has made."""
        self._backend = backend
        self._commands = commands
        self._send = send
        self._clock = clock
        self._open: dict[int, _Open] = {}
        self._ended: list[Message] = []
        self._quit = False

    def run(self) -> None:
        """Step while answers are open, sleep while there are none. Returns when told to quit;
        whatever the back end raises passes through."""
        pause = 0.0
        while True:
            self._heed(pause)
            if self._quit:
                return
            pause = self._step() if self._open else 0.0
            self._report([])

    def _heed(self, pause: float) -> None:
        """Carry out every command that is there. Waits for one where nothing is to be done."""
        try:
            if not self._open:
                self._carry_out(self._commands.get())
            elif pause > 0:
                self._carry_out(self._commands.get(timeout=pause))
            while True:
                self._carry_out(self._commands.get_nowait())
        except queue.Empty:
            return

    def _carry_out(self, command: Command) -> None:
        message = command.message
        if message["type"] == "add":
            self._add(Request(**without_type(message)), command.at)
        elif message["type"] == "cancel":
            self._cancel(message["id"])
        elif message["type"] == "quit":
            self._quit = True

    def _add(self, request: Request, arrived: float) -> None:
        self._open[request.id] = _Open(request, arrived)
        try:
            self._backend.add(request)
        except ValueError as exc:  # this request cannot be served; others can
            self._end(Ended(request.id, ERROR, str(exc)))

    def _cancel(self, request_id: int) -> None:
        if request_id in self._open:  # else it ended while the command was on its way
            self._backend.cancel(request_id)
            self._end(Ended(request_id, CANCELLED))

    def _step(self) -> float:
        step = self._backend.step()
        self.steps += 1
        now = self._clock()
        grown = [(key, ids) for key, ids in step.tokens if ids and key in self._open]
        for key, ids in grown:
            answer = self._open[key]
            answer.first_token = answer.first_token or now
            answer.tokens += len(ids)
        for ended in step.ended:
            if ended.id in self._open:
                self._end(ended)
        self._report(grown)
        return step.pause

    def _end(self, ended: Ended) -> None:
        answer = self._open.pop(ended.id)
        now = self._clock()
        self._ended.append(
            {
                "id": ended.id,
                "reason": ended.reason,
                "message": ended.message,
                "usage": {
                    "prompt_tokens": len(answer.request.prompt),
                    "cached_tokens": ended.cached_tokens,
                    "completion_tokens": answer.tokens,
                    "first_token_seconds": (answer.first_token or now) - answer.arrived,
                    "total_seconds": now - answer.arrived,
                },
            }
        )

    def _report(self, grown: list[tuple[int, list[int]]]) -> None:
        if grown or self._ended:
            ended, self._ended = self._ended, []
            self._send({"type": "step", "step": self.steps, "tokens": grown, "ended": ended})
