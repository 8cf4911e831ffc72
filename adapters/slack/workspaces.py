"""The workspaces that Parley speaks in: one, by ``[slack] bot_token``, or all that installed it."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.api import Gateway
from adapters.slack.errors import REVOKED, Refused
from adapters.slack.manifest import SCOPES
from adapters.slack.people import People
from adapters.slack.rate_limits import Tiers
from bot.clock import Clock
from bot.config import SlackSettings
from bot.errors import ConfigError, ParleyError

logger = logging.getLogger(__name__)

DEFAULT_BASE_URL = "https://slack.com/api/"


@dataclass(frozen=True, eq=False)
class Workspace:
    """A workspace with the app's token for it and what is known of it."""

    key: str
    """The team's id; ``enterprise.team`` for a workspace of an organisation."""
    team: str
    bot_user: str
    bot_id: str
    token: str
    streaming: bool
    clock: Clock
    gateway: Gateway
    tiers: Tiers
    people: People

    def __repr__(self) -> str:
        return f"Workspace({self.key!r})"  # the token shows nowhere


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation as the store knows it."""

    token: str
    bot_user: str
    bot_id: str

    def __repr__(self) -> str:
        return f"Installed({self.bot_id!r})"


class Installations(Protocol):
    """Where installations are looked up, if the app is installed in several workspaces."""

    async def find(self, enterprise: str, team: str) -> Installed | None:
        """By the ids; `enterprise` is "" where the workspace belongs to no organisation."""
        ...

    async def forget(self, enterprise: str, team: str) -> None:
        """Delete the tokens; those of a whole organisation with `team` ""."""
        ...


def workspace_key(enterprise: str, team: str) -> str:
    return f"{enterprise}.{team}" if enterprise else team


class Workspaces:
    """Finds the workspace of an event or of a conversation."""

    def __init__(
        self,
        settings: SlackSettings,
        session: aiohttp.ClientSession,
        clock: Clock,
        installations: Installations | None = None,
    ) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock
        self._installations = installations
        self._only: Workspace | None = None
        self._known: dict[str, Workspace] = {}

    async def start(self) -> Workspace | None:
        """Ask Slack who the bot is; None where the installations say so later. Raises ConfigError
        for a token that Slack refuses and for missing scopes, SurfaceBusy for a Slack that cannot
        be reached."""
        token = self._settings.bot_token.get_secret_value()
        if self._installations is not None:
            return None
        gateway = self._gateway(token)
        try:
            said, scopes = await gateway.identify()
        except Refused as refused:
            raise _bad_token(refused) from refused
        _check_scopes(scopes)
        team = str(said.get("team_id") or said.get("enterprise_id") or "")
        bot = Installed(token, str(said.get("user_id", "")), str(said.get("bot_id", "")))
        self._only = self._made(team, team, bot, gateway)
        return self._only

    async def of(self, enterprise: str, team: str) -> Workspace | None:
        """The workspace of an event; None where the app is not installed there (any more)."""
        if self._installations is None:
            return self._only
        key = workspace_key(enterprise, team)
        found = await self._installations.find(enterprise, team)
        if found is None:
            self._known.pop(key, None)
            return None
        known = self._known.get(key)
        if known is None or known.token != found.token:
            known = self._made(key, team or enterprise, found, self._gateway(found.token))
            self._known[key] = known
        return known

    async def by_key(self, key: str) -> Workspace | None:
        """The workspace of a conversation."""
        if self._installations is None:
            return self._only if self._only and self._only.key == key else None
        enterprise, _, team = key.rpartition(".")
        return await self.of(enterprise, team)

    async def uninstalled(self, enterprise: str, team: str) -> None:
        """The app was removed from a workspace, or its tokens were revoked; `team` is "" where it
        was installed in a whole organisation."""
        key = workspace_key(enterprise, team)
        logger.warning("the app was removed from workspace %s, or its tokens were revoked", key)
        if self._installations is not None:
            self._known.pop(key, None)
            await self._installations.forget(enterprise, team)

    def _gateway(self, token: str) -> Gateway:
        client = AsyncWebClient(
            token,
            self._settings.base_url or DEFAULT_BASE_URL,
            session=self._session,
            retry_handlers=[],  # a call that was perhaps done is not made again blindly
        )
        return Gateway(client, self._session, self._clock)

    def _made(self, key: str, team: str, bot: Installed, gateway: Gateway) -> Workspace:
        people = People(gateway, self._clock)
        tiers = Tiers(self._clock)
        streaming = self._settings.streaming
        return Workspace(
            key, team, bot.bot_user, bot.bot_id, bot.token, streaming, self._clock, gateway,
            tiers, people,
        )  # fmt: skip


def _bad_token(refused: Refused) -> ParleyError:
    if refused.code in REVOKED or refused.code == "not_authed":
        return ConfigError(
            f"[slack] bot_token: Slack does not accept it ({refused.code}). Install the app, then "
            "copy the Bot User OAuth Token (xoxb-…) from its page OAuth & Permissions."
        )
    return refused


def _check_scopes(granted: Iterable[str]) -> None:
    """Slack names the token's scopes in a header; a proxy may swallow it."""
    given = set(granted)
    missing = [scope for scope in SCOPES if scope not in given]
    if given and missing:
        raise ConfigError(
            f"[slack] bot_token: the app lacks the scopes {', '.join(missing)}. Put the output of "
            "`parley slack manifest` into the app's manifest and install it again."
        )
