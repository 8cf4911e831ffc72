"""Tokens are sampled on the device with each row's own parameters, whatever is beside it."""

import importlib
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from bot.worker.backends.torch.answer import Answer, Row
from bot.worker.protocol import Request

torch: Any = pytest.importorskip("torch")
sampling: Any = importlib.import_module("bot.worker.backends.torch.device_sampling")

LOGITS = [0.5, 0.3, 0.0, 0.2]  # as probabilities; token 2 is impossible
WARM = Request(1, [3], [], 10, temperature=1.0)


def sampled(requests: list[Request], logits: Any, *, so_far: list[int] | None = None) -> list[int]:
    """The next token for each of these requests, after the tokens `so_far`."""
    sampler = sampling.DeviceSampler(len(requests), logits.shape[1], "cpu")
    answers = [Answer(request, tokens=list(so_far or [])) for request in requests]
    found: list[int] = sampler(answers, logits)
    return found


def chosen(request: Request, seeds: int = 200) -> set[int]:
    """Every token that some seed chooses."""
    requests = [replace(request, seed=seed) for seed in range(seeds)]
    return set(sampled(requests, torch.tensor([LOGITS] * seeds).log()))


def test_everything_possible_is_chosen_now_and_then() -> None:
    assert chosen(WARM) == {0, 1, 3}


def test_probabilities_are_those_of_the_model_over_seeds_and_over_an_answer() -> None:
    logits = torch.tensor([LOGITS] * 4000).log()
    over_seeds = Counter(sampled([replace(WARM, seed=seed) for seed in range(4000)], logits))
    states = sampling.RowStates(4000, 4, "cpu")
    states.fill([Row(0, Answer(WARM))] * 4000)
    states.counts[:] = torch.arange(4000)
    over_an_answer = Counter(sampling.sample(logits, states, 4).tolist())
    for found in (over_seeds, over_an_answer):
        assert 1900 < found[0] < 2100
        assert 1100 < found[1] < 1300


def test_top_k_keeps_the_likeliest() -> None:
    assert chosen(replace(WARM, top_k=2)) == {0, 1}


def test_top_p_keeps_the_fewest_that_reach_it() -> None:
    assert chosen(replace(WARM, top_p=0.499)) == {0}
    assert chosen(replace(WARM, top_p=0.51)) == {0, 1}
    assert chosen(replace(WARM, top_p=1e-9)) == {0}


def test_a_low_temperature_is_nearly_greedy() -> None:
    assert chosen(replace(WARM, temperature=0.01)) == {0}


def test_a_penalty_falls_on_prompt_and_answer() -> None:
    logits = torch.tensor([[5.0, 4.0, 3.0, -1.0]])
    request = Request(1, [0], [], 10, repetition_penalty=10.0)
    found = [sampled([request], logits, so_far=[1, 2][:count])[0] for count in range(3)]
    assert found == [1, 2, 0]


def test_the_states_follow_the_answer() -> None:
    states = sampling.RowStates(2, 4, "cpu")
    request = Request(1, [0], [], 10, repetition_penalty=10.0)
    answer = Answer(request, tokens=[2])
    states.fill([Row(7, answer), Row(9)])
    states.advance(2, torch.tensor([1, 3]))
    assert states.tokens.tolist() == [1, 0]
    assert states.positions.tolist() == [8, 9]  # the second row only fills the batch
    assert states.counts.tolist() == [2, 0]
    assert states.seen[0].tolist() == [True, True, True, False]


def test_of_equal_logits_the_smaller_token_is_the_likelier() -> None:
    logits = torch.zeros(1, 300)
    logits[0, 250:] = torch.tensor([-0.0, 0.0]).repeat(25)
    values, tokens = sampling._most_likely(logits, 300)
    assert tokens[0].tolist() == list(range(300))
    assert not values.any()


@pytest.mark.parametrize("width", [3, 64, 256, 1000])
def test_the_most_likely_are_found_in_descending_order(width: int) -> None:
    logits = torch.randn(4, 1000, generator=torch.Generator().manual_seed(1)) * 5
    values, tokens = sampling._most_likely(logits, width)
    assert torch.equal(values, torch.topk(logits, width).values)
    assert torch.equal(logits.gather(1, tokens), values)


def test_a_row_depends_neither_on_its_neighbours_nor_on_the_number_of_candidates() -> None:
    logits = torch.randn(5, 500, generator=torch.Generator().manual_seed(2)) * 3
    requests = [
        replace(WARM, temperature=0.0),
        replace(WARM, seed=3, top_k=40),
        replace(WARM, seed=4, top_k=200, top_p=0.8, repetition_penalty=1.5),
        replace(WARM, seed=5, temperature=1.7),
        replace(WARM, seed=2**32 - 1, top_k=1),
    ]
    together = sampled(requests, logits)
    alone = [sampled([each], logits[n : n + 1])[0] for n, each in enumerate(requests)]
    assert together == alone


def test_a_batch_gets_as_many_candidates_as_its_widest_row_needs() -> None:
    def width(*top_k: int, temperature: float = 1.0) -> int:
        requests = [replace(WARM, top_k=k, temperature=temperature) for k in top_k]
        rows = [Row(0, Answer(request)) for request in requests]
        found: int = sampling.width_for([*rows, Row(0)], 32000)
        return found

    assert width(50, 0, temperature=0.0) == 0
    assert width(1) == width(64) == 64
    assert width(1, 65) == 256
    assert width(257) == width(0) == 32000


# ---------------------------------------------------------------- random numbers


def reference(seed: int, count: int) -> int:
    """`random_bits` in Python's whole numbers."""
    mask = 2**64 - 1

    def mixed(state: int) -> int:
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & mask
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB & mask
        return state ^ (state >> 31)

    return mixed((mixed(seed & mask) + (count + 1) * 0x9E3779B97F4A7C15) & mask) >> 22


def test_random_bits_are_those_of_splitmix64() -> None:
    cases = [(0, 0), (1, 0), (2**32 - 1, 5), (2**63 + 7, 2), (12345, 4095)]
    seeds = torch.tensor([sampling.signed_64(seed) for seed, _ in cases])
    counts = torch.tensor([count for _, count in cases])
    assert sampling.random_bits(seeds, counts).tolist() == [reference(*case) for case in cases]
    # The first number of SplitMix64 from the start 0, as published with the generator.
    assert sampling._mixed(torch.tensor([sampling.signed_64(0x9E3779B97F4A7C15)])).tolist() == [
        sampling.signed_64(0xE220A8397B1DCDAF)
    ]
