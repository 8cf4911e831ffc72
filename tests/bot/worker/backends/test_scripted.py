"""The scripted backend says its text, at its rate, and continues an interrupted answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.worker.backends.scripted import ScriptedBackend, split_script
from bot.worker.protocol import LoadError, LoadOptions, Request, Step

SCRIPT = "one two three four"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def loaded(clock: Clock | None = None, rate: float = 0.0) -> ScriptedBackend:
    backend = ScriptedBackend(clock or Clock())
    options = LoadOptions("scripted", script=SCRIPT, tokens_per_second=rate, context=100)
    backend.load(options, lambda what, done, total: None)
    return backend


def request(answer_id: int = 1, prompt: tuple[int, ...] = (4,), length: int = 50) -> Request:
    return Request(answer_id, list(prompt), [], length)


def run(backend: ScriptedBackend, steps: int = 10) -> list[Step]:
    return [backend.step() for _ in range(steps)]


def ids(steps: list[Step], answer_id: int = 1) -> list[int]:
    return [i for step in steps for key, new in step.tokens if key == answer_id for i in new]


@given(st.text(alphabet="ab \n\t", max_size=30))
def test_the_words_of_a_script_are_the_script(text: str) -> None:
    assert "".join(split_script(text)) == text


def test_an_answer_is_the_script_and_ends_once() -> None:
    backend = loaded()
    backend.add(request())
    steps = run(backend)
    assert ids(steps) == [0, 1, 2, 3]
    assert [ended.reason for step in steps for ended in step.ended] == ["end"]


def test_an_answer_that_broke_off_goes_on_where_it_was() -> None:
    backend = loaded()
    backend.add(request(prompt=(4, 4, 0, 1)))
    assert ids(run(backend)) == [2, 3]


def test_an_answer_ends_at_its_longest_length() -> None:
    backend = loaded()
    backend.add(request(length=3))
    steps = run(backend)
    assert ids(steps) == [0, 1, 2]
    assert [ended.reason for step in steps for ended in step.ended] == ["length"]


def test_a_cancelled_answer_gets_no_more_and_others_go_on() -> None:
    backend = loaded()
    backend.add(request(1))
    backend.add(request(2))
    before = [backend.step()]
    backend.cancel(1)
    after = run(backend)
    assert ids(before, 1) == [0]
    assert ids(after, 1) == []
    assert ids(after, 2) == [1, 2, 3]


def test_tokens_come_at_the_rate_and_a_stall_is_not_caught_up_with() -> None:
    clock = Clock()
    backend = loaded(clock, rate=10.0)
    backend.add(request())
    assert backend.step().pause == pytest.approx(0.1)
    clock.now += 0.1001
    step = backend.step()
    assert ids([step]) == [0]
    clock.now += 60.0
    assert ids([backend.step()]) == [1]
    clock.now += 0.01
    assert ids([backend.step()]) == []
    clock.now += 0.1
    assert ids([backend.step()]) == [2]


def test_nothing_to_say_is_refused() -> None:
    with pytest.raises(LoadError, match="write the text that it should say"):
        ScriptedBackend().load(LoadOptions("scripted", script=""), lambda w, d, t: None)


def test_a_request_beyond_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit a context window of 100"):
        loaded().add(request(length=100))
