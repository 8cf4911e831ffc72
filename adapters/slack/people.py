"""A cache of people's names and rights, from users.info
(https://docs.slack.dev/reference/methods/users.info)."""

import logging

from adapters.common.place import Profile
from adapters.slack.api import Gateway
from bot.clock import Clock
from bot.errors import SurfaceError
from bot.names import clean_name
from bot.recent import Recent

logger = logging.getLogger(__name__)

CACHE_SECONDS = 300.0
"""Seconds that a profile is cached: a former admin loses the rights within that time."""
CACHE_SIZE = 2000
"""Profiles in the cache; the one that was used longest ago is evicted (LRU)."""


class People:
    """The people of one workspace. Owners and admins of the workspace are admins."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._known: Recent[str, tuple[float, Profile]] = Recent(CACHE_SIZE)

    async def profile(self, user: str) -> Profile:
        """The profile of `user`, an id. Raises nothing: where Slack does not return it, a profile
        without rights, which is not cached."""
        now = self._clock.monotonic()
        asked, known = self._known.get(user) or (0.0, None)
        if known is not None and now - asked < CACHE_SECONDS:
            return known
        try:
            response = await self._gateway.call("users.info", user=user)
        except SurfaceError as error:
            logger.warning(
                "the profile of user %s cannot be read, so they have no rights now: %s", user, error
            )
            return Profile(known.name if known else f"user {user}")
        profile = _profile(user, response.get("user") or {})
        self._known.put(user, (now, profile))
        return profile

    async def name(self, user: str) -> str:
        """The display name of `user`, made harmless; "user" and the id where it is unknown."""
        return (await self.profile(user)).name


class FewPeople(People):
    """Looks up the names of the first `most` people that it is asked for, each once: a name that
    Slack does not tell is not asked for again. For one reading of a place."""

    def __init__(self, people: People, most: int) -> None:
        self._people = people
        self._most = most
        self._names: dict[str, str] = {}

    async def name(self, user: str) -> str:
        known = self._names.get(user)
        if known is None:
            if len(self._names) >= self._most:
                return f"user {user}"
            known = self._names[user] = await self._people.name(user)
        return known


def _profile(user: str, data: dict[str, object]) -> Profile:
    profile = data.get("profile")
    names = profile if isinstance(profile, dict) else {}
    chosen = names.get("display_name") or names.get("real_name") or data.get("name") or ""
    admin = any(data.get(flag) for flag in ("is_admin", "is_owner", "is_primary_owner"))
    return Profile(clean_name(str(chosen), f"user {user}"), admin and not data.get("deleted"))
