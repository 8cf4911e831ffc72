"""The worker's ends of the pipes to the bot.

Commands come on fd 0 and frames go out on fd 1. Both are taken away from everybody else at the
start, so that a library that prints cannot corrupt a frame: what is printed goes to stderr,
which the bot collects. The end of fd 0 means that the bot is gone, and then this process goes.
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
"""How long the model's thread may tidy up after the bot is gone."""

GONE = {"type": "quit"}
"""What the bot's end is to whoever waits for a command."""


class BotGone(BaseException):
    """Nobody is left to work for. No Exception: whatever is under way should end."""


@dataclass(frozen=True, slots=True)
class Command:
    """A message from the bot and when it came, in seconds of `time.monotonic`."""

    message: Message
    at: float


class Channel:
    """Frames to the bot, commands from it. `send` may be called from any thread."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.steps: Callable[[], int] = lambda: 0
        """How many steps the model has made, for the heartbeats."""
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._lock = threading.Lock()
        self._gone = False

    @classmethod
    def take_over_stdio(cls) -> "Channel":
        """Own the process's stdin and stdout from here on, and announce it."""
        read_fd, write_fd = os.dup(0), os.dup(1)
        devnull = os.open(os.devnull, os.O_RDONLY)
        os.dup2(devnull, 0)
        os.close(devnull)
        os.dup2(2, 1)
        channel = cls(read_fd, write_fd)
        channel._write(MAGIC)
        return channel

    def send(self, message: Message) -> None:
        """Write one frame, whole. Waits while the bot is slow. Raises BotGone."""
        self._write(encode(message))

    def start_reading(self) -> None:
        """Read commands in a thread of their own, from now until the bot is gone, which ends the
        process: at once where the model's thread leaves by itself, else a little later."""
        threading.Thread(target=self._read, name="commands", daemon=True).start()

    def start_beating(self, seconds: float) -> None:
        """Send a ``beat`` with the number of steps so far, every so many seconds."""

        def beat() -> None:
            with contextlib.suppress(BotGone):
                while True:
                    time.sleep(seconds)
                    self.send({"type": "beat", "steps": self.steps()})

        threading.Thread(target=beat, name="heartbeat", daemon=True).start()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        with self._lock:
            if self._gone:
                raise BotGone
            try:
                while view:
                    view = view[os.write(self._write_fd, view) :]
            except OSError as exc:
                self._gone = True
                raise BotGone from exc

    def _read(self) -> None:
        frames = FrameReader()
        with contextlib.suppress(OSError):
            while data := os.read(self._read_fd, 65536):
                now = time.monotonic()
                for message in frames.feed(data):
                    self.commands.put(Command(message, now))
        self._gone = True
        self.commands.put(Command(GONE, time.monotonic()))
        time.sleep(GRACE_SECONDS)
        os._exit(0)
