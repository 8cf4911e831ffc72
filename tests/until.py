"""Waiting for a condition in tests."""

import asyncio
import inspect
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """Poll `condition` until it returns something true, or an awaitable whose result is true.

    There is no limit of its own: the test's timeout ends a wait for what never comes.
    """
    while not await _value(condition()):
        await asyncio.sleep(0.002)


async def _value(result: object) -> object:
    return await result if inspect.isawaitable(result) else result
