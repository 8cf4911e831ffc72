"""A service's installation that only notes what was installed."""

from pathlib import Path

from bot.errors import ConfigError

installed: list[Path] = []
fails: list[str] = []


async def install(config: Path) -> None:
    if fails:
        raise ConfigError(fails.pop())
    installed.append(config)
