"""A fixed set of schedules in process; `make chaos` runs more of them, from CHAOS_FIRST on."""

import os

import pytest

from tests.chaos.inprocess import PLATFORMS, run_seed

FIRST = int(os.environ.get("CHAOS_FIRST", "0"))
SEEDS = int(os.environ.get("CHAOS_SEEDS", "100"))
"""On each platform."""
AT_ONCE = 25


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, AT_ONCE))
@pytest.mark.parametrize("platform", PLATFORMS)
def test_whatever_fails_every_answer_ends_whole_in_its_place(platform: str, first: int) -> None:
    violating = {
        f"python -m tests.chaos {seed} --platform {platform}": outcome.violations
        for seed in range(first, first + AT_ONCE)
        if (outcome := run_seed(seed, platform)).violations
    }
    assert violating == {}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_seed_means_the_same_again(platform: str) -> None:
    runs = {tuple(run_seed(3, platform).events) for _ in range(3)}
    assert len(runs) == 1
