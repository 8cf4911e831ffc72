"""Says a given text at a given rate: a stand-in for a model in tests and rehearsals.

Its tokens are the words of the text. It is a model in the small: what it says next depends on
the prompt's last token alone. After word i of the text comes word i + 1, after the last word the
answer ends, and after anything else comes the first word; so an answer that broke off is
continued where it stopped.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.worker.backends import Progress
from bot.worker.protocol import END, LENGTH, Ended, Facts, LoadError, LoadOptions, Request, Step

_WORD = re.compile(r"\s*\S+\s*$|\s*\S+|\s+$")


def split_script(text: str) -> list[str]:
    """The tokens of a text: words, each with the space before it. Joined, they are the text."""
    return _WORD.findall(text)


@dataclass(slots=True)
class _Answer:
    request: Request
    next: int
    made: int = 0


class ScriptedBackend:
    """`bot.worker.backends.Backend` without a model. All answers advance in the same step, as
    they do in a batch."""

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
            raise LoadError('[model.scripted] text is "": give it something to say')
        if options.tokens_per_second < 0:
            raise LoadError("[model.scripted] tokens_per_second is below 0; 0 is without limit")
        if options.tokens_per_second:
            self._interval = 1.0 / options.tokens_per_second
        self._context = options.context
        return Facts(device="none", low_bit="none", context=options.context)

    def add(self, request: Request) -> None:
        if len(request.prompt) + request.max_new_tokens > self._context:
            raise ValueError(f"the prompt and its answer do not fit {self._context} tokens")
        if not self._answers:
            self._due = self._clock() + self._interval
        last = request.prompt[-1] if request.prompt else self._words
        self._answers[request.id] = _Answer(request, last + 1 if last < self._words else 0)

    def cancel(self, request_id: int) -> None:
        del self._answers[request_id]

    def step(self) -> Step:
        now = self._clock()
        if now < self._due:
            return Step(pause=self._due - now)
        # After a stall the rate is kept from here on, not caught up with.
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
