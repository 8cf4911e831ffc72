"""Steps are compiled in the background, without being run, and used when they are ready."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.torch.backend import TorchBackend
from bot.worker.backends.torch.graphs import repeat
from bot.worker.protocol import LoadOptions
from tests.bot.worker.backends.backend_bench import Bench, request
from tests.tiny_model import write_tiny_model

torch: Any = pytest.importorskip("torch")
compiling: Any = importlib.import_module("bot.worker.backends.torch.compiling")


@pytest.fixture
def options(tmp_path: Path) -> LoadOptions:
    folder = write_tiny_model(tmp_path / "tiny")
    return LoadOptions("torch", str(folder), device="cpu", context=256, max_parallel=2)


def test_answers_go_on_and_are_the_same_when_their_step_is_compiled(options: LoadOptions) -> None:
    expected = Bench(TorchBackend(repeat), options)
    backend = TorchBackend(repeat)
    bench = Bench(backend, options)
    backend._fixed.compile("aot_eager", worthwhile=2)  # as compile = "on", without a C++ compiler
    given = [
        request(
            n, [1, *range(20 * n, 20 * n + 9)], stop=[], max_new_tokens=30, seed=n, temperature=n
        )
        for n in (0, 1)
    ]
    bench.add(*given)
    for _ in range(4):
        bench.step()
    before = len(bench.tokens[0])
    backend._fixed.wait_until_compiled()
    bench.finish(0, 1)
    assert 0 < before < 30
    assert bench.tokens == {each.id: expected.answer(each) for each in given}
    assert ("compiled", 2, 256) in backend._fixed._steps._steps


def test_where_nothing_can_be_compiled_one_line_says_so_and_answers_go_on(
    options: LoadOptions,
) -> None:
    expected = Bench(TorchBackend(repeat), options).answer(request(1, stop=[]))
    backend = TorchBackend(repeat)
    bench = Bench(backend, options)
    backend._fixed.compile("no such compiler", worthwhile=1)
    (note,) = notes_of_an_answer(backend, bench)
    assert bench.tokens[1] == expected
    assert note.startswith("[model.torch] compile: torch.compile cannot do it here (")
    assert note.endswith(
        '): answers go on without it; correct what it names, or set compile = "off"'
    )
    assert "\n" not in note


def test_a_torch_whose_compiler_cannot_be_prepared_keeps_its_captured_steps(
    options: LoadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Bench(TorchBackend(repeat), options).answer(request(1, stop=[]))
    backend = TorchBackend(repeat)
    bench = Bench(backend, options)

    def incomplete(name: str) -> None:
        raise AttributeError("torch.fx has no Tracer")

    monkeypatch.setattr(backend._forward, "layer_compiler", incomplete)
    backend._fixed.compile("aot_eager", worthwhile=1)
    (note,) = notes_of_an_answer(backend, bench)
    assert "(AttributeError: torch.fx has no Tracer)" in note
    assert bench.tokens[1] == expected
    assert backend._fixed is not None


def notes_of_an_answer(backend: TorchBackend, bench: Bench) -> list[str]:
    """The notes while an answer, number 1, is written and everything compiled that is worth it."""
    bench.add(request(1, stop=[]))
    notes = []
    while 1 not in bench.ended:
        step = backend.step()
        notes += step.notes
        for key, ids in step.tokens:
            bench.tokens[key] += ids
        bench.ended |= {ended.id: ended for ended in step.ended}
        if backend._fixed is not None:
            backend._fixed.wait_until_compiled()
    return notes


def test_compiling_for_a_cpu_is_refused_in_one_line(options: LoadOptions) -> None:
    facts = Bench(TorchBackend(), replace(options, compile=True)).facts
    assert facts.note == '[model.torch] compile = "on" has no effect on a CPU'


def test_nothing_is_compiled_after_the_end() -> None:
    compiler = compiling.BackgroundCompiler(worthwhile=1)
    compiler.close()
    compiler._thread.join()
    assert compiler.compiled("a shape", lambda: torch.zeros) is None
    compiler.wait()
    assert compiler.compiled("a shape", lambda: torch.zeros) is None
    assert not compiler.problems


def test_what_is_used_rarely_is_not_compiled_and_what_is_used_most_is_first() -> None:
    compiler = compiling.BackgroundCompiler(worthwhile=10**6)
    for key, uses in (("rare", 1), ("often", 3), ("now and then", 2)):
        for _ in range(uses):
            assert compiler.compiled(key, lambda: torch.zeros) is None
    assert compiler._most_used() is None
    compiler._worthwhile = 2
    assert compiler._most_used() == "often"
    compiler.close()
