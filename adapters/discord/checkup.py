"""`parley doctor` for Discord: checks the token, the application's intents and its commands, and
whether the bot may read what was said.

Four GET requests, and one for each of ``answer_all_channels``; nothing is posted and no gateway
connection is opened. The flags:
https://discord.com/developers/docs/resources/application#application-object-application-flags.
"""

from typing import Any

import aiohttp

from adapters.discord.checkup_channels import check_channels
from bot.checks import Result, State
from bot.config import DiscordSettings

AREA = "Discord"
API = "https://discord.com/api/v10"
PORTAL = "https://discord.com/developers/applications"
MESSAGE_CONTENT = 1 << 18 | 1 << 19
"""GATEWAY_MESSAGE_CONTENT, and GATEWAY_MESSAGE_CONTENT_LIMITED for applications in fewer than 100
servers."""
INTENT = "Message Content intent"
"""The name of its check."""
COMMANDS_CHECK = "slash commands"
"""Likewise."""
HISTORY_CHECK = "Read Message History"
"""Likewise."""
ADMINISTRATOR, READ_MESSAGE_HISTORY = 1 << 3, 1 << 16
"""https://discord.com/developers/docs/topics/permissions."""
COMMANDS = frozenset(
    {
        *("Ask Parley about this", "Summarize from here", "ask", "export", "forget", "model"),
        *("mute", "privacy", "reset", "settings", "stats", "status", "stop", "summarize"),
        *("system", "unmute"),
    }
)
"""The names of the commands that `adapters.discord.slash` defines; a test compares them."""
TIMEOUT = 15.0
"""Seconds for each request."""


async def check_discord(settings: DiscordSettings) -> list[Result]:
    """Check whose the token is and whether the Message Content intent is on. One result, skipped,
    where Discord is not configured. Raises nothing: failures are results. Secrets are in none."""
    token = settings.token.get_secret_value()
    if not token:
        return [Result(AREA, "token", State.SKIPPED, "Discord is off: [discord] token is not set")]
    base = settings.api_url or API
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    headers = {"Authorization": f"Bot {token}"}
    try:
        async with aiohttp.ClientSession(timeout=timeout, headers=headers, trust_env=True) as http:
            status, bot = await _get(http, f"{base}/users/@me")
            if status != 200:
                return [_refused(status)]
            _, application = await _get(http, f"{base}/oauth2/applications/@me")
            app = str(application.get("id") or bot.get("id") or "")
            listed, commands = await _get_list(http, f"{base}/applications/{app}/commands")
            _, servers = await _get_list(http, f"{base}/users/@me/guilds")
            flags = int(application.get("flags") or 0)
            reads_all = bool(flags & MESSAGE_CONTENT) and settings.message_content
            channels = await check_channels(http, base, settings, reads_all=reads_all)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return [_unreachable(base, error)]
    name = f"{bot.get('username', '?')} ({bot.get('id', '?')})"
    return [
        Result(AREA, "token", State.OK, f"belongs to {name}"),
        _intents(settings, flags, app),
        *([_commands(commands)] if listed else []),
        *([_history(servers)] if servers else []),
        *channels,
    ]


async def _get(http: aiohttp.ClientSession, url: str) -> tuple[int, dict[str, Any]]:
    async with http.get(url) as response:
        if response.status != 200:
            return response.status, {}
        body = await response.json()
        return 200, body if isinstance(body, dict) else {}


async def _get_list(http: aiohttp.ClientSession, url: str) -> tuple[bool, list[Any]]:
    """Whether Discord answers with a list, and it."""
    async with http.get(url) as response:
        body = await response.json() if response.status == 200 else None
        return isinstance(body, list), body if isinstance(body, list) else []


def _refused(status: int) -> Result:
    if status == 401:
        remedy = (
            f"Copy it anew from {PORTAL} (Bot, Reset Token) into the variable "
            "PARLEY_DISCORD__TOKEN."
        )
        return Result(AREA, "token", State.FAILED, "Discord does not accept it", remedy)
    detail, remedy = f"Discord answers HTTP {status}", "Try again later."
    later = status == 429 or status >= 500
    return Result(AREA, "token", State.FAILED, detail, remedy, unreachable=later)


def _unreachable(base: str, error: BaseException) -> Result:
    why = str(error) or type(error).__name__
    remedy = "Check the network, the proxy (HTTPS_PROXY) or [discord] api_url."
    detail = f"{base} cannot be reached ({why})"
    return Result(AREA, "connection", State.FAILED, detail, remedy, unreachable=True)


def _commands(registered: list[Any]) -> Result:
    """Whether every slash command is registered."""
    names = {str(each.get("name")) for each in registered if isinstance(each, dict)}
    missing = sorted(COMMANDS - names)
    if not missing:
        return Result(AREA, COMMANDS_CHECK, State.OK, f"{len(COMMANDS)} are registered")
    detail = f"not registered: {', '.join(missing)}" if names else "none is registered"
    remedy = "Register them with: parley discord sync"
    return Result(AREA, COMMANDS_CHECK, State.WARNING, detail, remedy)


def _history(servers: list[Any]) -> Result:
    """Whether the bot's roles let it read what was said; a channel may have a rule of its own."""
    known = [one for one in servers if isinstance(one, dict)]
    lacking = [str(one.get("name")) for one in known if not _may_read(one.get("permissions"))]
    if not lacking:
        return Result(AREA, HISTORY_CHECK, State.OK, f"granted in {len(known)} servers")
    detail = (
        f"missing in {', '.join(lacking)}: what people say around a question, and questions "
        "asked while Parley was away, are not read"
    )
    remedy = (
        "Give Parley's role Read Message History there, or invite it again: parley discord invite"
    )
    return Result(AREA, HISTORY_CHECK, State.WARNING, detail, remedy)


def _may_read(permissions: object) -> bool:
    """Unknown permissions count as enough."""
    if not (isinstance(permissions, str) and permissions.isdecimal()):
        return True
    return bool(int(permissions) & (ADMINISTRATOR | READ_MESSAGE_HISTORY))


def _intents(settings: DiscordSettings, flags: int, app: str) -> Result:
    what = INTENT
    if flags & MESSAGE_CONTENT:
        return Result(AREA, what, State.OK, "is on")
    if not settings.message_content:
        return Result(AREA, what, State.OK, "is off, as [discord] message_content says")
    return Result(
        AREA,
        what,
        State.WARNING,
        "is off: follow-ups in threads need a mention, and what people say there is not read",
        f"Switch it on at {PORTAL}/{app}/bot (Privileged Gateway Intents), or set [discord] "
        "message_content = false.",
    )
