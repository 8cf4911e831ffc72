"""The variables that a system prompt may hold: ``{date}``, ``{weekday}``, ``{server}``,
``{channel}``, ``{topic}`` and ``{bot}``.

They are filled in when a prompt is packed, so that an answer which is generated again, or resumed
after a crash, has those of that moment. Nothing else in braces changes, and a value is never
searched for variables. Names and topics are texts of people: each becomes one short line without
brackets (`bot.names.clean_line`), and as every text in a prompt it is tokenized as text only.

Every value stays the same for long, so that the prompt's prefix does: the date until midnight, the
names for `KEPT_SECONDS`.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import Clock
from bot.messages import ConversationKey
from bot.names import clean_line
from bot.ports import PlaceNames, PlaceNamesFinder
from bot.recent import Recent

logger = logging.getLogger(__name__)

LOOKUP_SECONDS = 3.0
"""How long an answer waits for the names of its place."""
KEPT_SECONDS = 600.0
"""How long names are kept before they are looked up again."""
RETRY_SECONDS = 60.0
"""The same after a lookup that failed."""
KEPT_CHANNELS = 2_000
LONGEST_NAME = 100
"""Characters of a server's, a channel's or the bot's name; as much as Discord allows."""
LONGEST_TOPIC = 500
"""Characters of a topic."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_DATED = ("date", "weekday")
_NAMED = ("server", "channel", "topic", "bot")
VARIABLES = tuple(f"{{{name}}}" for name in (*_DATED, *_NAMED))
"""As they stand in a system prompt."""
_VARIABLE = re.compile(rf"\{{({'|'.join((*_DATED, *_NAMED))})\}}")

Now = Callable[[], datetime]


def time_in(zone: str = "") -> datetime:
    """The present time in the time zone `zone` of the IANA's list, "" for this computer's. Raises
    ZoneInfoNotFoundError."""
    return datetime.now(ZoneInfo(zone)) if zone else datetime.now().astimezone()


class PromptVariables:
    """Fills the variables of system prompts. For one event loop."""

    def __init__(self, clock: Clock, now: Now = time_in) -> None:
        """`now` tells the time in the time zone whose midnight changes the date."""
        self._clock = clock
        self._now = now
        self._finders: dict[str, PlaceNamesFinder] = {}
        self._kept: Recent[ConversationKey, tuple[float, PlaceNames]] = Recent(KEPT_CHANNELS)

    def register(self, platform: str, find: PlaceNamesFinder) -> None:
        """Look up the names of this platform's places with `find` from now on."""
        self._finders[platform] = find

    async def fill(self, text: str, conversation: ConversationKey) -> str:
        """`text` with the variables of this conversation. Raises nothing: what cannot be looked up
        is written as in `PlaceNames()`. The platform is only asked where `text` needs it."""
        used = set(_VARIABLE.findall(text))
        if not used:
            return text
        values = self._dates()
        if used.intersection(_NAMED):
            values |= _names(await self._place_names(conversation))
        return _VARIABLE.sub(lambda found: values[found[1]], text)

    def _dates(self) -> dict[str, str]:
        today = self._now().date()
        return {"date": today.isoformat(), "weekday": WEEKDAYS[today.weekday()]}

    async def _place_names(self, conversation: ConversationKey) -> PlaceNames:
        channel = replace(conversation, thread="")
        until, kept = self._kept.get(channel) or (0.0, PlaceNames())
        if self._clock.monotonic() < until:
            return kept
        found, keep = await self._look_up(channel), KEPT_SECONDS
        if found is None:
            found, keep = kept, RETRY_SECONDS
        self._kept.put(channel, (self._clock.monotonic() + keep, found))
        return found

    async def _look_up(self, channel: ConversationKey) -> PlaceNames | None:
        find = self._finders.get(channel.platform)
        if find is None:
            return None
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await find(channel)
        except Exception as error:  # of whatever kind: no answer depends on it
            logger.warning("%s: the names for its system prompt are unknown: %r", channel, error)
            return None


def _names(found: PlaceNames) -> dict[str, str]:
    """The names as they stand in a prompt. What a place does not have is said in words, so that
    the sentence around it stays one."""
    direct = found.direct
    return {
        "server": clean_line(found.server, LONGEST_NAME)
        or ("no server" if direct else "this server"),
        "channel": clean_line(found.channel, LONGEST_NAME)
        or ("a direct message" if direct else "this channel"),
        "topic": clean_line(found.topic, LONGEST_TOPIC) or "no topic",
        "bot": clean_line(found.bot, LONGEST_NAME) or "Parley",
    }
