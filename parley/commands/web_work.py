"""What `parley web` does."""

import sys
from pathlib import Path

import typer

from bot.config import load, secrets_beside
from bot.errors import ConfigError
from bot.files import NotText, read_text
from parley.setup import toml_edit
from parley.setup.files import replace_text, require_writable
from parley.setup.session import config_place
from parley.web.local import new_link
from parley.web.password import hash_of


async def print_link(config: Path | None) -> None:
    """Ask the running Parley for a one-time link. Raises ConfigError where there is none."""
    address, seconds = await new_link(load(config))
    typer.echo(address)
    typer.echo(f"It logs in once, within {seconds / 60:.0f} minutes.", err=True)


def set_password(config: Path | None, *, only_print: bool) -> None:
    """Ask for a password twice on a terminal, or read it from the first line of a pipe, and save
    its hash in the file of secrets; or print it as an environment variable. The password itself is
    shown and stored nowhere. Raises ConfigError, with nothing changed."""
    load(config)
    file = config_place(config)
    if not only_print:
        require_writable(file)
    given = _typed() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    hashed = hash_of(given)
    if only_print:
        typer.echo(f"PARLEY_WEB__PASSWORD_HASH='{hashed}'")
        return
    secrets = _save(file, hashed)
    typer.echo(f"The password's hash is in {secrets}. It counts from the next start on.")


def _typed() -> str:
    given: str = typer.prompt("Password", hide_input=True, err=True)
    if given != typer.prompt("Again", hide_input=True, err=True):
        raise ConfigError("The two passwords differ. Nothing was changed.")
    return given


def _save(file: Path, hashed: str) -> Path:
    """Write the hash into the file of secrets beside `file`, which is made where it is missing:
    secrets without it are not read. Returns the file of secrets."""
    secrets = secrets_beside(file)
    try:
        before = read_text(secrets) if secrets.exists() else ""
    except (OSError, NotText) as exc:
        raise ConfigError(f"{secrets} cannot be read ({exc}). Nothing was changed.") from exc
    changes: toml_edit.Changes = {("web", "password_hash"): hashed}
    after = toml_edit.edited(before, changes, toml_edit.SECRETS_HEADER)
    replace_text(secrets, after, private=True)
    if not file.exists():
        replace_text(file, toml_edit.CONFIG_HEADER, private=False)
    return secrets
