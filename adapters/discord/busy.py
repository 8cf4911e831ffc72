"""Discord's own failures while something is read from it: to be tried again, whatever it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

from bot.errors import SurfaceBusy

RETRY_SECONDS = 5.0


@contextmanager
def busy_where_it_fails() -> Iterator[None]:
    """Raises SurfaceBusy in place of what discord.py raises where Discord fails (5xx) or cannot be
    reached. What Discord refuses passes: what that means depends on what was asked for."""
    try:
        yield
    except discord.DiscordServerError as error:
        raise SurfaceBusy(f"Discord failed: {error}", retry_after=RETRY_SECONDS) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        text = f"Discord cannot be reached ({error})"
        raise SurfaceBusy(text, retry_after=RETRY_SECONDS) from error
