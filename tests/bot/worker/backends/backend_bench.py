"""Runs a backend as the worker's loop does, for the tests of each."""

from dataclasses import replace

from bot.worker.backends import Backend
from bot.worker.protocol import Ended, LoadOptions, Request

PROMPT = [1, *range(40, 80)]
EOS = 2


def silent(what: str, done: int, total: int) -> None:
    """Ignores progress."""


def request(answer_id: int = 1, prompt: list[int] | None = None, **fields: object) -> Request:
    """A greedy answer of 20 tokens, unless `fields` say something else."""
    given = Request(answer_id, PROMPT if prompt is None else prompt, [EOS], 20)
    return replace(given, **fields)  # type: ignore[arg-type]


class Bench:
    """A loaded backend and its answers so far."""

    def __init__(self, backend: Backend, options: LoadOptions) -> None:
        self.backend = backend
        self.facts = backend.load(options, silent)
        self.tokens: dict[int, list[int]] = {}
        self.ended: dict[int, Ended] = {}
        self.steps = 0

    def add(self, *requests: Request) -> None:
        for given in requests:
            self.tokens[given.id] = []
            self.backend.add(given)

    def step(self) -> None:
        """One step; checks what every backend guarantees about it."""
        step = self.backend.step()
        self.steps += 1
        for answer_id, ids in step.tokens:
            assert answer_id not in self.ended
            assert ids
            self.tokens[answer_id] += ids
        for ended in step.ended:
            assert ended.id not in self.ended
            self.ended[ended.id] = ended

    def finish(self, *ids: int) -> None:
        """Step until these answers have ended."""
        while not set(ids) <= set(self.ended):
            self.step()

    def answer(self, given: Request) -> list[int]:
        """The tokens of one answer, alone."""
        self.ended.pop(given.id, None)
        self.add(given)
        self.finish(given.id)
        return self.tokens[given.id]

    def steps_to_first_token(self, given: Request) -> int:
        self.add(given)
        before = self.steps
        while not self.tokens[given.id]:
            self.step()
        return self.steps - before
