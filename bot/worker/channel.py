"""The worker's ends of the two pipes to the bot.

Commands arrive on fd 0 and frames leave on fd 1. Both descriptors are moved away at the start, so
that a library that prints cannot corrupt a frame: its output goes to stderr, which the bot logs.
End-of-file on fd 0 means that the bot is gone; the worker then exits.
"""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.worker.frames import MAGIC, FrameReader, Message, encode

GRACE_SECONDS = 3.0
"""How long the main thread may clean up after the bot is gone, before the process is ended."""

QUIT = {"type": "quit"}
"""The command that end-of-file on fd 0 stands for."""


class PipeClosed(BaseException):
    """The bot has closed its end of the pipe. Not an Exception, so that no handler for a backend's
    errors swallows it: whatever is running should end."""


@dataclass(frozen=True, slots=True)
class Command:
    """A message from the bot and the time of its arrival, in seconds of `time.monotonic`."""

    message: Message
    at: float


class Channel:
    """Sends frames to the bot and receives its commands. `send` may be called from any thread;
    `commands` is filled by a thread of its own."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.steps: Callable[[], int] = lambda: 0
        """Returns the number of decoding steps so far, for the heartbeats. Called from a thread."""
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def take_over_stdio(cls) -> "Channel":
        """Claim the process's stdin and stdout and write the sentinel that begins the stream.
        From here on reading stdin gives end-of-file, and stdout is stderr. Raises PipeClosed."""
        read_fd, write_fd = os.dup(0), os.dup(1)
        devnull = os.open(os.devnull, os.O_RDONLY)
        os.dup2(devnull, 0)
        os.close(devnull)
        os.dup2(2, 1)
        channel = cls(read_fd, write_fd)
        channel._write(MAGIC)
        return channel

    def send(self, message: Message) -> None:
        """Write one whole frame. Blocks while the pipe is full. Raises PipeClosed."""
        self._write(encode(message))

    def start_reading(self) -> None:
        """Start the thread that reads commands. At end-of-file it queues ``quit`` and, where the
        main thread has not ended the process after `GRACE_SECONDS`, ends it with exit code 0."""
        threading.Thread(target=self._read, name="commands", daemon=True).start()

    def start_heartbeat(self, seconds: float) -> None:
        """Start the thread that sends a ``beat`` with the number of steps every `seconds`."""

        def beat() -> None:
            with contextlib.suppress(PipeClosed):
                while True:
                    time.sleep(seconds)
                    self.send({"type": "beat", "steps": self.steps()})

        threading.Thread(target=beat, name="heartbeat", daemon=True).start()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        with self._lock:
            if self._closed:
                raise PipeClosed
            try:
                while view:
                    view = view[os.write(self._write_fd, view) :]
            except OSError as exc:
                self._closed = True
                raise PipeClosed from exc

    def _read(self) -> None:
        frames = FrameReader()
        with contextlib.suppress(OSError):
            while data := os.read(self._read_fd, 65536):
                now = time.monotonic()
                for message in frames.feed(data):
                    self.commands.put(Command(message, now))
        self._closed = True
        self.commands.put(Command(QUIT, time.monotonic()))
        time.sleep(GRACE_SECONDS)
        os._exit(0)
