"""A platform's call that is in flight while Parley shuts down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.engine import Engine


@asynccontextmanager
async def set_at_the_end(event: asyncio.Event) -> AsyncIterator[None]:
    """Set the event when a platform that shuts down has told the engine to leave, and the engine
    has cancelled the platform's answers. Enter it before the platform connects."""
    leave = Engine.leave

    async def leave_and_set(engine: Engine, platform: str) -> None:
        # leave() cancels before it first waits, and the loop runs this only when it waits.
        asyncio.get_running_loop().call_soon(event.set)
        await leave(engine, platform)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "leave", leave_and_set)
        yield
