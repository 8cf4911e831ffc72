"""What a platform does while Parley ends."""

import asyncio


async def set_at_the_end(event: asyncio.Event) -> None:
    """Set the event when the engine gives up the one answer that is being written."""
    (answering,) = (t for t in asyncio.all_tasks() if "Engine._run" in repr(t.get_coro()))
    while not answering.cancelling() and not answering.done():
        await asyncio.sleep(0.001)
    event.set()
