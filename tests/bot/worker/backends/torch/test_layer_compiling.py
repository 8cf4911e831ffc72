"""Layers are compiled once for each kind, without touching the KV cache, and checked."""

import functools
import importlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.torch.backend import TorchBackend
from bot.worker.backends.torch.graphs import repeat
from bot.worker.protocol import LoadOptions
from tests.bot.worker.backends.backend_bench import Bench, request
from tests.random_models import write_random_model

torch: Any = pytest.importorskip("torch")
compiling: Any = importlib.import_module("bot.worker.backends.torch.layer_compiling")

POSITIONS = [20, 11]


def loaded(folder: Path, model_type: str = "llama", **options: Any) -> Any:
    """A backend whose forward passes are looked at."""
    write_random_model(folder, model_type, **options)
    backend = TorchBackend(repeat)
    Bench(backend, LoadOptions("torch", str(folder), "cpu", "fp32", context=64, max_parallel=2))
    return backend


def step_of(backend: Any, compiler: Any = None) -> Any:
    """A decoding step of two rows, with compiled layers where a compiler is given."""
    tokens, positions = torch.tensor([5, 9]), torch.tensor(POSITIONS)
    if compiler is None:
        return backend._forward.fixed(tokens, positions, 64)
    return backend._forward.compiled(tokens, positions, 64, compiler)


def cached(backend: Any) -> list[Any]:
    cache = backend._forward.cache
    return [one.clone() for each in (cache._keys, cache._values) for one in each.values()]


def filled(backend: Any) -> None:
    """Something in every position of the KV cache."""
    generator = torch.Generator().manual_seed(1)
    cache = backend._forward.cache
    for each in (*cache._keys.values(), *cache._values.values()):
        each.copy_(torch.randn(each.shape, generator=generator))


def test_a_call_is_compiled_without_being_run() -> None:
    total, one = torch.zeros(3), torch.ones(3)

    def add(factor: Any) -> Any:
        total.add_(one)
        return total * factor

    two = torch.tensor(2.0)
    compiled, inputs = compiling.compile_call(add, (two,), {}, "aot_eager")
    assert total.tolist() == [0.0, 0.0, 0.0]
    assert {id(each) for each in inputs} == {id(total), id(one), id(two)}
    assert compiled(*inputs)[0].tolist() == [2.0, 2.0, 2.0]
    assert total.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("model_type", "options", "kinds"),
    [
        ("llama", {"num_hidden_layers": 4}, 1),
        ("qwen3", {"num_hidden_layers": 3}, 1),
        (
            "gemma3_text",
            {
                "num_hidden_layers": 4,
                "sliding_window": 16,
                "layer_types": ["sliding_attention", "full_attention"] * 2,
            },
            2,
        ),
    ],
)
def test_each_kind_of_layer_is_compiled_once_and_computes_the_same(
    tmp_path: Path, model_type: str, options: dict[str, Any], kinds: int
) -> None:
    backend = loaded(tmp_path, model_type, **options)
    with torch.inference_mode():
        filled(backend)
        before = cached(backend)
        compiler = backend._forward.layer_compiler("aot_eager")
        compiled: list[Any] = []
        original = compiler._compile

        def counting(*args: Any) -> Any:
            compiled.append(args)
            return original(*args)

        compiler._compile = counting
        step = step_of(backend, compiler)
        assert len(compiled) == kinds
        assert all(map(torch.equal, before, cached(backend)))
        logits, after = step(), cached(backend)
        expected = step_of(backend)()
        torch.testing.assert_close(logits, expected)
        for one, other in zip(after, cached(backend), strict=True):
            torch.testing.assert_close(one, other)
        assert not all(map(torch.equal, before, after))


def test_other_threads_do_not_notice_that_a_thread_has_taken_layers_over(tmp_path: Path) -> None:
    backend = loaded(tmp_path)
    compiler = backend._forward.layer_compiler("aot_eager")
    seen: list[int] = []
    found: list[Any] = []

    def skipped(layer: Any, args: Any, kwargs: Any) -> Any:
        seen.append(layer.index)
        return args[0]

    def other() -> None:
        with torch.inference_mode():
            found.append(step_of(backend)())

    with torch.inference_mode():
        expected = step_of(backend)()
        with compiler._taken_over(skipped):
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            assert torch.equal(found[0], expected)
            assert seen == []
            assert not torch.equal(step_of(backend)(), expected)
        assert seen == [0, 1, 2, 3]
        assert torch.equal(step_of(backend)(), expected)


def test_a_compiler_that_computes_something_else_is_not_used(tmp_path: Path) -> None:
    backend = loaded(tmp_path)

    def doubling(graph: Any, _: list[Any]) -> Any:
        return lambda *inputs: [2 * one for one in graph(*inputs)]

    torch._dynamo.register_backend(compiler_fn=doubling, name="parley_test_doubling")
    compiler = backend._forward.layer_compiler("parley_test_doubling")
    with (
        torch.inference_mode(),
        pytest.raises(RuntimeError, match=r"gives wrong results \(relative error 100%\)"),
    ):
        step_of(backend, compiler)


def test_weights_of_one_layer_that_another_uses_are_noticed(tmp_path: Path) -> None:
    backend = loaded(tmp_path)
    layers = compiling._decoder_layers(backend._forward._model)
    inner = layers[0].mlp.forward
    elsewhere = torch.ones(())
    layers[0].mlp.forward = lambda hidden: inner(hidden) * elsewhere
    compiler = backend._forward.layer_compiler("aot_eager")
    with torch.inference_mode(), pytest.raises(RuntimeError, match="tensors from elsewhere"):
        step_of(backend, compiler)


def test_compiled_code_that_fails_later_is_named_and_answers_go_on(tmp_path: Path) -> None:
    write_random_model(tmp_path, "llama")
    options = LoadOptions("torch", str(tmp_path), "cpu", "fp32", context=128, max_parallel=2)
    greedy = request(1, max_new_tokens=40, stop=[])
    backend = TorchBackend(repeat)
    bench = Bench(backend, options)
    expected = bench.answer(greedy)
    bench.ended.clear()
    calls: list[int] = []

    def failing(graph: Any, _: list[Any]) -> Any:
        def run(*inputs: Any) -> Any:
            calls.append(1)
            if len(calls) > 4:  # its four layers were compared
                raise RuntimeError("the driver is gone")
            return graph(*inputs)

        return run

    torch._dynamo.register_backend(compiler_fn=failing, name="parley_test_failing")
    backend._fixed.compile("parley_test_failing", worthwhile=3)
    notes: list[str] = []
    for number in (1, 2):  # it may be ready during the first one
        bench.add(replace(greedy, id=number))
        while number not in bench.ended:
            step = backend.step()
            notes += step.notes
            bench.ended |= {ended.id: ended for ended in step.ended}
            bench.tokens[number] += [token for _, ids in step.tokens for token in ids]
        assert bench.tokens[number] == expected
        backend._fixed.wait_until_compiled()
    assert len(calls) == 5
    (note,) = notes
    assert note == (
        "[model.torch] compile: torch.compile cannot do it here (RuntimeError: the driver is gone)"
        ': answers go on without it; correct what it names, or set compile = "off"'
    )


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_pass_waits_while_another_thread_traces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: bool
) -> None:
    """Also where torch.compile was used before, which wraps the function that traces."""
    trace = torch.fx.Tracer.trace
    while hasattr(trace, "__wrapped__"):  # as torch has it
        trace = trace.__wrapped__
    as_compiling_leaves_it = functools.wraps(trace)(lambda *args, **names: trace(*args, **names))
    monkeypatch.setattr(torch.fx.Tracer, "trace", as_compiling_leaves_it if wrapped else trace)
    backend = loaded(tmp_path)
    backend._forward.layer_compiler("aot_eager")
    tracing, go_on = threading.Event(), threading.Event()

    def traced(value: Any) -> Any:
        tracing.set()
        assert go_on.wait(60)
        return value + 1

    def decode() -> Any:
        with torch.inference_mode():
            return step_of(backend)()

    expected = decode()
    with ThreadPoolExecutor(2) as threads:
        trace = threads.submit(torch.fx.symbolic_trace, traced)
        try:
            assert tracing.wait(60)
            found = threads.submit(decode)
            with pytest.raises(TimeoutError):
                found.result(timeout=0.5)
        finally:
            go_on.set()
        trace.result()
        assert torch.equal(found.result(), expected)
