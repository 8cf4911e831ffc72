"""A real GGUF file gives, by each route that runs one, the text of its dequantized weights.

The reference's answers are read token by token (teacher-forced): each backend chooses the next
token after the reference's own. llama.cpp multiplies 4-bit weights with activations in 8 bits, so
a near tie may fall otherwise: 97 % of the tokens must be its first choice, and each of the others
its second.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.worker.backends import create
from bot.worker.protocol import LoadOptions
from tests.bot.worker.backends.backend_bench import Bench, request
from tests.real.conftest import Reference

pytestmark = pytest.mark.process

LENGTH = 24
"""Tokens of each answer that are compared."""
SHARE = 0.97
DRAWS = 64
"""Samples among the two most likely tokens in which the reference's must occur."""
SERVER = "PARLEY_TEST_LLAMA_SERVER"


@pytest.fixture(params=["llamacpp", "openvino"])
def bench(request: pytest.FixtureRequest, smollm2_file: Path, tmp_path: Path) -> Iterator[Bench]:
    """The file, loaded by a backend."""
    server = os.environ.get(SERVER, "")
    if request.param == "llamacpp" and not server:
        pytest.skip(f"{SERVER} names no llama-server: make test-llama-server")
    backend = create(request.param)
    options = LoadOptions(
        request.param,
        str(smollm2_file),
        device="cpu",
        context=2048,
        max_parallel=1,
        cache_dir=str(tmp_path),
        server=server,
    )
    yield Bench(backend, options)
    if close := getattr(backend, "close", None):
        close()


def test_the_references_tokens_are_the_likeliest(
    bench: Bench, references: list[Reference], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, others, total = 0, 0, [], 0
    for reference in references:
        answer = reference.answer[:LENGTH]
        for place, expected in enumerate(answer):
            prompt, total = reference.prompt + answer[:place], total + 1
            if next_token(bench, prompt) == expected:
                first += 1
            elif expected in drawn(bench, prompt, expected):
                second += 1
            else:
                others.append((reference.conversation.question[:40], place, expected))
    with capsys.disabled():
        print(
            f"\n{bench.facts.low_bit}: of {total} tokens {first / total:.1%} first, {second} second"
        )
    assert others == []
    assert first >= SHARE * total


def next_token(bench: Bench, prompt: list[int]) -> int:
    """The most likely token after `prompt`; -1 for a stop token."""
    return (bench.answer(request(1, prompt, stop=[], max_new_tokens=1)) or [-1])[0]


def drawn(bench: Bench, prompt: list[int], wanted: int) -> set[int]:
    """Tokens drawn among the two most likely ones, until `wanted` is one of them."""
    found: set[int] = set()
    for seed in range(DRAWS):
        if wanted in found:
            break
        sampled = request(1, prompt, stop=[], max_new_tokens=1, temperature=2.0, top_k=2, seed=seed)
        found.update(bench.answer(sampled))
    return found
