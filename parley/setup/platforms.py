"""Which platforms Parley answers on, and a token that was pasted or given by a variable."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from bot.checks import Result, State
from bot.config import ENV_PREFIX
from bot.errors import ConfigError
from parley.setup.asking import Choice, Left, show_results
from parley.setup.session import Session
from parley.setup.tokens import WHERE, Wanted, examine

TRIES = 5
"""Tokens that are asked for at most, before the platform is left out."""

UNREACHED = "That could not be checked. What now?"
_AGAIN, _WITHOUT, _STOP = "again", "without", "stop"

Check = Callable[[str], Awaitable[Sequence[Result]]]
"""Asks the platform about a token. Results that failed refuse it."""


@dataclass(frozen=True, slots=True)
class Platforms:
    """Where Parley is to answer."""

    discord: bool
    slack: bool


async def choose_platforms(session: Session) -> Platforms:
    """Ask for the platforms, unless options answer it: a token's option names its platform."""
    answers, settings = session.answers, session.settings
    discord, slack = answers.discord, answers.slack
    if answers.discord_token_env:
        discord = True
    if answers.slack_bot_token_env or answers.slack_app_token_env:
        slack = True
    has_discord = bool(settings.discord.token.get_secret_value())
    has_slack = settings.slack.on
    if discord is not None or slack is not None or answers.yes:
        discord = has_discord if discord is None else discord
        return Platforms(discord, has_slack if slack is None else slack)
    choices = [
        Choice("discord", "Discord"),
        Choice("slack", "Slack"),
        Choice("both", "Discord and Slack"),
        Choice("none", "nowhere yet: only in the terminal, with parley chat"),
    ]
    default = "both" if has_discord and has_slack else "slack" if has_slack else "discord"
    session.screen.heading("2 · Where Parley answers")
    key = await session.asker.choose("Where should it answer?", choices, default)
    return Platforms(key in ("discord", "both"), key in ("slack", "both"))


async def ask_token(
    session: Session, wanted: Wanted, given: str, option: str, check: Check, *, said: bool = False
) -> str:
    """A token that the platform accepts: `given` by the option `option`, else asked for until one
    is right; "" where nobody wants to give one. `said`: where it is found was said already. Raises
    ConfigError where `given` is wrong, or where nobody can be asked for one."""
    if given:
        token = await _checked(session, wanted, given, check)
        if not token:
            raise ConfigError(f"{option}: this token cannot be used; the line above says why.")
        return token
    if session.answers.yes:
        raise ConfigError(f"{wanted.value} is missing: name its variable with {option}.")
    if not said:
        session.screen.say(WHERE[wanted])
    for _ in range(TRIES):
        pasted = await session.asker.secret(f"Paste {wanted.value} (Enter alone leaves it out):")
        if not pasted.strip():
            return ""
        if token := await _checked(session, wanted, pasted, check):
            return token
    session.screen.mark(State.SKIPPED, f"{TRIES} tokens were refused; go on without for now.")
    return ""


async def _checked(session: Session, wanted: Wanted, text: str, check: Check) -> str:
    """The token in `text` if the platform accepts it; "" where not, which was shown."""
    pasted = examine(text, wanted)
    if pasted.fault:
        session.screen.mark(State.FAILED, pasted.fault)
        return ""
    if pasted.removed:
        session.screen.mark(State.WARNING, f"Removed {pasted.removed}: that is not part of it.")

    async def ask() -> Sequence[Result]:
        return [pasted_here(each, wanted) for each in await check(pasted.token)]

    results = await reached(session, wanted.platform, f"Checking {wanted.value}", ask)
    return "" if any(result.state is State.FAILED for result in results) else pasted.token


async def reached(
    session: Session, platform: str, what: str, ask: Callable[[], Awaitable[Sequence[Result]]]
) -> Sequence[Result]:
    """What `ask` finds, which is shown. Where the platform cannot be reached, the person decides
    whether it is tried again, whether the set-up goes on without the check (no results, and then
    nothing of this platform is checked any more), or stops: raises Left. What was typed is kept
    meanwhile. Raises ConfigError with ``--yes``."""
    while platform not in session.unchecked:
        with session.screen.busy(what):
            results = await ask()
        show_results(session.screen, results)
        if not any(result.unreachable for result in results):
            return results
        if session.answers.yes:
            raise ConfigError(
                f"{platform.capitalize()} cannot be reached; the line above says why. What was "
                "saved stays: run the same command again later."
            )
        key = await session.asker.choose(UNREACHED, _UNREACHED_CHOICES, _AGAIN)
        if key == _STOP:
            raise Left
        if key == _WITHOUT:
            session.unchecked.add(platform)
    return ()


_UNREACHED_CHOICES = (
    Choice(_AGAIN, "try again; what was pasted is kept"),
    Choice(_WITHOUT, "go on without the check"),
    Choice(_STOP, "stop here, and save nothing more"),
)


def pasted_here(result: Result, wanted: Wanted) -> Result:
    """A finding whose remedy is not to set a variable, as outside the set-up: the token is asked
    for here."""
    return replace(result, remedy=WHERE[wanted]) if ENV_PREFIX in result.remedy else result
