"""An asker with prepared answers, and a screen that keeps what it showed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bot.checks import State
from parley.setup.answers import Answers
from parley.setup.asking import Choice, Left
from parley.setup.session import Session, config_place


class Scripted:
    """Answers questions in order: the part of the question that is expected, and the answer. For a
    choice the answer is a part of the label, "" the default. At the end, or for the answer None,
    the person leaves."""

    def __init__(self, *script: tuple[str, str | bool | None]) -> None:
        self._script = list(script)
        self.asked: list[str] = []

    def _next(self, question: str) -> str | bool:
        self.asked.append(question)
        if not self._script:
            raise Left
        expected, answer = self._script.pop(0)
        assert expected in question, f"asked {question!r} instead of {expected!r}"
        if answer is None:
            raise Left
        return answer

    @property
    def left_over(self) -> list[str]:
        """Questions that were never asked."""
        return [question for question, _ in self._script]

    async def confirm(self, question: str, *, default: bool) -> bool:
        answer = self._next(question)
        return default if answer == "" else bool(answer)

    async def choose(self, question: str, choices: Sequence[Choice], default: str) -> str:
        answer = self._next(question)
        assert default in {choice.key for choice in choices}
        if answer == "":
            return default
        (found,) = [choice.key for choice in choices if str(answer) in choice.label]
        return found

    async def text(self, question: str, default: str = "") -> str:
        return str(self._next(question)) or default

    async def secret(self, question: str) -> str:
        return str(self._next(question))


class Shown:
    """A screen in memory."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.marks: list[tuple[State, str]] = []

    def heading(self, title: str) -> None:
        self.lines.append(title)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def mark(self, state: State, text: str) -> None:
        self.marks.append((state, text))
        self.lines.append(text)

    def block(self, text: str) -> None:
        self.lines.append(text)

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        del what
        yield

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def of(self, state: State) -> list[str]:
        return [text for each, text in self.marks if each is state]


def session(
    config: Path,
    *script: tuple[str, str | bool | None],
    answers: Answers | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[Session, Scripted, Shown]:
    """A session of the set-up that is answered by `script`."""
    asker, screen = Scripted(*script), Shown()
    made = Session(
        asker, screen, answers or Answers(environment={}), config_place(config), environment or {}
    )
    return made, asker, screen
