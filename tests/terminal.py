"""A terminal in memory, and programs that run in one as they would before a person."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import pyte
from pyte.screens import Char, HistoryScreen

from tests.limits import seconds

LIMIT = seconds(120)
"""After which what a program was expected to show or do is taken not to come."""


class Terminal:
    """What an emulated terminal shows, with all that was scrolled out of it."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.screen = HistoryScreen(columns, lines, history=10_000, ratio=0.5)
        self._stream = pyte.Stream(self.screen)

    def feed(self, text: str) -> None:
        """Take what a program wrote; line breaks as the kernel makes them for a terminal."""
        self._stream.feed(text)

    @property
    def lines(self) -> list[str]:
        """Every line from the first to the last that holds anything, without spaces at its end."""
        width = self.screen.columns
        above = ["".join(_data(line, n) for n in range(width)) for line in self.screen.history.top]
        lines = [line.rstrip() for line in [*above, *self.screen.display]]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def _data(line: Mapping[int, Char], column: int) -> str:
    return line[column].data


class TerminalProgram:
    """A program in a terminal of its own. What it asks the terminal is answered."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        columns: int = 80,
        lines: int = 24,
    ) -> None:
        self.terminal = Terminal(columns, lines)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.terminal.screen.write_process_input = self._reply  # type: ignore[method-assign]
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={"TERM": "xterm-256color", **environment},
            start_new_session=True,
        )
        os.close(slave)
        self._raw = b""
        self.written = ""
        """All that the program wrote, what it took back included."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        """Press these keys; a line's end is ``\\r``, Ctrl-C ``\\x03``, Ctrl-D ``\\x04``."""
        os.write(self._master, text.encode())

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait_for(self, text: str, times: int = 1) -> str:
        """Wait until the terminal showed `text` (`times` times); all that it showed."""
        self.wait_until(lambda shown: shown.count(text) >= times, f"{text!r} {times} times")
        return self.terminal.text

    def wait_for_hidden(self, text: str) -> None:
        """Wait until the program asked `text` and reads without an echo: what is typed before is
        thrown away."""
        self.wait_for(text)
        deadline = time.monotonic() + LIMIT
        while termios.tcgetattr(self._master)[3] & termios.ECHO:
            assert time.monotonic() < deadline, f"never hidden: {text!r}"
            time.sleep(0.01)

    def wait_for_written(self, text: str) -> None:
        """Wait until the program wrote `text`, even if it took it back at once."""
        self.wait_until(lambda _: text in self.written, repr(text))

    def wait_until(self, seen: Callable[[str], bool], what: str) -> None:
        """Wait until `seen` is true of what the terminal shows."""
        deadline = time.monotonic() + LIMIT
        while not seen(self.terminal.text):
            if not self._read(deadline):
                raise AssertionError(f"never seen: {what}; the terminal:\n{self.terminal.text}")

    def ended(self) -> int:
        """Wait for the program's end; its exit code."""
        deadline = time.monotonic() + LIMIT
        while self._read(deadline):
            pass
        return self._process.wait(timeout=LIMIT)

    def _read(self, deadline: float) -> bool:
        """Take what the program wrote; False where nothing more comes."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # the program has ended
            return False
        text = (self._raw + data).decode("utf-8", "ignore")
        self._raw = (self._raw + data)[len(text.encode()) :]
        self.terminal.feed(text)
        self.written += text
        return bool(data)

    def _reply(self, data: str) -> None:
        os.write(self._master, data.encode())
