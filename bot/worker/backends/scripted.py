"""A backend that says a given text at a given rate: a stand-in for a model, in tests and to try a
setup without one.

Its tokens are the words of the text, numbered from 0. The next token depends on the last one alone:
word i + 1 follows word i, the answer ends after the last word, and word 0 follows anything else. An
interrupted answer is therefore continued where it stopped.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.worker.protocol import (
    END,
    LENGTH,
    Ended,
    Facts,
    LoadError,
    LoadOptions,
    Progress,
    Request,
    Step,
)

_WORD = re.compile(r"\s*\S+\s*$|\s*\S+|\s+$")


def split_script(text: str) -> list[str]:
    """The tokens of a text: its words, each with the whitespace before it."""
    return _WORD.findall(text)


@dataclass(slots=True)
class _Answer:
    request: Request
    next: int
    """The token that comes next."""
    made: int = 0
    """Tokens so far."""


class ScriptedBackend:
    """`bot.worker.backends.Backend` without a model. All answers advance in each step, as in a
    batch."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._words = 0
        self._interval = 0.0
        self._context = 0
        self._due = 0.0
        self._answers: dict[int, _Answer] = {}

    def load(self, options: LoadOptions, report: Progress) -> Facts:  # noqa: ARG002
        self._words = len(split_script(options.script))
        if not self._words:
            raise LoadError('[model.scripted] text is "": write the text that it should say')
        if options.tokens_per_second < 0:
            raise LoadError("[model.scripted] tokens_per_second is negative; 0 means no limit")
        if options.tokens_per_second:
            self._interval = 1.0 / options.tokens_per_second
        self._context = options.context
        return Facts(device="none", low_bit="none", context=options.context)

    def add(self, request: Request) -> None:
        request.must_fit(self._context)
        if not self._answers:
            self._due = self._clock() + self._interval
        last = request.prompt[-1]
        self._answers[request.id] = _Answer(request, last + 1 if last < self._words else 0)

    def cancel(self, request_id: int) -> None:
        del self._answers[request_id]

    def step(self) -> Step:
        now = self._clock()
        if now < self._due:
            return Step(pause=self._due - now)
        # After a stall the rate continues from here; missed tokens are not made up for.
        self._due += self._interval
        if self._due < now:
            self._due = now + self._interval
        step = Step(pause=self._due - now)
        for answer in list(self._answers.values()):
            self._advance(answer, step)
        return step

    def _advance(self, answer: _Answer, step: Step) -> None:
        request = answer.request
        if answer.next >= self._words:
            self._end(request, END, step)
            return
        if answer.made < request.max_new_tokens:
            step.tokens.append((request.id, [answer.next]))
            answer.next += 1
            answer.made += 1
        if answer.next >= self._words:
            self._end(request, END, step)
        elif answer.made >= request.max_new_tokens:
            self._end(request, LENGTH, step)

    def _end(self, request: Request, reason: str, step: Step) -> None:
        del self._answers[request.id]
        step.ended.append(Ended(request.id, reason))


def create() -> ScriptedBackend:
    return ScriptedBackend()
