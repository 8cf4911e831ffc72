"""On a GPU, captured steps give the same tokens as the same model without graphs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.torch.backend import TorchBackend
from bot.worker.backends.torch.device import choose_device
from bot.worker.backends.torch.graphs import graph_capture, repeat
from bot.worker.protocol import LoadOptions, Request
from tests.bot.worker.backends.backend_bench import Bench, request
from tests.random_models import write_random_model

torch: Any = pytest.importorskip("torch")

DEVICE = choose_device(torch, "auto")
pytestmark = pytest.mark.skipif(
    graph_capture(torch, DEVICE) is None, reason="needs a GPU with graphs"
)


def uncapturable(work: Callable[[], None]) -> Callable[[], Callable[[], None]]:
    raise RuntimeError("not asked for")


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> LoadOptions:
    folder = tmp_path_factory.mktemp("gpu")
    write_random_model(folder, "llama")
    return LoadOptions("torch", str(folder), DEVICE, "fp32", context=512, max_parallel=6)


def mixed() -> list[Request]:
    warm = {"temperature": 1.0, "top_k": 50, "top_p": 0.95}
    hows: list[dict[str, Any]] = [
        {},
        warm,
        warm | {"repetition_penalty": 1.3},
        {"temperature": 1.2},
        {"repetition_penalty": 1.2},
        warm | {"top_k": 100},
        warm,
    ]
    return [
        request(
            n,
            [1, *range(20 * n + 3, 20 * n + 30), 5],
            max_new_tokens=50 + n,
            stop=[],
            seed=n,
            **how,
        )
        for n, how in enumerate(hows)
    ]


def answers(bench: Bench) -> dict[int, list[int]]:
    given = mixed()
    bench.add(*given)
    bench.finish(*(each.id for each in given))
    return {each.id: bench.tokens[each.id] for each in given}


def test_in_float32_graphs_give_the_tokens_of_exact_steps(options: LoadOptions) -> None:
    backend = TorchBackend()
    captured, exact = Bench(backend, options), Bench(TorchBackend(uncapturable), options)
    assert captured.facts.note == ""
    assert answers(captured) == answers(exact)
    assert backend._fixed is not None
    alone = {each.id: captured.answer(each) for each in mixed()}
    assert alone == {each.id: exact.answer(each) for each in mixed()}


@pytest.mark.parametrize("low_bit", ["bf16", "fp16"])
def test_in_16_bits_graphs_give_the_tokens_of_the_same_shapes(
    options: LoadOptions, low_bit: str
) -> None:
    given = replace(options, low_bit=low_bit)
    captured, repeated = Bench(TorchBackend(), given), Bench(TorchBackend(repeat), given)
    assert answers(captured) == answers(repeated)


def test_experts_which_cannot_be_captured_are_named_and_answer(tmp_path: Path) -> None:
    write_random_model(tmp_path, "mixtral", num_local_experts=4, num_experts_per_tok=2)
    given = LoadOptions("torch", str(tmp_path), DEVICE, "fp32", context=512, max_parallel=6)
    backend = TorchBackend()
    captured, exact = Bench(backend, given), Bench(TorchBackend(uncapturable), given)
    assert answers(captured) == answers(exact)
    assert (captured.facts.note == "") == (backend._fixed is not None)


def test_compiled_steps_answer_and_are_captured(options: LoadOptions) -> None:
    backend = TorchBackend()
    bench = Bench(backend, options)
    backend._fixed.compile(worthwhile=3)
    greedy = request(1, max_new_tokens=60, stop=[])
    expected = bench.answer(greedy)
    backend._fixed.wait_until_compiled()
    assert bench.answer(greedy) == expected
    assert backend._fixed.problems() == []
    assert ("compiled", 1, 256) in backend._fixed._steps._steps
