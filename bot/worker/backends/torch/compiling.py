"""Compiles decoding steps in a thread, while they are in use as they are.

Imports torch; it is itself imported only when a model is loaded.
"""

import atexit
import ctypes
import gc
import importlib
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from bot.worker.exception_text import PART, one_line

torch: Any = importlib.import_module("torch")

Step = Callable[[], Any]
"""A function of tensors that it holds itself. It returns one tensor."""

SWITCH_SECONDS = 0.00005
"""Python's switch interval while something is compiled. Tracing is Python code. The decoding thread
asks for its turn some thousand times in a pass that is not captured yet, and waits for so long each
time: with 5 ms, Python's default, for many seconds, with 1 ms still for three."""

IDLE_SECONDS = 3.0
"""After so long without a step nobody is taken to wait for one."""

EXIT_SECONDS = 5.0
"""How long the end of the process waits for the thread."""

WORTHWHILE = 50
"""How often a step was run before it is compiled. Compiling takes as long as some hundred runs, and
most shapes are used for a moment only, while a batch fills up."""


class BackgroundCompiler:
    """Compiles steps one after the other in a thread, those first that are used most. Ends with the
    process."""

    def __init__(self, worthwhile: int = WORTHWHILE) -> None:
        self.problems: deque[str] = deque()
        """Why nothing more is compiled, in one line; whoever reads it takes it out."""
        self._worthwhile = worthwhile
        self._makers: dict[Hashable, Callable[[], Step]] = {}
        self._uses: Counter[Hashable] = Counter()
        self._ready: dict[Hashable, Step] = {}
        self._used = threading.Condition()
        self._closed = False
        self._last_use = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="compile", daemon=True)
        atexit.register(self._leave)
        self._thread.start()

    def compiled(self, key: Hashable, make: Callable[[], Step]) -> Step | None:
        """The compiled step of this key, which is about to be run; None where it is not ready.
        `make` compiles the step, in this compiler's thread. Called by the decoding thread only."""
        self._last_use = time.monotonic()
        if (ready := self._ready.get(key)) is not None:
            return ready
        self._makers.setdefault(key, make)
        self._uses[key] += 1
        if self._uses[key] == self._worthwhile:
            with self._used:
                self._used.notify()
        return None

    def wait(self) -> None:
        """Wait until everything that is worth it is compiled, or compiling has failed."""
        while self._thread.is_alive() and self._most_used() is not None:
            time.sleep(0.01)

    def give_up(self, exc: Exception) -> None:
        """Nothing that is compiled can be used here: compile nothing more."""
        self._ready.clear()
        self._uses.clear()
        self.problems.append(one_line(exc, PART))
        self.close()

    def close(self) -> None:
        """Compile nothing more, after what is being compiled."""
        with self._used:
            self._closed = True
            self._used.notify()

    def _most_used(self) -> Hashable | None:
        """What to compile next; None where nothing is worth it."""
        uses = list(self._uses.items())
        open_ones = [(count, key) for key, count in uses if key not in self._ready]
        count, key = max(open_ones, key=lambda one: one[0], default=(0, None))
        return key if count >= self._worthwhile else None

    def _run(self) -> None:
        with torch.inference_mode():
            while True:
                with self._used:
                    while not (self._closed or self._most_used() is not None):
                        if not self._used.wait(IDLE_SECONDS) and not self._in_use():
                            collect_garbage()
                if self._closed:
                    return
                try:
                    with in_the_background():
                        self._compile(self._most_used())
                except Exception as exc:  # whatever the compilers of this machine raise
                    self.problems.append(one_line(exc, PART))
                    return

    def _in_use(self) -> bool:
        """Whether a step was run in the last seconds."""
        return time.monotonic() - self._last_use < IDLE_SECONDS

    def _leave(self) -> None:
        """Called when the process ends: a thread that is killed in the middle of torch's code
        aborts the process. It is asked to end where it is in Python's."""
        self.close()
        end = time.monotonic() + EXIT_SECONDS
        while self._thread.is_alive() and time.monotonic() < end:
            ask_to_end = ctypes.pythonapi.PyThreadState_SetAsyncExc
            ask_to_end(ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(SystemExit))
            self._thread.join(0.2)

    def _compile(self, key: Hashable) -> None:
        start = time.perf_counter()
        self._ready[key] = self._makers[key]()
        seconds = time.perf_counter() - start
        sys.stderr.write(f"compiled the decoding step of shape {key} in {seconds:.1f} s\n")


@contextmanager
def in_the_background() -> Iterator[None]:
    """While this thread computes in Python, let another one have its turn soon, and collect no
    garbage: to look through the millions of objects of a compilation holds all threads up for a
    second and more. They are put aside afterwards, until `collect_garbage`."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        sys.setswitchinterval(interval)


def collect_garbage() -> None:
    """Free what compilations left, if there is something. May take a second."""
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
