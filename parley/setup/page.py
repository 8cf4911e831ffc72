"""Offers the operator's page: the web server on this computer, and its password."""

from importlib.util import find_spec

from bot.checks import State
from bot.errors import ConfigError
from parley.setup.session import Session
from parley.web.password import EXTRA, SHORTEST, hash_of, installed

LISTEN = "127.0.0.1:8600"
"""What is offered: reached from this computer alone."""
KEYS = ("web", "listen")
PASSWORD = ("web", "password_hash")
TRIES = 3


async def offer_page(session: Session) -> str:
    """Serve the operator's page if that is wanted, and take a password for it; returns where it
    listens, "" for nowhere. Raises ConfigError where a password was given by an option and cannot
    be used."""
    session.screen.heading("4 · The operator's page")
    if not await _wanted(session):
        await _turn_off(session)
        return ""
    if not session.settings.web.listen:
        await session.save({KEYS: LISTEN})
    if not session.settings.web.listen:
        return ""  # the change of a file that somebody wrote was not confirmed
    await _take_password(session)
    _say_where(session)
    return session.settings.web.listen


async def _wanted(session: Session) -> bool:
    answers, there = session.answers, bool(session.settings.web.listen)
    if answers.web_password_env and answers.web is None:
        return True
    if answers.web is not None or answers.yes or there:
        return there if answers.web is None else answers.web
    session.screen.say(
        "A page in your browser shows what is being answered, plots, ratings, use and errors; "
        "/metrics is for Prometheus. Other computers cannot reach it."
    )
    return await session.asker.confirm(f"Serve it at http://{LISTEN}?", default=True)


async def _turn_off(session: Session) -> None:
    if session.settings.web.listen:
        await session.save({KEYS: ""})
    session.screen.mark(State.SKIPPED, f'No page. Turn it on later: [web] listen = "{LISTEN}"')


async def _take_password(session: Session) -> None:
    answers = session.answers
    given = answers.secret(answers.web_password_env, "--web-password-env")
    if given:
        await session.save({}, {PASSWORD: hash_of(given.rstrip("\r\n"))})
    elif answers.yes or answers.web is not None or session.secret(PASSWORD):
        return
    elif not installed():
        session.screen.mark(State.WARNING, f"Metrics, plots and a password need: {EXTRA}")
    elif hashed := await _asked(session):
        await session.save({}, {PASSWORD: hashed})


async def _asked(session: Session) -> str:
    """The hash of the password that was typed twice; "" for none."""
    question = f"A password for it, {SHORTEST} characters or more (Enter alone: none):"
    for _ in range(TRIES):
        typed = await session.asker.secret(question)
        if not typed:
            return ""
        try:
            hashed = hash_of(typed)
        except ConfigError as error:
            session.screen.mark(State.FAILED, str(error))
            continue
        if await session.asker.secret("The same password again:") == typed:
            return hashed
        session.screen.mark(State.FAILED, "The two passwords differ.")
    return ""


def _say_where(session: Session) -> None:
    screen, listen = session.screen, session.settings.web.listen
    screen.mark(State.OK, f"The page is at http://{listen} while Parley runs.")
    if find_spec("prometheus_client") is None:
        screen.mark(State.WARNING, f"/metrics needs: {EXTRA}")
    if session.secret(PASSWORD):
        screen.say("Numbers are open on this computer; texts and names need the password.")
    else:
        screen.say("Numbers are open on this computer; to see texts and names: parley web link")
