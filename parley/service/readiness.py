"""Whether everything that the settings ask for is loaded and connected."""

from collections.abc import Callable, Iterable


class Readiness:
    """Knows which platforms are connected, and says so once when all of them are.

    A platform that has failed for good is waited for no longer; as long as one other is connected,
    Parley counts as ready.
    """

    def __init__(self, platforms: Iterable[str], on_ready: Callable[[], None]) -> None:
        self._awaited = list(platforms)
        self._on_ready = on_ready
        self._connected: list[str] = []
        self._told = False

    @property
    def ready(self) -> bool:
        """Whether at least one platform is connected, and none is awaited."""
        return bool(self._connected) and not self._awaited

    @property
    def summary(self) -> str:
        """In one line: who is connected, and who is awaited."""
        parts = [f"answering on {_listed(self._connected)}"] if self._connected else []
        parts += [f"connecting to {_listed(self._awaited)}"] if self._awaited else []
        line = ", ".join(parts) or "no platform is connected"
        return line[0].upper() + line[1:]

    def connected(self, platform: str) -> None:
        """This platform is connected."""
        if platform not in self._connected:
            self._connected.append(platform)
        self._no_longer_awaited(platform)

    def failed(self, platform: str) -> None:
        """This platform has failed for good."""
        if platform in self._connected:
            self._connected.remove(platform)
        self._no_longer_awaited(platform)

    def _no_longer_awaited(self, platform: str) -> None:
        if platform in self._awaited:
            self._awaited.remove(platform)
        if self.ready and not self._told:
            self._told = True
            self._on_ready()


def _listed(names: list[str]) -> str:
    return " and ".join(names)
