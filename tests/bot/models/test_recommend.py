"""Which models are recommended for which machine."""

from dataclasses import replace

import pytest

from bot.models.catalogue import Catalogue, load_catalogue
from bot.models.machine import Gpu, Machine, rooms
from bot.models.recommend import fits, recommend

GB = 1_000_000_000
GIB = 1 << 30
A770 = Gpu("GPU.0", "Arc A770", 16 * GIB, shared=False)
B580 = Gpu("GPU.0", "Arc B580", 12 * GIB, shared=False)


def integrated(memory: int) -> Gpu:
    return Gpu("GPU.0", "Iris Xe", memory, shared=True)


LAPTOP = Machine(8 * GIB)
SHARED = Machine(16 * GIB, (integrated(16 * GIB),))
WITH_A770 = Machine(32 * GIB, (A770,))
WITH_B580 = Machine(32 * GIB, (B580,))
LUNAR_LAKE = Machine(32 * GIB, (integrated(17 * GIB),))
LARGE_CPU = Machine(64 * GIB)
MACHINES = (LAPTOP, SHARED, WITH_A770, WITH_B580, LUNAR_LAKE, LARGE_CPU)


def names(machine: Machine) -> list[str]:
    return [each.model.base for each in recommend(machine, load_catalogue())]


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (LAPTOP, ["Qwen3-4B", "Phi-4-mini-instruct", "Qwen3-1.7B"]),
        (SHARED, ["Qwen3-8B", "DeepSeek-R1-Distill-Qwen-7B", "Qwen3-4B"]),
        (WITH_A770, ["Qwen3-14B", "Qwen3-8B", "DeepSeek-R1-Distill-Qwen-7B"]),
        (WITH_B580, ["Qwen3-8B", "DeepSeek-R1-Distill-Qwen-7B", "Qwen3-4B"]),
        (LUNAR_LAKE, ["Qwen3-14B", "Qwen3-8B", "DeepSeek-R1-Distill-Qwen-7B"]),
        (LARGE_CPU, ["Qwen3-30B-A3B", "Qwen3-4B", "Phi-4-mini-instruct"]),
    ],
)
def test_each_machine_gets_the_best_that_fit(machine: Machine, expected: list[str]) -> None:
    assert names(machine) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_recommended_fits_with_a_long_conversation_and_is_not_gated(
    machine: Machine,
) -> None:
    found = recommend(machine, load_catalogue())
    assert 1 <= len(found) <= 3
    for each in found:
        assert each.model.memory <= each.room.size
        assert each.context >= min(8192, each.model.context)
        assert not each.model.gated


def test_a_gpus_own_memory_comes_first() -> None:
    both = Machine(32 * GIB, (integrated(16 * GIB), B580, A770))
    assert [room.title for room in rooms(both)] == ["Arc A770", "Arc B580", "Iris Xe", "the CPU"]
    best = recommend(both, load_catalogue())[0]
    assert best.room.title == "Arc A770"


def test_shared_memory_is_never_more_than_the_share_of_main_memory() -> None:
    (gpu, cpu) = rooms(Machine(16 * GIB, (integrated(16 * GIB),)))
    assert gpu.size == cpu.size


def test_with_llama_server_gguf_models_are_as_good_as_others() -> None:
    without = recommend(WITH_A770, load_catalogue())
    assert all(each.note == "" for each in without)
    with_server = replace(WITH_B580, memory=8 * GIB, llama_server=True)
    assert "Qwen3.5-9B" in names(with_server)
    assert "Qwen3.5-9B" not in names(replace(with_server, llama_server=False))


def test_a_model_that_needs_more_says_so() -> None:
    gguf = next(model for model in load_catalogue().models if model.route == "gguf")
    fit = fits(gguf, LARGE_CPU)
    assert fit is not None
    assert "parley backend install llamacpp" in fit.note


def test_a_machine_too_small_for_any_gets_none() -> None:
    assert recommend(Machine(1 * GIB), load_catalogue()) == []
    assert recommend(Machine(0), load_catalogue()) == []


def test_gated_models_are_never_recommended() -> None:
    catalogue = load_catalogue()
    gated = [model for model in catalogue.models if model.gated]
    assert recommend(LARGE_CPU, Catalogue(catalogue.seen, tuple(gated))) == []
