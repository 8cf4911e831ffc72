"""The workspaces that Parley serves: the one of ``[slack] bot_token``, or all that installed the
app by OAuth."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Protocol

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.api import Gateway
from adapters.slack.errors import REVOKED, Refused
from adapters.slack.manifest import missing_scopes
from adapters.slack.people import People
from adapters.slack.rate_limits import Tiers
from adapters.slack.threads import Threads
from bot.clock import Clock
from bot.config import SlackSettings
from bot.errors import ConfigError, ParleyError

logger = logging.getLogger(__name__)

DEFAULT_BASE_URL = "https://slack.com/api/"


@dataclass(frozen=True, eq=False)
class Workspace:
    """A workspace: the app's token, the client, the rate limits and the cache of people."""

    key: str
    """The team's id; ``enterprise.team`` for a workspace of an organisation, the enterprise's id
    for what an organisation sends without naming a workspace."""
    team: str
    """The team's id; the enterprise's where no workspace is named."""
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
    threads: Threads
    reply_in_thread: bool = True
    """Whether mentions in channels are answered in the thread below them."""
    reads_freely: bool = True
    """False for an app that is installed in several workspaces: where it is not from Slack's
    Marketplace, it may read one page of messages a minute
    (https://docs.slack.dev/apis/web-api/rate-limits)."""

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
    return ".".join(filter(None, (enterprise, team)))


def _parts(key: str) -> tuple[str, str]:
    """The enterprise and the team of a key."""
    enterprise, _, team = key.rpartition(".")
    return (team, "") if not enterprise and team.startswith("E") else (enterprise, team)


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
        self._organisation = ""
        """The id of the organisation in which the app of ``bot_token`` is installed as a whole."""
        self._known: dict[str, Workspace] = {}
        """By key, where there are several."""

    async def start(self) -> Workspace | None:
        """Check ``bot_token`` with auth.test and return its workspace; None where workspaces are
        looked up in the installations instead. Raises ConfigError for a token that Slack does not
        accept and for scopes without which nothing works; others that are missing are logged.
        Raises SurfaceBusy where Slack cannot be reached."""
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
        if identity.get("is_enterprise_install") is True:
            team = self._organisation = str(identity.get("enterprise_id") or team)
        bot = Installed(token, str(identity.get("user_id", "")), str(identity.get("bot_id", "")))
        self._only = self._workspace(team, team, bot, gateway)
        return self._only

    @property
    def only_key(self) -> str:
        """The key of the workspace that ``bot_token`` is of; "" where there may be several."""
        return self._only.key if self._only is not None and not self._organisation else ""

    async def of(self, enterprise: str, team: str) -> Workspace | None:
        """The workspace of an event; None where the app is not installed there. With the token of
        one workspace every event is its own; with that of an organisation each team is a workspace
        that uses the same token. Raises StorageError."""
        if self._installations is None:
            return self._member(team) if self._organisation and team else self._only
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

    def _member(self, team: str) -> Workspace | None:
        """A workspace of the organisation in which the app of ``bot_token`` is installed."""
        key = workspace_key(self._organisation, team)
        if key not in self._known and (whole := self._only) is not None:
            self._known[key] = replace(whole, key=key, team=team)
        return self._known.get(key)

    async def by_key(self, key: str) -> Workspace | None:
        """The workspace of a conversation, by `Workspace.key`; None where the app is not installed
        there. Raises StorageError."""
        enterprise, team = _parts(key)
        if self._installations is not None:
            return await self.of(enterprise, team)
        if self._only and self._only.key == key:
            return self._only
        if self._organisation and self._organisation == enterprise:
            return await self.of(enterprise, team)
        return None

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
        threads = Threads(gateway, tiers, frozenset({bot.bot_user, bot.bot_id}))
        slack = self._settings
        return Workspace(
            key, team, bot.bot_user, bot.bot_id, bot.token, slack.streaming, self._clock, gateway,
            tiers, people, threads, slack.reply_in == "thread", self._installations is None,
        )  # fmt: skip


def _bad_token(refused: Refused) -> ParleyError:
    if refused.code in REVOKED or refused.code == "not_authed":
        return ConfigError(
            f"[slack] bot_token: Slack does not accept it ({refused.code}). Install the app, then "
            "copy the Bot User OAuth Token (xoxb-…) from its page OAuth & Permissions."
        )
    return refused


_REMEDY = "Put the output of `parley slack manifest` into the app's manifest and reinstall the app."


def _check_scopes(granted: Collection[str]) -> None:
    """Raises ConfigError for missing scopes without which nothing works, and logs one warning for
    the others. An empty `granted` passes: Slack names the scopes in a header, which a proxy may
    remove."""
    needed, useful = missing_scopes(granted) if granted else ((), {})
    if needed:
        raise ConfigError(
            f"[slack] bot_token: the app lacks the scope {' and '.join(needed)}, without which it "
            f"can answer nobody. {_REMEDY}"
        )
    if useful:
        lost = "; ".join(f"{scope} ({effect})" for scope, effect in useful.items())
        logger.warning("[slack] bot_token: the app lacks the scopes %s. %s", lost, _REMEDY)
