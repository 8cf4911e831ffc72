"""A service's installation that only notes what was installed."""

from pathlib import Path

from bot.errors import ConfigError

installed: list[Path] = []
fails: list[str] = []
absent: list[str] = []


def service_manager(*, system: bool) -> None:
    assert not system
    if absent:
        raise ConfigError(absent[0])


async def install(config: Path) -> None:
    if fails:
        raise ConfigError(fails.pop())
    installed.append(config)
