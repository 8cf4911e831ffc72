"""Waiting for a condition in tests."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop turn until the condition holds; the test's own timeout ends a wait that
    has no hope."""
    while not condition():
        await asyncio.sleep(0.002)
