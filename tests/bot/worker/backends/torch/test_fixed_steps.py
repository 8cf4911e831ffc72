"""Captured decoding steps of fixed shapes give the same tokens as steps of just what is needed."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bot.worker.backends.torch import backend as backend_module
from bot.worker.backends.torch import loading
from bot.worker.backends.torch.backend import TorchBackend
from bot.worker.backends.torch.graphs import graph_capture, repeat
from bot.worker.protocol import LoadOptions, Request
from tests.bot.worker.backends.backend_bench import PROMPT, Bench, request
from tests.tiny_model import write_tiny_model
from tests.traced_capture import TracedCapture

torch: Any = pytest.importorskip("torch")
fixed_steps: Any = importlib.import_module("bot.worker.backends.torch.fixed_steps")

CONTEXT = 512


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> LoadOptions:
    folder = write_tiny_model(tmp_path_factory.mktemp("torch") / "tiny")
    return LoadOptions("torch", str(folder), device="cpu", context=CONTEXT, max_parallel=6)


@pytest.fixture(scope="module")
def capture() -> TracedCapture:
    return TracedCapture()


@pytest.fixture(scope="module")
def captured(options: LoadOptions, capture: TracedCapture) -> Bench:
    return Bench(TorchBackend(capture), options)


def uncapturable(work: Callable[[], None]) -> Callable[[], Callable[[], None]]:
    raise RuntimeError("operation not permitted when stream is capturing\n(and more)")


@pytest.fixture(scope="module")
def exact(options: LoadOptions) -> Bench:
    """Samples on the device, too, but captures nothing."""
    return Bench(TorchBackend(uncapturable), options)


def mixed(first_id: int) -> list[Request]:
    """Answers of all kinds, more than there are slots, of different lengths."""
    warm = {"temperature": 1.2, "top_k": 50, "top_p": 0.95}
    hows: list[dict[str, Any]] = [
        {},
        warm,
        warm | {"repetition_penalty": 1.3},
        {"temperature": 1.5},
        {"repetition_penalty": 1.2},
        warm | {"top_k": 100},
        warm,
        {},
    ]
    return [
        request(
            first_id + n,
            [1, *range(20 * n + 3, 20 * n + 3 + 7 * n), 5],
            max_new_tokens=4 + 3 * n,
            stop=[],
            seed=n,
            **how,
        )
        for n, how in enumerate(hows)
    ]


# ---------------------------------------------------------------- shapes


def test_batches_are_powers_of_two_and_all_slots() -> None:
    assert fixed_steps.batch_sizes(1) == [1]
    assert fixed_steps.batch_sizes(6) == [1, 2, 4, 6]
    assert fixed_steps.batch_sizes(8) == [1, 2, 4, 8]


def test_lengths_go_up_by_half_at_most_to_the_whole_context() -> None:
    assert fixed_steps.lengths(200) == [200]
    assert fixed_steps.lengths(4096) == [256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096]
    assert fixed_steps.lengths(1000) == [256, 384, 512, 768, 1000]


def test_few_steps_are_captured_and_repeated(captured: Bench, capture: TracedCapture) -> None:
    for first in (7, 8):  # the second time a step is captured
        captured.answer(request(1, [first, *PROMPT], max_new_tokens=30, stop=[]))
    before, replayed = capture.captured, capture.replayed
    captured.answer(request(2, max_new_tokens=30, stop=[]))
    assert capture.captured == before
    # Of each step the model and the sampling; the first token comes from reading.
    assert capture.replayed == replayed + 2 * 29 + 1


# ---------------------------------------------------------------- the same tokens


def test_answers_of_all_kinds_are_those_without_capture(captured: Bench, exact: Bench) -> None:
    for bench in (captured, exact):
        bench.add(*mixed(100))
        bench.finish(*range(100, 108))
    assert captured.tokens == captured.tokens | {key: exact.tokens[key] for key in range(100, 108)}


def test_each_answer_is_what_it_is_alone(captured: Bench) -> None:
    captured.add(*mixed(200))
    captured.finish(*range(200, 208))
    together = {key: captured.tokens[key] for key in range(200, 208)}
    assert together == {given.id: captured.answer(given) for given in mixed(200)}


def test_greedy_answers_are_those_of_a_cpu(captured: Bench, options: LoadOptions) -> None:
    given = request(1, stop=[], max_new_tokens=60, repetition_penalty=1.1)
    assert captured.answer(given) == Bench(TorchBackend(), options).answer(given)


def test_an_answer_that_outgrows_a_length_goes_on_in_the_next(
    captured: Bench, exact: Bench
) -> None:
    given = request(1, [1, *range(3, 250)], max_new_tokens=20, stop=[])
    assert captured.answer(given) == exact.answer(given)


def test_a_row_that_fills_the_batch_leaves_what_its_slot_holds(
    captured: Bench, exact: Bench
) -> None:
    """Three answers are computed in a batch of four, next to a conversation that ended."""
    turns = [request(10 + n, [1, *range(30 * n, 30 * n + 40)], stop=[]) for n in range(6)]
    follow = []
    for bench in (captured, exact):
        bench.add(*turns)
        bench.finish(*range(10, 16))
        said = {key: list(bench.tokens[key]) for key in range(10, 16)}
        others = [request(20 + n, [9, 9, n], stop=[], max_new_tokens=50) for n in range(3)]
        bench.add(*others)
        bench.finish(20, 21, 22)
        second = [
            request(30 + n, [*given.prompt, *said[given.id], 7, 8, 9], stop=[])
            for n, given in enumerate(turns[3:])
        ]
        follow.append([bench.answer(given) for given in second])
        assert any(bench.ended[30 + n].usage.cached_tokens > 40 for n in range(3))
    assert follow[0] == follow[1]


def test_prompts_that_are_read_between_two_steps_disturb_nothing(
    captured: Bench, exact: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = captured
    monkeypatch.setattr(bench.backend, "_chunk", 32)
    long = [request(40 + n, [1, *range(5 + n, 5 + n + 150)], stop=[]) for n in range(4)]
    bench.add(request(39, max_new_tokens=60, stop=[]), long[0])
    bench.step()
    bench.add(*long[1:])
    for _ in range(5):
        bench.step()
    bench.backend.cancel(40)  # the slots behind it move
    bench.finish(39, 41, 42, 43)
    assert bench.tokens[39] == exact.answer(request(39, max_new_tokens=60, stop=[]))
    for given in long[1:]:
        assert bench.tokens[given.id] == exact.answer(given)


# ---------------------------------------------------------------- the next step, launched ahead


WARM: dict[str, Any] = {"temperature": 1.2, "top_k": 50, "repetition_penalty": 1.3}


def test_the_next_step_of_one_answer_is_launched_before_this_ones_token_is_read(
    captured: Bench, capture: TracedCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        captured.answer(request(1, stop=[], max_new_tokens=8))  # so that its steps are captured
    captured.ended.pop(1)
    captured.add(request(1, stop=[], max_new_tokens=8))
    captured.step()  # reads the prompt
    replayed, read = [], captured.backend._fixed._readback.finish  # type: ignore[attr-defined]

    def finish() -> list[int]:
        replayed.append(capture.replayed - before)
        return read()  # type: ignore[no-any-return]

    monkeypatch.setattr(captured.backend._fixed._readback, "finish", finish)  # type: ignore[attr-defined]
    before = capture.replayed
    captured.finish(1)
    # Two each, the model and the sampling: two steps at first, then one, and none for the last.
    assert replayed == [4, 6, 8, 10, 12, 14, 14]


def test_where_a_device_reads_only_after_all_that_it_was_given_nothing_is_launched_ahead(
    captured: Bench, capture: TracedCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = request(1, stop=[], max_new_tokens=8)
    expected = [captured.answer(given) for _ in range(2)]
    monkeypatch.setattr(captured.backend._fixed._readback, "apart", False)  # type: ignore[attr-defined]
    captured.ended.pop(1)
    captured.add(given)
    captured.step()
    before = capture.replayed
    captured.step()
    assert capture.replayed == before + 2  # the model and the sampling, once
    captured.finish(1)
    assert captured.tokens[1] == expected[0]


@pytest.mark.parametrize("how", [{}, WARM], ids=["greedy", "sampled"])
@pytest.mark.parametrize("steps", [1, 2, 5, 19])
def test_an_answer_that_joins_when_a_step_was_launched_ahead_changes_nothing(
    captured: Bench, exact: Bench, how: dict[str, Any], steps: int
) -> None:
    one = request(1, stop=[], max_new_tokens=30, **how)
    other = request(2, [1, *range(90, 150)], stop=[], max_new_tokens=12, seed=3, **how)
    for answer_id in (1, 2):
        captured.ended.pop(answer_id, None)
    captured.add(one)
    for _ in range(steps):
        captured.step()
    captured.add(other)
    captured.finish(1, 2)
    assert captured.tokens[1] == exact.answer(one)
    assert captured.tokens[2] == exact.answer(other)


def test_after_an_answer_that_ended_or_was_stopped_the_step_ahead_of_it_is_forgotten(
    captured: Bench, exact: Bench
) -> None:
    whole = exact.answer(request(1, stop=[], max_new_tokens=30, **WARM))
    ending = request(1, stop=[whole[12]], max_new_tokens=30, **WARM)
    first = whole.index(whole[12])
    assert captured.answer(ending) == whole[:first]
    # The next turn, in the slot where one token too many was written.
    turn = request(2, [*PROMPT, *whole[: first + 1], 9, 8, 7], stop=[], max_new_tokens=30, **WARM)
    assert captured.answer(turn) == exact.answer(turn)
    assert captured.ended[2].usage.cached_tokens >= len(PROMPT) + first
    stopped = replace(turn, id=3)
    captured.add(stopped)
    for _ in range(7):
        captured.step()
    captured.backend.cancel(3)
    again = replace(turn, id=4, prompt=[*turn.prompt[:-1], 11])
    assert captured.answer(again) == exact.answer(again)


def test_the_last_token_that_the_context_has_room_for(captured: Bench, exact: Bench) -> None:
    given = request(1, [1, *range(3, 3 + CONTEXT - 21)], stop=[], max_new_tokens=20)
    assert len(given.prompt) + 20 == CONTEXT
    assert captured.answer(given) == exact.answer(given)


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 127, 128, 129, 300])
def test_prompts_of_every_length_are_read_as_without_capture(
    captured: Bench, exact: Bench, length: int
) -> None:
    prompt = [(3 * length + place) % 400 + 3 for place in range(length)]
    given = request(1, prompt, max_new_tokens=4, stop=[])
    assert captured.answer(given) == exact.answer(given)


def test_a_turn_is_read_up_to_the_end_of_the_context(captured: Bench, exact: Bench) -> None:
    first = [7, *range(30, 30 + CONTEXT - 60)]
    turns = [first, [*first, *range(3, 60)]]  # the second one leaves room for two tokens
    for prompt in turns:
        given = request(1, prompt, max_new_tokens=2, stop=[])
        assert captured.answer(given) == exact.answer(given)
    assert captured.ended[1].usage.cached_tokens >= len(first)
    # What filled up the chunk is not in the way of the conversation's other end.
    given = request(2, [*first, 400, 401], max_new_tokens=40, stop=[])
    assert captured.answer(given) == exact.answer(given)


# ---------------------------------------------------------------- what cannot be captured


def test_a_device_that_cannot_capture_is_named_in_one_line_and_decodes(
    exact: Bench, options: LoadOptions
) -> None:
    assert exact.facts.note == (
        "decoding steps cannot be captured as graphs on cpu (RuntimeError: operation not permitted "
        "when stream is capturing (and more)): answers are written without them, more slowly; "
        "a newer torch or driver, or more free memory, may allow it"
    )
    given = request(1, stop=[], max_new_tokens=40)
    assert exact.answer(given) == Bench(TorchBackend(), options).answer(given)


def out_of_memory(*args: Any) -> Any:
    raise torch.OutOfMemoryError("CUDA out of memory.")


class Failing:
    """A capture that raises these errors first, one at each call."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self._capture = TracedCapture()

    def __call__(self, work: Callable[[], None]) -> Callable[[], Callable[[], None]]:
        if self.errors:
            raise self.errors.pop(0)
        return self._capture(work)


NOT_READ = (
    "reading cannot be captured as graphs on cpu (RuntimeError: no such operator): prompts are "
    "read without them, and answers begin a little later; a newer torch or driver, or more free "
    "memory, may allow it"
)


def test_a_device_that_cannot_capture_reading_alone_is_named_in_one_line(
    options: LoadOptions, exact: Bench
) -> None:
    backend = TorchBackend(Failing(RuntimeError("no such\noperator")))
    bench = Bench(backend, options)
    assert bench.facts.note == NOT_READ
    assert backend._fixed is not None
    assert backend._reads is None
    assert bench.answer(request(1, stop=[])) == exact.answer(request(1, stop=[]))


def test_reading_that_cannot_be_captured_later_is_named_once(
    options: LoadOptions, exact: Bench
) -> None:
    capture = Failing()
    bench = Bench(TorchBackend(capture), options)
    assert bench.facts.note == ""
    given = [request(n, [n, *range(3, 90)], stop=[]) for n in (1, 2)]
    capture.errors = [RuntimeError("no such\noperator")]
    bench.add(*given)
    assert notes_until_ended(bench, 1, 2) == [NOT_READ]
    assert bench.tokens == {each.id: exact.answer(each) for each in given}


def test_reading_and_decoding_that_fail_in_different_ways_are_both_named(
    options: LoadOptions,
) -> None:
    capture = Failing(RuntimeError("no such operator"), RuntimeError("the driver is old"))
    note = Bench(TorchBackend(capture), options).facts.note
    assert note.startswith(f"{NOT_READ}; decoding steps cannot be captured as graphs on cpu (")
    assert note.count("RuntimeError: the driver is old") == 1


def notes_until_ended(bench: Bench, *ids: int) -> list[str]:
    """Step until these answers have ended. Returns the notes on the way."""
    notes = []
    while not set(ids) <= set(bench.ended):
        step = bench.backend.step()
        notes += step.notes
        for key, tokens in step.tokens:
            bench.tokens[key] += tokens
        bench.ended |= {ended.id: ended for ended in step.ended}
    return notes


# ---------------------------------------------------------------- what cannot be prepared


@pytest.fixture
def on_device(monkeypatch: pytest.MonkeyPatch, options: LoadOptions) -> LoadOptions:
    """Options for a device that is not taken for a CPU, and has no graphs."""
    monkeypatch.setattr(loading, "choose_device", lambda torch, wanted: "cpu:0")
    return replace(options, low_bit="fp32")


@pytest.mark.parametrize(
    ("compiling", "effect"), [(False, ""), (True, " [model.torch] compile has no effect;")]
)
def test_a_torch_without_graphs_is_named_with_what_it_means(
    on_device: LoadOptions, exact: Bench, compiling: bool, effect: str
) -> None:
    bench = Bench(TorchBackend(), replace(on_device, compile=compiling))
    assert bench.facts.note == (
        "this version of torch has no graphs for cpu:0: answers are written without them, more "
        f"slowly;{effect} a newer torch may have them"
    )
    assert bench.answer(request(1, stop=[])) == exact.answer(request(1, stop=[]))


def test_compiling_that_ends_with_the_graphs_is_named(
    options: LoadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fixed_steps, "load_compiler", lambda backend, device: None)
    bench = Bench(TorchBackend(uncapturable), replace(options, compile=True))
    assert bench.facts.note.startswith("decoding steps cannot be captured as graphs on cpu (")
    assert bench.facts.note.count("more slowly; [model.torch] compile has no effect; a newer") == 1


def test_a_driver_that_gives_no_memory_for_graphs_is_named_in_one_line(
    on_device: LoadOptions, exact: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def graph_pool_handle() -> Any:
        raise RuntimeError("not implemented\nby this driver")

    xpu = SimpleNamespace(
        XPUGraph=object,
        graph=object,
        Stream=lambda device: None,
        graph_pool_handle=graph_pool_handle,
    )
    monkeypatch.setattr(
        backend_module, "graph_capture", lambda *_: graph_capture(SimpleNamespace(xpu=xpu), "xpu")
    )
    bench = Bench(TorchBackend(), on_device)
    assert bench.facts.note == (
        "graphs cannot be prepared on cpu:0 (RuntimeError: not implemented by this driver): "
        "answers are written without them, more slowly; a newer torch or driver, or more free "
        "memory, may allow it"
    )
    assert bench.answer(request(1, stop=[])) == exact.answer(request(1, stop=[]))


@pytest.mark.parametrize(
    "part", ["fixed_steps.RowStates", "fixed_steps.Readback", "fixed_reads.FixedReads"]
)
def test_memory_that_is_too_small_for_graphs_is_named_and_costs_no_answer(
    options: LoadOptions, exact: Bench, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(f"bot.worker.backends.torch.{part}", out_of_memory)
    backend = TorchBackend(repeat)
    bench = Bench(backend, options)
    assert backend._fixed is backend._reads is None
    assert bench.facts.note.startswith(
        "graphs cannot be prepared on cpu (OutOfMemoryError: CUDA out of memory.): answers are "
        "written without them"
    )
    assert bench.answer(request(1, stop=[])) == exact.answer(request(1, stop=[]))


@pytest.mark.parametrize("when", ["at its first run", "while it is captured"])
def test_a_capture_that_fails_later_costs_no_token(
    options: LoadOptions, exact: Bench, when: str
) -> None:
    kept, steps = TracedCapture(), 0

    def running_out(work: Callable[[], None]) -> Callable[[], Callable[[], None]]:
        nonlocal steps
        steps += 1
        if steps < 6:  # two reads; one row, greedy and sampled; then a batch of two
            return kept(work)
        if when == "at its first run":
            out_of_memory()
        kept(work)
        return out_of_memory

    bench = Bench(TorchBackend(running_out), options)
    given = [
        request(n, PROMPT[n:], temperature=1.0, top_k=50, stop=[], seed=n, max_new_tokens=20)
        for n in (1, 2)
    ]
    bench.add(given[0])
    bench.step()
    bench.step()
    bench.add(given[1])
    (note,) = notes_until_ended(bench, 1, 2)
    assert bench.tokens == {each.id: exact.answer(each) for each in given}
    assert "OutOfMemoryError: CUDA out of memory." in note


# ---------------------------------------------------------------- time for those who write


def test_while_a_prompt_is_read_answers_are_written_half_of_the_time(
    options: LoadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(backend_module.PREFILL_CHUNK, "cpu", 32)
    # Each step takes one second, or four where it reads; the clock is asked twice a step.
    times: list[float] = []
    bench = Bench(
        TorchBackend(TracedCapture(), clock=lambda: times.pop(0)), options_of(options, times)
    )
    bench.add(request(1, PROMPT[:20], max_new_tokens=100, stop=[]))
    times += [0.0, 4.0]
    bench.step()
    bench.add(request(2, [7, *range(3, 160)], max_new_tokens=5, stop=[]))
    written = []
    for step in range(10):
        times += [0.0, 4.0 if step % 5 == 0 else 1.0]
        before = len(bench.backend._slots.tokens(2)) if step else 0  # type: ignore[attr-defined]
        bench.step()
        written.append(len(bench.backend._slots.tokens(2)) - before)  # type: ignore[attr-defined]
    assert written == [32, 0, 0, 0, 0, 32, 0, 0, 0, 0]
    assert len(bench.tokens[1]) == 11


def options_of(options: LoadOptions, times: list[float]) -> LoadOptions:
    """The options, with as many zeros on the clock as warming up asks for."""
    times += [0.0] * 8
    return replace(options, max_parallel=2)
