"""The boundary around what discord.py makes of an event.

discord.py checks nothing of what the gateway sends: from an event with fields that are missing or
of another type it makes objects that lack attributes, or whose values are of another type, and
whoever reads them first fails. discord.py itself reads some of them, in its parsers of events,
whose failure would end the connection, and in tasks of its own, of whose failure nobody hears. So
every place where such an object is read is inside `reading`, and what discord.py runs by itself is
`guarded`: a malformed event ends alone, with one line in the log.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import discord

from bot.errors import ParleyError

logger = logging.getLogger(__name__)


class Malformed(ParleyError):
    """An event that discord.py could not turn into whole objects. The line names the exception's
    class only: its text may quote what somebody wrote, and is logged at DEBUG."""

    @property
    def user_text(self) -> str:
        return "Discord sent me something that I could not read. Please try again."


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Read objects of discord.py in the body, and do nothing else there. Raises Malformed in place
    of what a missing field, or one of another type, causes; `what` names the event."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, AssertionError) as error:
        logger.debug("a malformed %s", what, exc_info=True)
        raise Malformed(f"a malformed {what} was ignored: {type(error).__name__}") from error


def guarded(what: str, parse: Callable[[Any], None]) -> Callable[[Any], None]:
    """A parser of gateway events that raises nothing."""

    def parse_guarded(data: Any) -> None:
        try:
            parse(data)
        except Exception as error:
            _tell(what, error)

    return parse_guarded


def with_token(parse: Callable[[Any], None]) -> Callable[[Any], None]:
    """A parser of interactions that refuses one whose token cannot stand in a URL: every answer to
    it would fail."""

    def parse_checked(data: Any) -> None:
        token = data["token"]
        if not (isinstance(token, str) and token.isascii()):
            raise ValueError("the token of an interaction is no ASCII text")
        parse(data)

    return parse_checked


def guarded_task(
    what: str, handle: Callable[..., Awaitable[None]], *passed: type[Exception]
) -> Callable[..., Awaitable[None]]:
    """A coroutine that discord.py runs in a task of its own, and that raises nothing but `passed`,
    for which discord.py has handlers."""

    async def handle_guarded(*args: Any) -> None:
        try:
            await handle(*args)
        except passed:
            raise
        except discord.HTTPException as error:
            logger.warning("%s could not be answered: %s", what, error)
        except Exception as error:
            _tell(what, error)

    return handle_guarded


def _tell(what: str, error: Exception) -> None:
    logger.warning("a malformed %s was ignored: %s", what, type(error).__name__)
    logger.debug("a malformed %s", what, exc_info=error)
