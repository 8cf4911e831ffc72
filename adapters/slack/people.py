"""Who somebody is: the name, and whether an admin or an owner of the workspace. From users.info."""

import logging

from adapters.common.place import Profile
from adapters.slack.api import Gateway
from bot.clock import Clock
from bot.errors import SurfaceError
from bot.names import clean_name
from bot.recent import Recent

logger = logging.getLogger(__name__)

FRESH_SECONDS = 300.0
"""How long an answer of Slack is believed: a former admin loses the rights within that time."""
REMEMBERED = 2000


class People:
    """The people of one workspace."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._known: Recent[str, tuple[float, Profile]] = Recent(REMEMBERED)

    async def profile(self, user: str) -> Profile:
        """The profile; where Slack does not give it now, somebody without rights."""
        now = self._clock.monotonic()
        asked, known = self._known.get(user) or (0.0, None)
        if known is not None and now - asked < FRESH_SECONDS:
            return known
        try:
            said = await self._gateway.call("users.info", user=user)
        except SurfaceError as error:
            logger.warning("who %s is cannot be looked up: %s", user, error)
            return Profile(known.name if known else f"user {user}")
        profile = _profile(user, said.get("user") or {})
        self._known.put(user, (now, profile))
        return profile

    async def name(self, user: str) -> str:
        return (await self.profile(user)).name


def _profile(user: str, said: dict[str, object]) -> Profile:
    profile = said.get("profile")
    names = profile if isinstance(profile, dict) else {}
    chosen = names.get("display_name") or names.get("real_name") or said.get("name") or ""
    admin = any(said.get(flag) for flag in ("is_admin", "is_owner", "is_primary_owner"))
    return Profile(clean_name(str(chosen), f"user {user}"), admin and not said.get("deleted"))
