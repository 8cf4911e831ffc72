"""An observer for tests."""

from bot.observer import Event


class Told:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        self.events.append(event)
