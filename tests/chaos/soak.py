"""Mixed traffic for long: memory, descriptors and tasks must stay flat, every answer whole.

``python -m tests.chaos.soak`` runs SOAK_SECONDS of virtual time in process on each platform (3600
by default), and SOAK_REAL_SECONDS with whole processes (600; 0 for none). The first fifth is
warm-up.
"""

import asyncio
import gc
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.chaos.faults import Rates
from tests.chaos.inprocess import PLATFORMS, Run
from tests.chaos.life import tasks_by_life
from tests.chaos.processes import run_processes

MOST_GROWTH = 1.25
"""How much memory may grow after the warm-up: allocators keep some."""


RATES = Rates(platform=0.02, store=0.002, raw=0.0, model=0.02, rights=0.0)
"""Enough faults that their paths are used, few enough that the traffic flows."""
SEED = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """What this process uses."""

    kilobytes: int
    descriptors: int
    tasks: int = 0


def sample(tasks: int = 0) -> Sample:
    """Raises OSError where there is no /proc."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    kilobytes = pages * os.sysconf("SC_PAGE_SIZE") // 1024
    return Sample(kilobytes, len(list(Path("/proc/self/fd").iterdir())), tasks)


def grown(samples: list[Sample]) -> list[str]:
    """What grew between the end of the warm-up and the end."""
    early, late = samples[: len(samples) // 5 + 1], samples[-(len(samples) // 5 + 1) :]
    wrong = []
    first, last = early[-1], late[-1]
    if last.kilobytes > first.kilobytes * MOST_GROWTH + 10_000:
        wrong.append(f"memory grew from {first.kilobytes} to {last.kilobytes} kB")
    if last.descriptors > first.descriptors + 3:
        wrong.append(f"descriptors grew from {first.descriptors} to {last.descriptors}")
    # while traffic flows the number varies; a leak raises its lowest value
    before, after = (min(one.tasks for one in part) for part in (early, late))
    if after > before + 10:
        wrong.append(f"tasks grew from {before} to {after}")
    return wrong


def in_process(platform: str, seconds: float, seed: int = SEED) -> list[str]:
    """One life of Parley with mixed traffic for so much virtual time."""
    samples: list[Sample] = []
    acts = 0

    def sampled() -> None:
        nonlocal acts
        acts += 1
        if acts % 20 == 0:
            run.faults.events.clear()  # the harness's own memory
            samples.append(sample(len(asyncio.all_tasks())))

    run = Run(seed, platform, rates=RATES, seconds=seconds, sampled=sampled)
    with asyncio.Runner() as runner:
        runner.get_loop().set_task_factory(tasks_by_life)  # type: ignore[arg-type]
        outcome = runner.run(run.run())
    print(f"{platform}: {seconds:g} s, {acts} acts, {outcome.questions} questions, {samples[-1:]}")
    return [f"{platform}: {what}" for what in (*outcome.violations, *grown(samples))]


def real(seconds: float) -> list[str]:
    """Schedules of whole processes on both platforms, until so much real time has passed."""
    ends, samples, wrong = time.monotonic() + seconds, [sample()], list[str]()
    for seed in count(SEED):
        if time.monotonic() >= ends:
            break
        for platform in PLATFORMS:
            with tempfile.TemporaryDirectory() as folder:
                observed = asyncio.run(run_processes(seed, platform, Path(folder)))
            wrong += [observed.report()] if observed.violations else []
        samples.append(sample())
    print(f"processes: {seconds:g} s, {2 * (len(samples) - 1)} schedules, {samples[-1]}")
    return wrong + grown(samples)


def main() -> int:
    seconds = float(os.environ.get("SOAK_SECONDS", "3600"))
    wrong = [what for platform in PLATFORMS for what in in_process(platform, seconds)]
    if real_seconds := float(os.environ.get("SOAK_REAL_SECONDS", "600")):
        wrong += real(real_seconds)
    for what in wrong:
        print(what)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
