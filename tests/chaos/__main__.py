"""Replays a seed, or runs many: ``python -m tests.chaos SEED [--platform P] [--count N]``."""

import argparse
import sys
import time
from collections import Counter

from tests.chaos.inprocess import PLATFORMS, Outcome, run_seed

RUNS = 5


def replay(seed: int, platform: str) -> bool:
    """Run one seed five times; prints the schedule and how many runs violate."""
    outcomes = [run_seed(seed, platform) for _ in range(RUNS)]
    violating = [outcome for outcome in outcomes if outcome.violations]
    for line in (violating or outcomes)[0].events:
        print(line)
    same = len({tuple(outcome.events) for outcome in outcomes}) == 1
    print(f"\nseed {seed} on {platform}: {len(violating)} of {RUNS} runs violate", end="; ")
    print("the runs are the same" if same else "the runs differ")
    for violation in sorted({v for outcome in violating for v in outcome.violations}):
        print(f"  {violation}")
    return not violating


def many(first: int, count: int, platform: str) -> bool:
    """Run `count` seeds; prints each that violates, and the faults drawn in all."""
    begun, faults, questions, lives = time.monotonic(), Counter[str](), 0, 0
    bad: list[Outcome] = []
    for seed in range(first, first + count):
        outcome = run_seed(seed, platform)
        faults += outcome.faults
        questions += outcome.questions
        lives += outcome.lives
        if outcome.violations:
            bad.append(outcome)
            print(f"seed {seed}: {'; '.join(outcome.violations)[:400]}", flush=True)
    print(
        f"{platform}: {count} seeds, {questions} questions accepted, {lives} starts of Parley, "
        f"{faults.total()} faults; {len(bad)} seeds violate ({time.monotonic() - begun:.0f} s)"
    )
    print("faults drawn:", ", ".join(f"{name} {n}" for name, n in faults.most_common()))
    return not bad


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--platform", choices=PLATFORMS, action="append")
    parser.add_argument("--count", type=int, help="run so many seeds, from SEED on, once each")
    chosen = parser.parse_args()
    good = True
    for platform in chosen.platform or PLATFORMS:
        if chosen.count is None:
            good = replay(chosen.seed, platform) and good
        else:
            good = many(chosen.seed, chosen.count, platform) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
