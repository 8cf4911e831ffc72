"""Where the time of a start goes with OpenVINO: a model of 1.1 billion random weights at 4 bits.

    python -m benchmarks.openvino_start [--low-bit sym_int4] [--times 3]

Makes a Hugging Face folder in TinyLlama's shape (2.2 GB) and converts it, once, below ``--cache``.
Then each start is a process of its own, as a worker is one. Prints for each step the seconds that
passed, and the processor's seconds (all cores together), which other programs change less; and what
reading the converted file takes when the system has it in memory already.
"""

import argparse
import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.engines import make_model
from bot.worker.backends.openvino.library import MODEL_FILE
from bot.worker.backends.openvino.source import find_source
from bot.worker.protocol import LoadOptions

START = "--one-start"
"""Makes the command one of the processes that are measured."""


def seconds_to_read(file: Path) -> tuple[float, float]:
    """Seconds to read a file that was read before: into new memory, and into 16 MB that are used
    again and again."""
    begun = time.perf_counter()
    whole = file.read_bytes()
    into_new = time.perf_counter() - begun
    del whole
    buffer = bytearray(16 << 20)
    begun = time.perf_counter()
    with file.open("rb", buffering=0) as stream:
        while stream.readinto(buffer):
            pass
    return into_new, time.perf_counter() - begun


class Clock:
    """Prints what passed since the step before."""

    def __init__(self) -> None:
        self._last = self._begun = self._now()
        self._parts: list[str] = []

    def _now(self) -> tuple[float, float]:
        times = os.times()
        return time.perf_counter(), times.user + times.system

    def step(self, name: str) -> None:
        now = self._now()
        self._parts.append(self._said(name, self._last, now))
        self._last = now

    def report(self) -> None:
        print(", ".join([*self._parts, self._said("all", self._begun, self._last)]), flush=True)

    def _said(self, name: str, begun: tuple[float, float], end: tuple[float, float]) -> str:
        return f"{name} {end[0] - begun[0]:.2f} s ({end[1] - begun[1]:.2f})"


def one_start(folder: str, cache: str, low_bit: str) -> None:
    """Load the model as the worker does, and print where the time goes."""
    clock = Clock()
    module: Any = importlib.import_module("bot.worker.backends.openvino.backend")
    clock.step("imports of our own")
    options = LoadOptions("openvino", folder, "cpu", low_bit, context=2048, cache_dir=cache)
    module.import_genai()
    clock.step("import of OpenVINO")
    warm_up = module.warm_up

    def timed(backend: Any) -> None:
        clock.step("pipeline")
        warm_up(backend)
        clock.step("first answer")

    module.warm_up = timed
    module.OpenVinoBackend().load(options, lambda what, *_: _reached(clock, what))
    clock.report()


def _reached(clock: Clock, what: str) -> None:
    """A step of `load` begins: the one before has ended."""
    if what == "Loading the model":
        clock.step("device and model's facts")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--low-bit", default="sym_int4")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path(".cache/openvino"))
    asked = parser.parse_args()
    model, cache = asked.cache / "random-1.1b", str(asked.cache / "converted")
    if not (model / "config.json").exists():
        make_model(model)
    options = LoadOptions("openvino", str(model), "cpu", asked.low_bit, cache_dir=cache)
    file = (find_source(options, lambda *_: None).path / MODEL_FILE).with_suffix(".bin")
    size = file.stat().st_size / 1e6
    for _ in range(asked.times):
        into_new, again = seconds_to_read(file)
        print(f"reading {size:.0f} MB: into new memory {into_new:.2f} s, else {again:.2f} s")
        command = [sys.executable, "-m", "benchmarks.openvino_start", START]
        subprocess.run([*command, str(model), cache, asked.low_bit], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == [START]:
        one_start(*sys.argv[2:])
    else:
        main()
