"""What ``context = 0`` means: by memory, and by the speed at which a prompt is read."""

from dataclasses import dataclass, field, replace

import pytest

from bot.worker.context import LEAST, SAMPLES, STEP, context_that_fits, context_that_is_read
from bot.worker.protocol import END, ERROR, Ended, LoadError, LoadOptions, Request, Step

WANTED = LoadOptions("openvino", context=8192, max_parallel=8, fit=True)
TOKEN = 100_000
"""Bytes of KV cache."""


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (None, 8192),
        (100 * 10**9, 8192),
        (2 * 8 * 8192 * TOKEN, 8192),
        (2 * 8 * 8192 * TOKEN - 1, 8192 - STEP),
        (2 * 8 * 3000 * TOKEN, 2816),
        (0, LEAST),
        (-5, LEAST),
    ],
)
def test_the_windows_of_all_parallel_answers_fit_half_of_the_memory(
    free: int | None, expected: int
) -> None:
    assert context_that_fits(WANTED, free, TOKEN) == expected


def test_what_every_answer_keeps_besides_counts_too() -> None:
    free = 2 * 8 * 4096 * TOKEN
    assert context_that_fits(WANTED, free, TOKEN) == 4096
    assert context_that_fits(WANTED, free, TOKEN, fixed=8 * 1024 * TOKEN) == 3072


def test_a_window_that_was_set_or_is_small_stays() -> None:
    assert context_that_fits(replace(WANTED, fit=False), 0, TOKEN) == 8192
    assert context_that_fits(replace(WANTED, context=512), 0, TOKEN) == 512
    assert context_that_fits(WANTED, 0, 0) == 8192


@dataclass
class Reader:
    """A backend that reads so many tokens a second, after so many seconds that each prompt costs,
    by a clock of the test."""

    speed: float
    each: float = 0.0
    first: float = 0.0
    """Seconds more for the first prompt."""
    reason: str = END
    now: float = 0.0
    requests: list[Request] = field(default_factory=list)

    def add(self, request: Request) -> None:
        self.requests.append(request)

    def step(self) -> Step:
        self.now += self.each + len(self.requests[-1].prompt) / self.speed
        self.now += self.first if len(self.requests) == 1 else 0.0
        return Step(ended=[Ended(0, self.reason, "no memory")])

    def load(self, options: LoadOptions, report: object) -> object:
        raise AssertionError

    def cancel(self, request_id: int) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("speed", "each", "expected", "samples"),
    [
        (1000, 0.0, 8192, 1),
        (100, 0.0, 2816, 3),
        (10, 0.0, LEAST, 2),
        (200, 0.5, 3328, 3),  # the first one alone would say 1280
        (1000, 0.1, 8192, 3),
        (300, 0.05, 8192, 4),
    ],
)
def test_a_whole_window_is_read_within_half_a_minute(
    speed: float, each: float, expected: int, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(speed, each)
    monkeypatch.setattr("bot.worker.context.time.perf_counter", lambda: reader.now)
    assert context_that_is_read(reader, 8192) == expected  # type: ignore[arg-type]
    read = [request.prompt for request in reader.requests]
    assert [len(prompt) for prompt in read] == list(SAMPLES[:samples])
    assert len({prompt[0] for prompt in read}) == samples  # none begins like another


def test_a_first_prompt_that_takes_long_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(1000, first=5.0)
    monkeypatch.setattr("bot.worker.context.time.perf_counter", lambda: reader.now)
    assert context_that_is_read(reader, 8192) == 8192  # type: ignore[arg-type]
    assert len(reader.requests) == 2


def test_a_small_window_is_not_measured() -> None:
    reader = Reader(0.01)
    assert context_that_is_read(reader, LEAST) == LEAST  # type: ignore[arg-type]
    assert reader.requests == []


def test_a_model_that_cannot_generate_is_not_loaded() -> None:
    with pytest.raises(LoadError, match="cannot generate: no memory"):
        context_that_is_read(Reader(100, reason=ERROR), 8192)  # type: ignore[arg-type]
