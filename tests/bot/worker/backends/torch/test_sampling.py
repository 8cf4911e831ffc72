"""Tokens are sampled with each request's own parameters."""

import importlib
from dataclasses import replace
from typing import Any

import pytest

from bot.worker.protocol import Request

torch: Any = pytest.importorskip("torch")
sampling: Any = importlib.import_module("bot.worker.backends.torch.sampling")

LOGITS = [0.5, 0.3, 0.0, 0.2]  # as probabilities; token 2 is impossible
WARM = Request(1, [3], [], 10, temperature=1.0)


def chosen(request: Request, seeds: int = 200) -> set[int]:
    """Every token that some seed chooses."""
    found = set()
    for seed in range(seeds):
        sampler = sampling.Sampler(replace(request, seed=seed))
        found |= set(sampling.sample_tokens([sampler], torch.tensor([LOGITS]).log()))
    return found


def test_everything_possible_is_chosen_now_and_then() -> None:
    assert chosen(WARM) == {0, 1, 3}


def test_probabilities_are_those_of_the_model() -> None:
    sampler = sampling.Sampler(WARM)
    logits = torch.tensor([LOGITS]).log()
    tokens = [sampling.sample_tokens([sampler], logits.clone())[0] for _ in range(2000)]
    assert 900 < tokens.count(0) < 1100
    assert 500 < tokens.count(1) < 700


def test_top_k_keeps_the_likeliest() -> None:
    assert chosen(replace(WARM, top_k=2)) == {0, 1}


def test_top_p_keeps_the_fewest_that_reach_it() -> None:
    assert chosen(replace(WARM, top_p=0.5)) == {0}
    assert chosen(replace(WARM, top_p=0.51)) == {0, 1}


def test_a_low_temperature_is_nearly_greedy() -> None:
    assert chosen(replace(WARM, temperature=0.01)) == {0}


def test_a_penalty_falls_on_prompt_and_answer() -> None:
    sampler = sampling.Sampler(Request(1, [0], [], 10, repetition_penalty=10.0))
    logits = torch.tensor([[5.0, 4.0, 3.0, -1.0]])
    assert [sampling.sample_tokens([sampler], logits.clone())[0] for _ in range(3)] == [1, 2, 0]


def test_rows_are_chosen_each_by_its_own_parameters() -> None:
    requests = [replace(WARM, temperature=0.0), replace(WARM, seed=3, top_k=2), WARM]
    logits = torch.tensor([LOGITS, LOGITS, LOGITS]).log()
    together = sampling.sample_tokens([sampling.Sampler(r) for r in requests], logits.clone())
    alone = [sampling.sample_tokens([sampling.Sampler(r)], logits[:1].clone())[0] for r in requests]
    assert together == alone
