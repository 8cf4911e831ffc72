"""Limits that scale: time for a busy machine, examples for a thorough run."""

import os

from hypothesis import settings

TIMEOUT_FACTOR = float(os.environ.get("PARLEY_TEST_TIMEOUT_FACTOR", "1"))


def seconds(limit: float) -> float:
    """A time limit, multiplied by the environment variable PARLEY_TEST_TIMEOUT_FACTOR (default 1).

    Such a limit only ends a test that hangs, so it is many times what the test needs: a limit that
    is never reached costs nothing.
    """
    return limit * TIMEOUT_FACTOR


def examples(usual: int) -> int:
    """How many examples hypothesis draws for a test that gets `usual` instead of the default 100.

    The number grows with the profile, so that a thorough run is thorough there too.
    """
    return usual * settings().max_examples // 100
