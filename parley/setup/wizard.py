"""The set-up from the first step to the last."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from bot.checks import State
from bot.errors import ConfigError
from bot.models.find import DEMO
from parley.setup.answers import Answers
from parley.setup.asking import Asker, Screen
from parley.setup.channels import Greeted, answer_all, say_first_words
from parley.setup.consistent import require_consistent, undone
from parley.setup.discord import set_up_discord
from parley.setup.model import choose_model
from parley.setup.page import offer_page
from parley.setup.platforms import Platforms, choose_platforms
from parley.setup.service import offer_service
from parley.setup.session import Session, config_place
from parley.setup.slack import set_up_slack

GO_ON = "Set-up stopped. What was saved stays; go on with: {command}"
"""What is said after Ctrl-C."""


async def run_setup(
    asker: Asker,
    screen: Screen,
    answers: Answers,
    config: Path | None,
    environment: Mapping[str, str] = os.environ,
) -> tuple[Session, bool]:
    """Set Parley up; the session with the settings that are then in effect, and whether to start
    answering now. Raises Left, and ParleyError with one line: what was saved before stays."""
    require_consistent(answers)
    session = Session(asker, screen, answers, config_place(config), environment)
    _greet(session)
    await choose_model(session)
    wanted = await choose_platforms(session)
    on = Platforms(
        wanted.discord and await set_up_discord(session),
        wanted.slack and await set_up_slack(session),
    )
    _say_undone(session, on)
    places: list[Greeted] = []
    page, serving = "", False
    if on.discord or on.slack:
        places = await say_first_words(session, on)
        page = await offer_page(session)
        serving = await offer_service(session)
    start = await _ask_to_start(session, on, serving=serving)
    _end(session, on, places, page, serving=serving, start=start)
    return session, start


def _say_undone(session: Session, on: Platforms) -> None:
    """Name options that cannot be followed. Raises ConfigError where nobody reads on."""
    if line := undone(session.answers, on):
        if session.answers.yes:
            raise ConfigError(line)
        session.screen.mark(State.WARNING, line)


def stopped(config: Path | None) -> str:
    """The line after Ctrl-C."""
    return GO_ON.format(command=f"parley setup{_option(config)}")


def _option(config: Path | None) -> str:
    """How a command names the settings file; None where it finds it by itself."""
    return f" --config {shlex.quote(str(config))}" if config else ""


# ---------------------------------------------------------------- beginning


def _greet(session: Session) -> None:
    screen = session.screen
    screen.say("Parley's set-up. Enter takes what stands in brackets; Ctrl-C leaves at any point.")
    if session.is_new:
        screen.say(f"Settings will be in {session.file}, secrets in {session.secrets_file.name}.")
        return
    screen.mark(State.OK, f"{session.file} is there already: it is kept, and can be changed.")
    for line in session.settings.warnings:
        screen.mark(State.WARNING, line)
    for what, state in _progress(session):
        screen.mark(state, what)


def _progress(session: Session) -> list[tuple[str, State]]:
    """What is set already."""
    settings = session.settings
    model = settings.model
    answers = model.openai.model or "a server" if model.backend == "openai" else model.name
    discord = bool(settings.discord.token.get_secret_value())
    lines = [(f"Model: {'the demo model' if answers == DEMO else answers}", State.OK)]
    lines.append(_platform("Discord", discord, discord))
    tokens = (settings.slack.bot_token, settings.slack.app_token)
    some = settings.slack.on or any(token.get_secret_value() for token in tokens)
    socket = settings.slack.mode == "socket" and not settings.slack.client_id
    whole = settings.slack.on and (bool(tokens[1].get_secret_value()) or not socket)
    lines.append(_platform("Slack", some, whole))
    return lines


def _platform(name: str, some: bool, whole: bool) -> tuple[str, State]:
    if whole:
        return f"{name}: the token is set", State.OK
    if some:
        return f"{name}: one of the tokens is missing", State.WARNING
    return f"{name}: not set up yet", State.SKIPPED


# ---------------------------------------------------------------- end


async def _ask_to_start(session: Session, on: Platforms, *, serving: bool) -> bool:
    """Whether to answer now, in this terminal."""
    if serving or not (on.discord or on.slack):
        return False
    if session.answers.run is not None or session.answers.yes:
        return bool(session.answers.run)
    return await session.asker.confirm("Start answering now, until Ctrl-C?", default=True)


def _how_to_ask(session: Session, names: list[str], places: list[Greeted]) -> list[str]:
    """Sentences that say where questions are asked, and whether with a mention; `names` are the
    platforms."""
    mentioned = [place.name for place in places if place.mention]
    free = [place.name for place in places if not place.mention]
    lines = []
    if mentioned:
        lines.append(f"Mention Parley in {' and '.join(mentioned)} to ask something.")
    if free:
        lines.append(f"In {' and '.join(free)}, write without a mention: each message is answered.")
    if names and not places:
        lines.append(f"Mention Parley in a channel on {' or '.join(names)} to ask something.")
        if others := answer_all(session):
            where = "the channel" if len(others) == 1 else f"the {len(others)} channels"
            lines.append(f"In {where} of answer_all_channels each message is answered.")
    return lines


def _end(
    session: Session,
    on: Platforms,
    places: list[Greeted],
    page: str,
    *,
    serving: bool,
    start: bool,
) -> None:
    """What is running and where to look."""
    screen = session.screen
    screen.heading("Done")
    names = [name for name, there in (("Discord", on.discord), ("Slack", on.slack)) if there]
    option = _option(None if session.is_found else session.file)
    for line in _how_to_ask(session, names, places):
        screen.say(line)
    lines = [
        (f"parley run{option}", "answer on " + " and ".join(names) if names else ""),
        (f"parley chat{option}", "talk to the model here"),
        (f"parley doctor{option}", "check everything, with remedies"),
        (f"parley web link{option}", f"log in to the page at http://{page}" if page else ""),
        (f"parley setup{option}", "change any of this"),
    ]
    if serving:
        screen.mark(State.OK, f"Running as a service on {' and '.join(names)}.")
        lines[0] = ("parley service logs", "what it is doing")
        lines.insert(0, ("parley service status", "whether it runs"))
    elif start:
        screen.mark(State.OK, f"Starting on {' and '.join(names)}; Ctrl-C ends it.")
        screen.say("Later, start it with: " + f"parley run{option}")
        lines = lines[1:]
    shown = [(command, what) for command, what in lines if what]
    width = max(len(command) for command, _ in shown)
    screen.block("\n".join(f"{command:<{width}}   {what}" for command, what in shown))
    screen.say(f"Settings: {session.file}")
    if session.secrets_file.exists():
        screen.say(f"Secrets:  {session.secrets_file}")
