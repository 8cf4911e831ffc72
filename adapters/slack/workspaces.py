"""The workspaces that Parley serves: the one of ``[slack] bot_token``, or all that installed the
app by OAuth."""

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
    """A workspace: the app's token, the client, the rate limits and the cache of people."""

    key: str
    """The team's id; ``enterprise.team`` for a workspace of an organisation."""
    team: str
    """The team's id."""
    bot_user: str
    """The bot's user id (``U…``)."""
    bot_id: str
    """The bot's id (``B…``)."""
    token: str
    streaming: bool
    """Whether answers in threads use native streams."""
    clock: Clock
    gateway: Gateway
    tiers: Tiers
    people: People

    def __repr__(self) -> str:
        return f"Workspace({self.key!r})"  # without the token


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation of the app, as it is stored. The token is not in its repr."""

    token: str
    bot_user: str
    bot_id: str

    def __repr__(self) -> str:
        return f"Installed({self.bot_id!r})"


class Installations(Protocol):
    """The store of installations, for an app that is installed in several workspaces."""

    async def find(self, enterprise: str, team: str) -> Installed | None:
        """The installation in a workspace, None where there is none. `enterprise` is "" where the
        workspace belongs to no organisation. Raises StorageError."""
        ...

    async def forget(self, enterprise: str, team: str) -> None:
        """Delete the tokens of a workspace, with `team` "" those of a whole organisation. Raises
        StorageError."""
        ...


def workspace_key(enterprise: str, team: str) -> str:
    """The key that tells workspaces apart; see `Workspace.key`."""
    return f"{enterprise}.{team}" if enterprise else team


class Workspaces:
    """Looks up the workspace of an event or of a conversation."""

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
        """By key, where there are installations."""

    async def start(self) -> Workspace | None:
        """Check ``bot_token`` with auth.test and return its workspace; None where workspaces are
        looked up in the installations instead. Raises ConfigError for a token that Slack does not
        accept and for missing scopes, SurfaceBusy where Slack cannot be reached."""
        token = self._settings.bot_token.get_secret_value()
        if self._installations is not None:
            return None
        gateway = self._gateway(token)
        try:
            identity, scopes = await gateway.identify()
        except Refused as refused:
            raise _bad_token(refused) from refused
        _check_scopes(scopes)
        team = str(identity.get("team_id") or identity.get("enterprise_id") or "")
        bot = Installed(token, str(identity.get("user_id", "")), str(identity.get("bot_id", "")))
        self._only = self._workspace(team, team, bot, gateway)
        return self._only

    async def of(self, enterprise: str, team: str) -> Workspace | None:
        """The workspace of an event; None where the app is not installed there. With one token
        every event is its workspace's. Raises StorageError."""
        if self._installations is None:
            return self._only
        key = workspace_key(enterprise, team)
        found = await self._installations.find(enterprise, team)
        if found is None:
            self._known.pop(key, None)
            return None
        known = self._known.get(key)
        if known is None or known.token != found.token:
            known = self._workspace(key, team or enterprise, found, self._gateway(found.token))
            self._known[key] = known
        return known

    async def by_key(self, key: str) -> Workspace | None:
        """The workspace of a conversation, by `Workspace.key`; None where the app is not installed
        there. Raises StorageError."""
        if self._installations is None:
            return self._only if self._only and self._only.key == key else None
        enterprise, _, team = key.rpartition(".")
        return await self.of(enterprise, team)

    async def uninstalled(self, enterprise: str, team: str) -> None:
        """Delete the tokens of a workspace from which the app was removed, or whose tokens were
        revoked; `team` is "" where it was installed in a whole organisation. Raises StorageError.
        """
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
            retry_handlers=[],  # no automatic retries: a call may have taken effect
        )
        return Gateway(client, self._session, self._clock)

    def _workspace(self, key: str, team: str, bot: Installed, gateway: Gateway) -> Workspace:
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
    """Raises ConfigError for missing scopes. An empty `granted` passes: Slack names the scopes in a
    header, which a proxy may remove."""
    given = set(granted)
    missing = [scope for scope in SCOPES if scope not in given]
    if given and missing:
        raise ConfigError(
            f"[slack] bot_token: the app lacks the scopes {', '.join(missing)}. Put the output of "
            "`parley slack manifest` into the app's manifest and reinstall the app."
        )
