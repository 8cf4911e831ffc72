"""The torch backend, on a CPU, with a tiny model; against transformers' own generate()."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.openvino.backend import OpenVinoBackend
from bot.worker.backends.torch import backend as backend_module
from bot.worker.backends.torch.backend import TorchBackend
from bot.worker.protocol import END, LENGTH, LoadError, LoadOptions, Request
from tests.bot.worker.backends.backend_bench import EOS, PROMPT, Bench, request, silent
from tests.tiny_model import TinyLlama, write_tiny_model

torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers", minversion="5")

CONTEXT = 512
DEMO_MODEL = Path(__file__).parents[5] / "bot" / "demo_model"


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> LoadOptions:
    folder = write_tiny_model(tmp_path_factory.mktemp("torch") / "tiny")
    return LoadOptions("torch", str(folder), device="cpu", context=CONTEXT, max_parallel=4)


@pytest.fixture(scope="module")
def bench(options: LoadOptions) -> Bench:
    return Bench(TorchBackend(), options)


def generated(options: LoadOptions, prompt: list[int], count: int, **how: Any) -> list[int]:
    """What transformers' generate() answers greedily."""
    model = transformers.AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    ids = torch.tensor([prompt])
    output = model.generate(ids, do_sample=False, max_new_tokens=count, pad_token_id=0, **how)
    tokens: list[int] = output[0, len(prompt) :].tolist()
    return tokens


# ---------------------------------------------------------------- answers


def test_greedy_answers_are_those_of_generate(bench: Bench, options: LoadOptions) -> None:
    expected = generated(options, PROMPT, 60, eos_token_id=None)
    assert bench.answer(request(1, stop=[], max_new_tokens=60)) == expected


def test_the_repetition_penalty_is_that_of_generate(bench: Bench, options: LoadOptions) -> None:
    expected = generated(options, PROMPT, 40, eos_token_id=None, repetition_penalty=1.3)
    given = request(2, stop=[], max_new_tokens=40, repetition_penalty=1.3)
    assert bench.answer(given) == expected


def test_answers_at_the_same_time_are_those_alone(options: LoadOptions) -> None:
    alone, together = Bench(TorchBackend(), options), Bench(TorchBackend(), options)
    requests = [
        request(n, [1, *range(20 * n, 20 * n + 8 * n)], max_new_tokens=5 * n, stop=[])
        for n in range(1, 8)  # more than the four slots
    ]
    together.add(*requests)
    together.finish(*range(1, 8))
    assert together.tokens == {given.id: alone.answer(given) for given in requests}


def test_an_answer_ends_at_its_longest_length(bench: Bench) -> None:
    assert len(bench.answer(request(30, max_new_tokens=7))) == 7
    assert bench.ended[30].reason == LENGTH


def test_a_stop_token_ends_an_answer_and_is_not_part_of_it(bench: Bench) -> None:
    whole = bench.answer(request(31))
    stop = whole[9]
    assert bench.answer(request(32, stop=[EOS, stop])) == whole[: whole.index(stop)]
    assert bench.ended[32].reason == END


def test_the_seed_decides_whatever_else_is_in_flight(bench: Bench) -> None:
    def sampled(answer_id: int, seed: int) -> Any:
        return request(answer_id, temperature=1.5, top_p=0.95, top_k=40, seed=seed)

    alone = bench.answer(sampled(40, seed=7))
    bench.add(sampled(41, seed=1), sampled(42, seed=7), sampled(43, seed=2))
    bench.finish(41, 42, 43)
    assert bench.tokens[42] == alone
    assert bench.tokens[41] != alone


def test_one_candidate_is_the_same_as_greedy(bench: Bench) -> None:
    greedy = bench.answer(request(45))
    assert bench.answer(request(46, temperature=2.0, top_k=1, seed=3)) == greedy
    assert bench.answer(request(47, temperature=2.0, top_p=1e-6, seed=3)) == greedy


@pytest.mark.parametrize("length", [CONTEXT - 19, 0])
def test_a_request_that_cannot_fit_is_refused_alone(bench: Bench, length: int) -> None:
    with pytest.raises(ValueError, match=f"do not fit a context window of {CONTEXT}"):
        bench.backend.add(request(50, [1] * length))
    assert len(bench.answer(request(51, [1] * (CONTEXT - 20), stop=[]))) == 20


# ---------------------------------------------------------------- cancelling


def test_a_cancelled_answer_gets_nothing_from_the_next_step(bench: Bench) -> None:
    alone = bench.answer(request(60, max_new_tokens=30))
    bench.add(request(61, max_new_tokens=400, stop=[]), request(62, max_new_tokens=30))
    while len(bench.tokens[61]) < 5:
        bench.step()
    made = list(bench.tokens[61])
    bench.backend.cancel(61)
    bench.finish(62)
    assert bench.tokens[61] == made
    assert 61 not in bench.ended
    assert bench.tokens[62] == alone


def test_an_answer_that_waits_for_a_slot_can_be_cancelled(options: LoadOptions) -> None:
    bench = Bench(TorchBackend(), replace(options, max_parallel=1))
    bench.add(request(1), request(2), request(3))
    bench.step()
    bench.backend.cancel(2)
    bench.finish(1, 3)
    assert bench.tokens[2] == []
    assert bench.tokens[1] == bench.tokens[3]


# ---------------------------------------------------------------- chunked prefill, cached prefixes


def test_a_long_prompt_is_prefilled_in_chunks_while_others_decode(
    options: LoadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = [1, *range(3, 500)][:400]
    expected = generated(options, long, 10, eos_token_id=None)
    monkeypatch.setitem(backend_module.PREFILL_CHUNK, "cpu", 64)
    bench = Bench(TorchBackend(), options)
    alone = bench.answer(request(1, max_new_tokens=30, stop=[]))
    bench.add(request(2, max_new_tokens=30, stop=[]))
    bench.step()
    bench.add(request(3, long, max_new_tokens=10, stop=[]))
    for _ in range(6):
        bench.step()
    assert len(bench.tokens[2]) == 7
    assert bench.tokens[3] == []
    bench.finish(2, 3)
    assert bench.tokens[3] == expected
    assert bench.tokens[2] == alone


def test_a_second_turn_needs_prefill_only_for_what_is_new(options: LoadOptions) -> None:
    bench = Bench(TorchBackend(), options)
    first = [1, *range(100, 300)]
    answer = bench.answer(request(1, first, stop=[]))
    assert bench.ended[1].usage.cached_tokens == 0
    second = [*first, *answer, *range(300, 320)]
    given = request(2, second, stop=[])
    assert bench.answer(given) == generated(options, second, 20, eos_token_id=None)
    # The last token of an answer was sampled but never computed.
    assert bench.ended[2].usage.cached_tokens == len(first) + len(answer) - 1


# ---------------------------------------------------------------- the same as OpenVINO


def answers_of_both(options: LoadOptions, *requests: Request) -> list[list[list[int]]]:
    """The answers of torch and of OpenVINO. One after the other: their threads slow each other."""
    answers = []
    for backend in (TorchBackend(), OpenVinoBackend()):
        bench = Bench(backend, options)
        answers.append([bench.answer(given) for given in requests])
    return answers


@pytest.mark.parametrize("low_bit", ["fp16", "fp32"])
def test_greedy_answers_are_those_of_openvino(
    options: LoadOptions, tmp_path: Path, low_bit: str
) -> None:
    requests = [
        request(start, [1, *range(start, start + 60)], max_new_tokens=80, stop=[])
        for start in (20, 150, 400)
    ]
    here = replace(options, low_bit=low_bit, cache_dir=str(tmp_path))
    torchs, openvinos = answers_of_both(here, *requests)
    assert torchs == openvinos


def test_llama_3s_positions_are_the_same_in_both(options: LoadOptions, tmp_path: Path) -> None:
    scaling = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    shape = TinyLlama(tied=True, seed=4)
    folder = write_tiny_model(
        tmp_path / "llama3", shape, dtype="BF16", shards=2, config={"rope_scaling": scaling}
    )
    here = replace(options, model=str(folder), low_bit="fp32", cache_dir=str(tmp_path))
    torchs, openvinos = answers_of_both(
        here, request(1, [1, *range(100, 300)], max_new_tokens=60, stop=[])
    )
    assert torchs == openvinos


def test_qwen_2s_biases_are_the_same_in_both(options: LoadOptions, tmp_path: Path) -> None:
    qwen = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
    folder = write_tiny_model(tmp_path / "qwen2", TinyLlama(biased=True), config=qwen)
    here = replace(options, model=str(folder), low_bit="fp32", cache_dir=str(tmp_path))
    torchs, openvinos = answers_of_both(here, request(1, max_new_tokens=60, stop=[]))
    assert torchs == openvinos


@pytest.mark.skipif(not (DEMO_MODEL / "model.safetensors").exists(), reason="needs the demo model")
def test_the_demo_model_says_the_same_in_both(tmp_path: Path) -> None:
    here = LoadOptions("any", str(DEMO_MODEL), "cpu", "fp16", 512, 2, str(tmp_path))
    requests = [
        request(start, [1, *range(start, start + 30)], max_new_tokens=60)
        for start in (10, 300, 700)
    ]
    torchs, openvinos = answers_of_both(here, *requests)
    assert torchs == openvinos


# ---------------------------------------------------------------- what is refused


def refusal(options: LoadOptions) -> str:
    with pytest.raises(LoadError) as caught:
        TorchBackend().load(options, silent)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_four_bits_are_refused(options: LoadOptions) -> None:
    assert '"sym_int4" is not for backend = "torch"' in refusal(
        replace(options, low_bit="sym_int4")
    )


def test_old_transformers_are_refused(
    options: LoadOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["transformers"], "__version__", "4.37.0")
    assert "needs transformers 5" in refusal(options)
