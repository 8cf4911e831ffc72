"""Offers to install Parley as a service of the operating system."""

import inspect
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from bot.checks import State
from bot.config_errors import Keys
from bot.errors import ConfigError, ParleyError
from parley.setup.session import Session, secrets_of, variable
from parley.setup.toml_edit import Value

WORK = "parley.commands.service_work"
"""The module whose function ``install(config)`` installs the service, starts it, and says so; and
whose ``service_manager`` raises ConfigError where this machine has none."""


def can_install() -> bool:
    """Whether this version can install a service."""
    return find_spec(WORK) is not None


async def offer_service(session: Session) -> bool:
    """Install the service if that is wanted; whether it was. A failure is shown, and raised only
    where nobody is there to read it."""
    wanted = session.answers.service
    if not can_install():
        if wanted:
            session.screen.mark(State.WARNING, "This version cannot install a service.")
        return False
    session.screen.heading("5 · Always on")
    if wanted is None and (absent := _absent()):
        session.screen.mark(State.SKIPPED, f"No service: {absent}")
        return False
    if wanted is None:
        question = "Install Parley as a service, which starts with this machine?"
        wanted = await session.asker.confirm(question, default=not session.answers.yes)
    if not wanted:
        session.screen.mark(State.SKIPPED, "No service. Install it later: parley service install")
        return False
    await _keep_secrets(session)
    try:
        await _install(session)
    except ParleyError as error:
        if session.answers.yes:
            raise
        session.screen.mark(State.FAILED, str(error))
        return False
    return True


def _absent() -> str:
    """Why this machine can have no service, and the way on; "" where it can."""
    try:
        import_module(WORK).service_manager(system=False)
    except ConfigError as error:
        return str(error)
    return ""


async def _install(session: Session) -> None:
    done: Any = import_module(WORK).install(session.file.resolve())
    if inspect.isawaitable(done):
        await done


async def _keep_secrets(session: Session) -> None:
    """A service does not see the variables of this terminal: offer to save their secrets."""
    every = secrets_of(session.settings)
    here = {keys: session.secret(keys) for keys in every if session.from_environment(keys)}
    missing: dict[Keys, Value] = {keys: secret for keys, secret in here.items() if secret}
    if not missing:
        return
    names = ", ".join(variable(keys) for keys in missing)
    session.screen.say(f"A service does not see the variables of this terminal: {names}.")
    question = f"Save their values in {session.secrets_file.name}, so that it works?"
    if await session.asker.confirm(question, default=True):
        await session.save({}, missing)
