"""What `benchmarks.engines` counts."""

from collections.abc import Iterator

from benchmarks.engines import _Run
from bot.worker.protocol import LENGTH, Ended, Facts, LoadOptions, Progress, Request, Step


class Scheduled:
    """A backend whose steps are given: by step, the tokens of each request."""

    def __init__(self, *steps: dict[int, int]) -> None:
        self._steps = iter(steps)
        self._left: dict[int, int] = {}
        self.lengths: list[int] = []

    def load(self, options: LoadOptions, report: Progress) -> Facts:
        raise NotImplementedError

    def cancel(self, request_id: int) -> None:
        raise NotImplementedError

    def add(self, request: Request) -> None:
        self._left[request.id] = request.max_new_tokens
        self.lengths.append(len(request.prompt))

    def step(self) -> Step:
        step = Step()
        for number, count in next(self._steps).items():
            step.tokens.append((number, [7] * count))
            self._left[number] -= count
            if self._left[number] == 0:
                step.ended.append(Ended(number, LENGTH))
        return step


def clock(*times: float) -> Iterator[float]:
    yield from times


def test_writing_counts_from_the_moment_when_every_answer_has_its_first_token() -> None:
    backend = Scheduled({1: 1}, {1: 1, 2: 1}, {1: 2, 2: 2}, {2: 1})
    times = clock(10.0, 12.0)
    rate = _Run(backend, lambda: next(times)).written(2, tokens=4)
    assert rate == (8 - 3) / 2.0


def test_reading_counts_from_the_request_to_the_end_of_the_first_token() -> None:
    backend = Scheduled({}, {1: 1})
    times = clock(5.0, 9.0)
    assert _Run(backend, lambda: next(times)).read(128) == 128 / 4.0
    assert backend.lengths == [128]
