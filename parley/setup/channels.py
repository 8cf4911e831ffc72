"""The first message: which channel of each platform, and that it can be written there."""

import re
from dataclasses import dataclass

from adapters.discord import reach as discord
from adapters.slack import reach as slack
from bot.checks import State
from bot.errors import ConfigError, ParleyError
from parley.setup.asking import Choice
from parley.setup.platforms import Platforms
from parley.setup.session import Session

FIRST_MESSAGE = "Hello, I am Parley. Mention me to ask something; I answer in this channel."
NO_MENTION = "Hello, I am Parley. Write here to ask something: I answer every message."
"""The same where every message is a question."""
MOST_OFFERED = 12
"""Channels that are offered by number; any other can be named."""

_SKIP, _OTHER = "skip", "other"


@dataclass(frozen=True, slots=True)
class Wish:
    """A channel that somebody named."""

    platform: str
    """"discord", "slack", or "" for a name that may be on both."""
    channel: str
    """An id, or a name after a ``#``."""


def parse_channel(text: str) -> Wish:
    """A channel as people write or copy it: an id of Discord (digits) or Slack (``C0123``), a link,
    ``<#id>``, ``#name``; before it ``discord:`` or ``slack:`` where both might be meant. Raises
    ConfigError for anything else."""
    platform, _, rest = text.strip().partition(":")
    named = platform.lower() in ("discord", "slack")
    word = rest.strip() if named else text.strip()
    for form, of in _FORMS:
        if match := form.fullmatch(word):
            return Wish(platform.lower() if named else of, match["id"])
    if re.fullmatch(r"#?[^\s#:/]+", word):
        return Wish(platform.lower() if named else "", f"#{word.lstrip('#')}")
    raise ConfigError(
        f"{text!r} names no channel: give its id (Discord: Copy Channel ID; Slack: at the end of "
        "the channel's details), its link, or its name as #general."
    )


_FORMS = (
    (re.compile(r"<?#?(?P<id>[0-9]{15,21})>?"), "discord"),
    (re.compile(r"https://(?:\w+\.)?discord(?:app)?\.com/channels/\d+/(?P<id>\d+).*"), "discord"),
    (re.compile(r"<?#?(?P<id>[CGD][A-Z0-9]{5,})(?:\|[^>]*)?>?"), "slack"),
    (re.compile(r"https://[\w.-]+\.slack\.com/archives/(?P<id>[A-Z0-9]+).*"), "slack"),
    (re.compile(r"https://app\.slack\.com/client/\w+/(?P<id>[A-Z0-9]+).*"), "slack"),
)


@dataclass(frozen=True, slots=True)
class Greeted:
    """A place where the first message was posted."""

    name: str
    """For people: "#general on Discord"."""
    mention: bool
    """Whether questions need a mention there."""


async def say_first_words(session: Session, on: Platforms) -> list[Greeted]:
    """Post the first message on each platform, in a channel of the operator's choice. Raises
    ParleyError where a channel that an option names cannot be written in."""
    session.screen.heading("3 · The first message")
    wishes = [parse_channel(each) for each in session.answers.channels]
    if session.answers.message is False:
        session.screen.mark(State.SKIPPED, "No message is sent.")
        return []
    places: list[Greeted] = []
    for platform, name, on_it, say in (
        ("discord", "Discord", on.discord, _on_discord),
        ("slack", "Slack", on.slack, _on_slack),
    ):
        if on_it and platform in session.unchecked:
            line = f"No message on {name}, which cannot be reached. Send it later: parley setup"
            session.screen.mark(State.SKIPPED, line)
        elif on_it:
            places += await say(session, _for(platform, wishes))
    return places


def _for(platform: str, wishes: list[Wish]) -> list[str]:
    """The channels that are meant for this platform, each once."""
    meant = [wish.channel for wish in wishes if wish.platform in ("", platform)]
    return list(dict.fromkeys(meant))


# ---------------------------------------------------------------- Discord


async def _on_discord(session: Session, wishes: list[str]) -> list[Greeted]:
    with session.screen.busy("Looking for channels"):
        servers = await discord.servers_of(session.settings.discord)
    channels = [channel for server in servers for channel in server.channels]
    if wishes:
        return [
            await _say_on_discord(session, chosen)
            for chosen in [_named(channels, wish) for wish in wishes]
        ]
    if session.answers.yes or not channels:
        _say_none(session, "Discord", yes=session.answers.yes)
        return []
    while (channel := await _choose(session, channels)) is not None:
        try:
            return [await _say_on_discord(session, channel)]
        except ParleyError as error:
            session.screen.mark(State.FAILED, str(error))
    return []


async def _say_on_discord(session: Session, channel: discord.Channel) -> Greeted:
    await discord.say_in(session.settings.discord, channel.id, _first(session, channel.id))
    return _sent(session, channel.id, f"#{channel.name} on Discord")


def _named(channels: list[discord.Channel], wish: str) -> discord.Channel:
    """The channel with this id or name. An id that is not listed is tried all the same: a thread,
    or a server beyond those that were read. Raises ConfigError for an unknown name."""
    found = [each for each in channels if wish in (each.id, f"#{each.name}")]
    writable = [each for each in found if each.writable]
    if found:
        return (writable or found)[0]
    if wish.startswith("#"):
        known = ", ".join(f"#{each.name}" for each in channels[:MOST_OFFERED]) or "none"
        raise ConfigError(f"The bot sees no channel {wish} on Discord; it sees: {known}.")
    return discord.Channel(wish, wish, "", ())


async def _choose(session: Session, channels: list[discord.Channel]) -> discord.Channel | None:
    offered = sorted(channels, key=lambda each: not each.writable)[:MOST_OFFERED]
    choices = [Choice(each.id, f"#{each.name} in {each.server}" + _hint(each)) for each in offered]
    choices += [Choice(_OTHER, "another"), Choice(_SKIP, "send no message on Discord")]
    question = "Where should the first message go?"
    greeted = bool(session.before.discord.token.get_secret_value())
    default = _SKIP if greeted else choices[0].key
    while True:
        key = await session.asker.choose(question, choices, default)
        if key == _SKIP:
            return None
        if key != _OTHER:
            return next(each for each in offered if each.id == key)
        try:
            wish = parse_channel(await session.asker.text("Id, link or #name of the channel:"))
            return _named(channels, wish.channel)
        except ConfigError as error:
            session.screen.mark(State.FAILED, str(error))


def _hint(channel: discord.Channel) -> str:
    return "" if channel.writable else " (the bot may not write there)"


# ---------------------------------------------------------------- Slack


async def _on_slack(session: Session, wishes: list[str]) -> list[Greeted]:
    """Slack's channels cannot be listed with the scopes that Parley has: one is named."""
    settings = session.settings.slack
    if not settings.bot_token.get_secret_value():  # several workspaces, each with its own
        return []
    if wishes:
        return [await _say_on_slack(session, wish) for wish in wishes]
    if session.answers.yes:
        _say_none(session, "Slack", yes=True)
        return []
    question = "Slack channel for the first message, as #general or its id (Enter sends none):"
    while typed := await session.asker.text(question):
        try:
            return [await _say_on_slack(session, parse_channel(typed).channel)]
        except ParleyError as error:
            session.screen.mark(State.FAILED, str(error))
    return []


async def _say_on_slack(session: Session, channel: str) -> Greeted:
    await slack.say_in(session.settings.slack, channel, _first(session, channel))
    return _sent(session, channel, f"{channel} on Slack")


def _first(session: Session, channel: str) -> str:
    """The first message for a channel."""
    return NO_MENTION if channel in answer_all(session) else FIRST_MESSAGE


def answer_all(session: Session) -> frozenset[str]:
    """The channels, of both platforms, where every message is a question."""
    settings = session.settings
    return settings.discord.answer_all_channels | settings.slack.answer_all_channels


def _sent(session: Session, channel: str, place: str) -> Greeted:
    session.screen.mark(State.OK, f"The first message is in {place}.")
    return Greeted(place, channel not in answer_all(session))


def _say_none(session: Session, platform: str, *, yes: bool) -> None:
    why = "no --channel names one" if yes else "the bot sees no text channel yet"
    session.screen.mark(State.SKIPPED, f"No message on {platform}: {why}.")
