"""What the web server looks at: the running parts, and those who are told what happens."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.observer import Event, Observer
from parley.web.lag import LoopLag
from parley.web.measurements import Recorder

if TYPE_CHECKING:
    from parley.app import Parley

logger = logging.getLogger(__name__)


class Observers:
    """Tells several observers what happens. One that fails is removed and logged: neither answers
    nor the other observers depend on it."""

    def __init__(self) -> None:
        self._observers: list[Observer] = []

    def add(self, observer: Observer) -> None:
        """Tell `observer` everything that happens from now on."""
        self._observers.append(observer)

    def observe(self, event: Event) -> None:
        """Tell all of them. Raises nothing."""
        for observer in list(self._observers):
            try:
                observer.observe(event)
            except Exception:
                self._observers.remove(observer)
                logger.exception("%s fails and is told nothing more", type(observer).__name__)


class Live:
    """A Parley that starts or runs."""

    def __init__(self, settings: Settings, platforms: Iterable[str]) -> None:
        """`platforms`: those that it is to serve, by their names for people ("Discord")."""
        self.settings = settings
        self.parley: Parley | None = None
        """The running parts; None while the model is being loaded."""
        self.recorder = Recorder(name.lower() for name in platforms)
        self.observers = Observers()
        self.observers.add(self.recorder)
        self.lag = LoopLag()
