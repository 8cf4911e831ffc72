"""How the steps of the set-up ask and show; nothing here knows a terminal."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from bot.checks import Result, State


class Left(Exception):
    """The person left the set-up, with Ctrl-C or Ctrl-D at a question."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers."""

    key: str
    """What `Asker.choose` returns."""
    label: str


class Asker(Protocol):
    """Asks. Every method raises `Left` where the person wants no more."""

    async def confirm(self, question: str, *, default: bool) -> bool:
        """Yes or no."""
        ...

    async def choose(self, question: str, choices: Sequence[Choice], default: str) -> str:
        """The key of one of `choices`; `default` is one of them."""
        ...

    async def text(self, question: str, default: str = "") -> str:
        """A line, without white space around it; `default` for an empty one."""
        ...

    async def secret(self, question: str) -> str:
        """A line that is not shown, as it was pasted; "" for none."""
        ...


class Screen(Protocol):
    """Shows."""

    def heading(self, title: str) -> None:
        """Begin a step."""
        ...

    def say(self, text: str) -> None:
        """A paragraph."""
        ...

    def mark(self, state: State, text: str) -> None:
        """A line with the sign of a check: done, to be known, wrong, left out."""
        ...

    def block(self, text: str) -> None:
        """Lines to be copied: nothing is wrapped or added."""
        ...

    def busy(self, what: str) -> AbstractContextManager[object]:
        """While the body runs, show `what` is being done. Nothing else is shown meanwhile."""
        ...


class Defaults:
    """An `Asker` that asks nobody: every answer is the default, and there are no secrets."""

    async def confirm(self, question: str, *, default: bool) -> bool:
        del question
        return default

    async def choose(self, question: str, choices: Sequence[Choice], default: str) -> str:
        del question, choices
        return default

    async def text(self, question: str, default: str = "") -> str:
        del question
        return default

    async def secret(self, question: str) -> str:
        del question
        return ""


def show_results(screen: Screen, results: Sequence[Result]) -> None:
    """Show the findings of a check, each with its remedy."""
    for result in results:
        remedy = f" {result.remedy}" if result.remedy else ""
        screen.mark(result.state, f"{result.what}: {result.detail.rstrip('.')}.{remedy}")
