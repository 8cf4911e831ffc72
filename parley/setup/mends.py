"""What `parley doctor --fix` can put right, each after a question.

A mend is found by looking, not by the text of a finding: each `find_…` says whether there is
something to do. Nothing is changed before `Mend.carry_out` is called.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.discord.checkup import COMMANDS_CHECK, check_discord
from adapters.discord.registration import sync_commands
from bot.checks import State
from bot.config import Settings, read_settings, secrets_beside
from bot.config_errors import Keys
from bot.errors import ModelError, ParleyError
from bot.files import others_may_read, read_text
from bot.models.find import HUB_NAME, find_model, split_name
from parley.commands.model_work import download
from parley.setup import toml_edit
from parley.setup.asking import Asker, Screen
from parley.setup.files import keep_private, replace_text, unwritable
from parley.setup.session import config_place, secret_in, secrets_of
from parley.setup.toml_edit import Value


@dataclass(frozen=True, slots=True)
class Mend:
    """Something that can be put right."""

    fault: str
    """What is wrong: a sentence."""
    question: str
    carry_out: Callable[[], Awaitable[str]]
    """Does it; what is true then, in a sentence. Raises ParleyError."""


@dataclass(frozen=True, slots=True)
class Mended:
    """How many mends there were."""

    offered: int
    done: int


async def mend_all(
    asker: Asker, screen: Screen, config: Path | None, environment: Mapping[str, str] = os.environ
) -> Mended:
    """Offer each mend, and carry out what is wanted. A mend that fails is shown, and the others
    follow. Raises ConfigError where the settings cannot be read, which is for people to mend."""
    done = 0
    file = config_place(config)
    mends = await find_mends(file, environment)
    for mend in mends:
        screen.mark(State.WARNING, mend.fault)
        if not await asker.confirm(mend.question, default=True):
            continue
        try:
            screen.mark(State.OK, await mend.carry_out())
            done += 1
        except ParleyError as error:
            screen.mark(State.FAILED, str(error))
    return Mended(len(mends), done)


async def find_mends(file: Path, environment: Mapping[str, str]) -> list[Mend]:
    """What can be put right, in the order in which it should be. Raises ConfigError."""
    settings = _read(file, environment)
    found = [
        _missing_config(file),
        _readable_secrets(secrets_beside(file)),
        _secrets_in_config(file),
        _missing_model(settings),
        await _missing_commands(settings),
    ]
    return [mend for mend in found if mend is not None]


def _read(file: Path, environment: Mapping[str, str]) -> Settings:
    return read_settings(file if file.exists() else None, environment)


# ---------------------------------------------------------------- files


def _missing_config(file: Path) -> Mend | None:
    if file.exists():
        return None

    async def write() -> str:
        replace_text(file, toml_edit.CONFIG_HEADER, private=False)
        return f"{file} is there. Run parley setup to choose a model and platforms."

    return Mend(f"There is no {file}: defaults and the environment count.", "Write one?", write)


def _readable_secrets(file: Path) -> Mend | None:
    if not file.exists() or not others_may_read(file):
        return None

    async def restrict() -> str:
        try:
            keep_private(file)
        except OSError as exc:
            raise unwritable(file, exc) from exc
        return f"Only you can read {file} now."

    return Mend(f"Other users of this machine can read {file}.", "Take that away?", restrict)


def _secrets_in_config(file: Path) -> Mend | None:
    """Secrets that stand in a configuration file which others can read."""
    if not file.exists() or not others_may_read(file):
        return None
    settings = read_settings(file, {})
    content = read_text(file)
    plain: dict[Keys, Value] = {
        keys: secret
        for keys in secrets_of(settings)
        if (secret := secret_in(settings, keys)) and secret in content
    }
    plain |= toml_edit.addresses_in(content)
    if not plain:
        return None
    beside = secrets_beside(file)

    async def move() -> str:
        before = read_text(beside) if beside.exists() else ""
        after = toml_edit.edited(before, plain, toml_edit.SECRETS_HEADER)
        replace_text(beside, after, private=True)  # first there, then no longer here
        replace_text(file, toml_edit.without(content, plain), private=False)
        return f"They stand in {beside} now, which only you can read."

    names = ", ".join(f"[{'.'.join(keys[:-1])}] {keys[-1]}" for keys in plain)
    fault = f"{file} can be read by other users of this machine, and holds secrets: {names}."
    return Mend(fault, f"Move them to {beside.name}?", move)


# ---------------------------------------------------------------- what is not there yet


def _missing_model(settings: Settings) -> Mend | None:
    """A model of the Hub that is not downloaded, or not completely."""
    name = settings.model.name
    if settings.model.backend in ("openai", "scripted"):
        return None
    if not HUB_NAME.fullmatch(split_name(name)[0]) or settings.path(name).exists():
        return None
    try:
        find_model(settings)
    except ModelError:

        async def pull() -> str:
            return f"{name} is in {await download(settings, name, force=False)}."

        return Mend(f"The model {name} is not downloaded completely.", "Download it?", pull)
    return None


async def _missing_commands(settings: Settings) -> Mend | None:
    """Slash commands that Discord does not know."""
    results = await check_discord(settings.discord)
    missing = [r for r in results if r.what == COMMANDS_CHECK and r.state is not State.OK]
    if not missing:
        return None

    async def register() -> str:
        return f"{await sync_commands(settings)} slash commands are registered."

    return Mend(f"Discord's slash commands: {missing[0].detail}.", "Register them?", register)
