"""`parley doctor` for Slack: checks the tokens and their scopes. Nothing is posted and no event is
received."""

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.api import Gateway
from adapters.slack.checkup_channels import check_channels
from adapters.slack.errors import SOCKET_MODE_OFF, Refused, surface_error
from adapters.slack.manifest import SCOPES, missing_scopes
from adapters.slack.workspaces import DEFAULT_BASE_URL
from bot.checks import Result, State
from bot.clock import SystemClock
from bot.config import SlackSettings
from bot.errors import SurfaceBusy, SurfaceError

AREA = "Slack"
TIMEOUT = 15.0
"""Seconds for each request."""
FEATURES = "manifest"
"""The name of the line about what cannot be checked."""
_UNSEEN = Result(
    AREA,
    FEATURES,
    State.SKIPPED,
    "Slack does not tell a bot whether the app's events, slash commands, message shortcuts, Home "
    "tab and agent view are set up",
    "After an update of Parley, or where one of them is missing, compare parley slack manifest "
    "with the page App Manifest of your app at https://api.slack.com/apps.",
)
"""apps.manifest.export takes an app configuration token alone, which belongs to a person and ends
after twelve hours (https://docs.slack.dev/app-manifests/configuring-apps-with-app-manifests)."""


async def check_slack(settings: SlackSettings) -> list[Result]:
    """Check the bot token with its scopes, and what the transport needs: the app-level token for
    Socket Mode, the signing secret for HTTP. One result, skipped, where Slack is not configured.
    Raises nothing: failures are results. Secrets are in none."""
    if not settings.on:
        detail = "Slack is off: [slack] bot_token is not set"
        return [Result(AREA, "tokens", State.SKIPPED, detail)]
    found = [*await check_bot_token(settings), await check_transport(settings)]
    works = all(result.state is not State.FAILED for result in found)
    return [*found, _UNSEEN] if works else found


async def check_bot_token(settings: SlackSettings) -> list[Result]:
    """The bot token and its scopes alone. Raises nothing."""
    async with _session() as session:
        return await _bot_token(settings, session)


async def check_transport(settings: SlackSettings) -> Result:
    """The app-level token for Socket Mode, or the signing secret for HTTP. Raises nothing."""
    async with _session() as session:
        return await _transport(settings, session)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=True)


def _client(settings: SlackSettings, session: aiohttp.ClientSession, token: str) -> AsyncWebClient:
    base = settings.base_url or DEFAULT_BASE_URL
    return AsyncWebClient(token, base, session=session, retry_handlers=[])


async def _bot_token(settings: SlackSettings, session: aiohttp.ClientSession) -> list[Result]:
    token = settings.bot_token.get_secret_value()
    if not token:
        detail = "each workspace has its own, in the database"
        return [Result(AREA, "bot_token", State.SKIPPED, detail)]
    gateway = Gateway(_client(settings, session, token), session, SystemClock())
    try:
        identity, scopes = await gateway.identify()
    except SurfaceError as error:
        remedy = (
            "Install the app, then copy the Bot User OAuth Token (xoxb-…) from its page OAuth & "
            "Permissions into PARLEY_SLACK__BOT_TOKEN."
        )
        return [_failed("bot_token", error, remedy)]
    name = f"{identity.get('user', '?')} in {identity.get('team', '?')}"
    return [
        Result(AREA, "bot_token", State.OK, f"belongs to {name}"),
        _scopes(scopes),
        *await check_channels(gateway, settings),
    ]


def _scopes(granted: frozenset[str]) -> Result:
    if not granted:
        return Result(
            AREA, "scopes", State.WARNING, "Slack did not name them; a proxy may hide them"
        )
    needed, useful = missing_scopes(granted)
    if not needed and not useful:
        return Result(AREA, "scopes", State.OK, f"{len(SCOPES)} of {len(SCOPES)}")
    remedy = (
        "Add them on the app's page OAuth & Permissions (parley slack manifest has all), and "
        "reinstall the app."
    )
    if needed:
        detail = f"missing, and needed to answer at all: {', '.join(needed)}"
        return Result(AREA, "scopes", State.FAILED, detail, remedy)
    lost = "; ".join(f"{scope} ({effect})" for scope, effect in useful.items())
    return Result(AREA, "scopes", State.WARNING, f"missing: {lost}", remedy)


async def _transport(settings: SlackSettings, session: aiohttp.ClientSession) -> Result:
    if settings.mode == "http":
        if settings.signing_secret.get_secret_value():
            return Result(AREA, "signing_secret", State.OK, "is set")
        remedy = "Copy it from the app's page Basic Information to PARLEY_SLACK__SIGNING_SECRET."
        return Result(AREA, "signing_secret", State.FAILED, "is not set", remedy)
    token = settings.app_token.get_secret_value()
    remedy = (
        "Make an app-level token (xapp-…) with the scope connections:write on the app's page Basic "
        "Information, and put it into PARLEY_SLACK__APP_TOKEN."
    )
    if not token:
        return Result(AREA, "app_token", State.FAILED, "is not set", remedy)
    client = _client(settings, session, "")
    try:
        # It returns the URL for a connection; none is opened.
        await client.apps_connections_open(app_token=token)
    except Exception as exc:
        return _failed("app_token", surface_error("apps.connections.open", exc), remedy)
    return Result(AREA, "app_token", State.OK, "Socket Mode may be used")


def _failed(what: str, error: SurfaceError, remedy: str) -> Result:
    if isinstance(error, Refused) and error.code in SOCKET_MODE_OFF:
        remedy = "Switch it on, on the app's page Socket Mode, or set [slack] mode to http."
        detail = f"Socket Mode is off for this app ({error.code})"
        return Result(AREA, what, State.FAILED, detail, remedy)
    if isinstance(error, Refused):
        return Result(AREA, what, State.FAILED, f"Slack refuses it ({error.code})", remedy)
    busy = isinstance(error, SurfaceBusy)
    if busy:
        remedy = "Check the network, the proxy (HTTPS_PROXY) or [slack] base_url."
    return Result(AREA, what, State.FAILED, str(error), remedy, unreachable=busy)
