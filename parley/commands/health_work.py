"""What `parley health` finds. Health checks run every minute, so this imports little."""

from pathlib import Path

import typer

from bot.config import Settings, load
from bot.errors import ConfigError
from parley.locks import IN_MEMORY, last_sign_of_life, running_instance
from parley.platforms import configured_platforms

STUCK = 90.0
"""Seconds without a sign of life after which a process counts as stuck: several intervals of
`parley.service.pulse`."""


def report_health(config: Path | None, *, live: bool) -> None:
    """Print one line for each platform with what is wrong there, or one line if all is well. Exits
    with code 1 if anything is wrong. Raises ConfigError."""
    settings = load(config)
    if settings.database_url == IN_MEMORY:
        raise ConfigError(
            "[storage] url: memory:// leaves no file that tells whether parley run is well. Set "
            "url to a SQLite file or a PostgreSQL database."
        )
    platforms = [name for name, on in configured_platforms(settings).items() if on]
    if not platforms:
        raise ConfigError("No platform is configured, so that parley run cannot be running.")
    faults = [fault for name in platforms if (fault := fault_of(settings, name, live=live))]
    for line in faults or [f"{' and '.join(platforms)}: {'alive' if live else 'answering'}"]:
        typer.echo(line)
    if faults:
        raise typer.Exit(1)


def fault_of(settings: Settings, platform: str, *, live: bool) -> str:
    """What is wrong with the `parley run` that should serve `platform`, in one line; "" if nothing
    is. With `live` loading the model and connecting are nothing wrong."""
    instance = running_instance(settings, platform)
    if instance is None:
        return f"{platform}: parley run is not running"
    silent = last_sign_of_life(settings, platform)
    if silent is None or silent > STUCK:
        since = "no sign of life" if silent is None else f"no sign of life for {silent:.0f} s"
        return f"{platform}: process {instance.pid} is stuck: {since}"
    if live or instance.connected:
        return ""
    return f"{platform}: " + ("connecting" if instance.model else "loading the model")
