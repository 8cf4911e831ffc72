"""A fixed set of schedules of whole processes; `make chaos` runs more, from CHAOS_FIRST on."""

import os
from pathlib import Path

import pytest

from tests.chaos.inprocess import PLATFORMS
from tests.chaos.processes import run_processes

FIRST = int(os.environ.get("CHAOS_FIRST", "0"))
SCHEDULES = int(os.environ.get("CHAOS_PROCESSES", "3"))
"""On each platform."""


@pytest.mark.process
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SCHEDULES))
@pytest.mark.parametrize("platform", PLATFORMS)
async def test_after_kills_and_restarts_every_answer_is_whole(
    platform: str, seed: int, tmp_path: Path
) -> None:
    observed = await run_processes(seed, platform, tmp_path)
    assert observed.violations == [], observed.report()
