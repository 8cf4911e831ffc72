"""Discord: the token, the Message Content intent, a server, the slash commands."""

from collections.abc import Sequence

from pydantic import SecretStr

from adapters.discord.checkup import COMMANDS_CHECK, INTENT, PORTAL, check_discord
from adapters.discord.reach import Server, servers_of
from adapters.discord.registration import invite_link, sync_commands
from bot.checks import Result, State
from bot.config import DiscordSettings
from bot.errors import ParleyError
from parley.setup.asking import show_results
from parley.setup.platforms import ask_token, reached
from parley.setup.session import Session
from parley.setup.tokens import Wanted

PLATFORM = "discord"
TOKEN = ("discord", "token")
OPTION = "--discord-token-env"

_STEPS = f"""\
1. Open {PORTAL} and press New Application.
2. On its page Bot, switch on Message Content Intent (under Privileged Gateway Intents).
3. On the same page, press Reset Token and copy the token."""


async def set_up_discord(session: Session) -> bool:
    """Token, intent, server and commands; False where it was left out. Raises ParleyError."""
    session.screen.heading("Discord")
    if not await _token(session):
        session.screen.mark(State.SKIPPED, "Discord is left out. Run parley setup again for it.")
        return False
    if PLATFORM in session.unchecked:
        session.screen.mark(
            State.SKIPPED,
            "Discord cannot be reached: run parley setup again later, to check the token, to add "
            "the bot to a server and to register its commands.",
        )
        return True
    await _intent(session)
    await _invite(session)
    await _register(session)
    return True


# ---------------------------------------------------------------- token


async def _token(session: Session) -> bool:
    """Make sure that a token is saved that works, or that could not be checked."""
    given = session.answers.secret(session.answers.discord_token_env, OPTION)
    current = session.settings.discord
    if current.token.get_secret_value() and not given and await _keep(session, current):
        return True
    if said := not (given or current.token.get_secret_value() or session.answers.yes):
        session.screen.say(_STEPS)

    async def check(token: str) -> Sequence[Result]:
        return _about_token(await check_discord(_with_token(current, token)))

    token = await ask_token(session, Wanted.DISCORD, given, OPTION, check, said=said)
    if token:
        await session.save({}, {TOKEN: token})
    return bool(token)


async def _keep(session: Session, current: DiscordSettings) -> bool:
    """Whether the token that is set works and stays. One that could not be checked stays."""

    async def ask() -> Sequence[Result]:
        return _about_token(await check_discord(current))

    results = await reached(session, PLATFORM, "Checking Discord's token", ask)
    if any(result.state is State.FAILED for result in results):
        return False
    if PLATFORM in session.unchecked:
        return True
    return not await session.asker.confirm("Replace this token?", default=False)


def _about_token(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.what in ("token", "connection")]


def _with_token(settings: DiscordSettings, token: str) -> DiscordSettings:
    return settings.model_copy(update={"token": SecretStr(token)})


# ---------------------------------------------------------------- intent


async def _intent(session: Session) -> None:
    """Show the Message Content intent until it is on, or until it is not wanted."""
    if session.answers.message_content is not None:
        await session.save({("discord", "message_content"): session.answers.message_content})
    while True:
        with session.screen.busy("Checking the intents"):
            results = await check_discord(session.settings.discord)
        found = [result for result in results if result.what == INTENT]
        show_results(session.screen, found)
        if all(result.state is State.OK for result in found) or session.answers.yes:
            return
        if session.answers.message_content is not None:
            return
        if await session.asker.confirm("Look again, after you switched it on?", default=True):
            continue
        session.screen.say("Without it Parley answers mentions, replies, commands and DMs.")
        await session.save({("discord", "message_content"): False})
        return


# ---------------------------------------------------------------- servers


async def _invite(session: Session) -> None:
    """Show the invite link until the bot is in a server, or until that can wait."""
    link = await invite_link(session.settings)
    while not (servers := await _servers(session)):
        session.screen.say("The bot is in no server yet. This link adds it to one of yours:")
        session.screen.block(link)
        question = "Look again, after you added it?"
        if not await session.asker.confirm(question, default=not session.answers.yes):
            return
    for server in servers:
        _show(session, server)
    session.screen.say("To add it to another server:")
    session.screen.block(link)


async def _servers(session: Session) -> list[Server]:
    with session.screen.busy("Looking for its servers"):
        return await servers_of(session.settings.discord)


def _show(session: Session, server: Server) -> None:
    """The server, and what the bot lacks there."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for channel in server.channels:
        if channel.missing:
            lacking.setdefault(channel.missing, []).append(f"#{channel.name}")
    session.screen.mark(State.OK, f"In the server {server.name}, {_count(server)}.")
    for permissions, names in lacking.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        session.screen.mark(
            State.WARNING,
            f"Lacks {', '.join(permissions)} in {', '.join(names[:3])}{more}. Give it to the bot's "
            "role: Server Settings, Roles, or the channel's own Permissions.",
        )


def _count(server: Server) -> str:
    number = len(server.channels)
    return f"where it sees {number} text channel{'' if number == 1 else 's'}"


# ---------------------------------------------------------------- commands


async def _wants_commands(session: Session) -> bool:
    """Whether to register the commands, which is asked in another way where Discord knows them."""
    with session.screen.busy("Looking for the slash commands"):
        results = await check_discord(session.settings.discord)
    found = [r for r in results if r.what == COMMANDS_CHECK and r.state is State.OK]
    if found:
        show_results(session.screen, found)
        question = "Register them again, as after an update of Parley?"
        return await session.asker.confirm(question, default=False)
    wanted = await session.asker.confirm("Register the slash commands (/ask …)?", default=True)
    if not wanted:
        session.screen.mark(State.SKIPPED, "Register the commands later: parley discord sync")
    return wanted


async def _register(session: Session) -> None:
    """Register the slash commands; a Discord that refuses is shown, and setup goes on."""
    wanted = session.answers.register
    if wanted is None:
        wanted = await _wants_commands(session)
    if not wanted:
        return
    try:
        with session.screen.busy("Registering the slash commands"):
            count = await sync_commands(session.settings)
        session.screen.mark(State.OK, f"{count} slash commands are registered.")
    except ParleyError as error:
        if session.answers.yes:
            raise
        session.screen.mark(State.FAILED, f"{error} Register them later: parley discord sync")
