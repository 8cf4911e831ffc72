"""The demo model through ipex-llm itself, on a CPU, in an environment of its own.

``IPEX_PYTHON`` names the interpreter that `parley backend install ipex --cpu` made; without it
all tests here are skipped. The reference are OpenVINO's answers with 16-bit weights, greedy.
"""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot import demo_model
from bot.config import load
from bot.errors import ModelError
from bot.generation import WorkerGenerator, WorkerOptions
from bot.messages import Exchange, Finished, Prompt, Sampling
from parley.doctor.interpreter import probe
from parley.doctor.selftest import run_selftest
from tests.limits import seconds

PYTHON = os.environ.get("IPEX_PYTHON", "")
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="IPEX_PYTHON names no interpreter with ipex-llm"),
    pytest.mark.process,
    pytest.mark.timeout(seconds(600)),
]

GREEDY = Sampling(temperature=0.0, max_new_tokens=80)
QUESTIONS = (
    "What is the capital of France?",
    "What is the capital of Japan?",
    "How many days are in a week?",
    'Repeat exactly: "blue lamp seven"',
    "Name three fruits.",
    "Write a Python function that adds two numbers.",
    "What color is the sky?",
    "Count from 1 to 5.",
    "What is the opposite of hot?",
    "Tell me a short story about a fox.",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ipex")


def options(folder: Path, low_bit: str) -> WorkerOptions:
    return WorkerOptions(
        backend="ipex",
        model=demo_model.directory(),
        device="cpu",
        low_bit=low_bit,
        max_parallel=4,
        python=PYTHON,
        cache_dir=folder / "cache",
    )


@asynccontextmanager
async def running(given: WorkerOptions) -> AsyncIterator[WorkerGenerator]:
    generator = WorkerGenerator(given)
    try:
        await generator.start()
        yield generator
    finally:
        await generator.aclose()


def prompt(question: str, *history: Exchange) -> Prompt:
    return Prompt("", history, question)


async def answer(generator: WorkerGenerator, asked: Prompt) -> tuple[str, Finished]:
    texts: list[str] = []
    async for piece in generator.stream(asked, GREEDY):
        if isinstance(piece, Finished):
            return "".join(texts), piece
        assert isinstance(piece, str)
        texts.append(piece)
    raise AssertionError("the stream ended without an end")


@pytest.fixture(scope="module")
def reference(folder: Path) -> list[str]:
    async def texts() -> list[str]:
        given = replace(options(folder, "fp16"), backend="openvino", python="")
        async with running(given) as generator:
            return [(await answer(generator, prompt(question)))[0] for question in QUESTIONS]

    return asyncio.run(texts())


@pytest.mark.parametrize(("low_bit", "equal"), [("sym_int8", 9), ("bf16", 8), ("sym_int4", 7)])
async def test_answers_are_the_references(
    folder: Path, reference: list[str], low_bit: str, equal: int
) -> None:
    async with running(options(folder, low_bit)) as generator:
        texts = [(await answer(generator, prompt(question)))[0] for question in QUESTIONS]
    assert "Paris" in texts[0]
    assert "Tokyo" in texts[1]
    same = [ours == theirs for ours, theirs in zip(texts, reference, strict=True)]
    assert sum(same) >= equal, list(zip(texts, reference, strict=True))


@pytest.mark.parametrize("low_bit", ["asym_int4", "sym_int5", "asym_int5"])
async def test_the_other_quantizations_for_a_cpu_answer_too(folder: Path, low_bit: str) -> None:
    async with running(options(folder, low_bit)) as generator:
        text, _ = await answer(generator, prompt(QUESTIONS[0]))
    assert "Paris" in text


PLAIN = """
import sys, transformers
folder = sys.argv[1]
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
model = transformers.AutoModelForCausalLM.from_pretrained(folder)
inputs = tokenizer("[INST] What is CPU? [/INST]", return_tensors="pt")
out = model.generate(**inputs, max_new_tokens=80, do_sample=False)
print(transformers.__version__, tokenizer.decode(out[0]))
"""


def test_plain_transformers_of_the_pinned_release_load_the_folder() -> None:
    command = [PYTHON, "-W", "ignore", "-c", PLAIN, str(demo_model.directory())]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("4.37.")
    assert "central processing unit" in said


async def test_a_quantization_for_gpus_is_refused_before_anything_is_loaded(folder: Path) -> None:
    with pytest.raises(ModelError, match='"nf4" runs on a GPU only'):
        async with running(options(folder, "nf4")):
            pass


async def test_a_later_turn_needs_prefill_only_for_what_is_new(folder: Path) -> None:
    told = Exchange("My name is Ada.", "")
    async with running(options(folder, "sym_int8")) as generator:
        text, first = await answer(generator, prompt(told.question))
        history = Exchange(told.question, text)
        again = prompt("What is my name?", history)
        second, usage = await answer(generator, again)
    assert first.usage.cached_tokens == 0
    assert usage.usage.cached_tokens >= first.usage.prompt_tokens
    async with running(options(folder, "sym_int8")) as generator:
        assert (await answer(generator, again))[0] == second


async def test_the_quantized_model_is_saved_and_loaded_from_there(folder: Path) -> None:
    given = replace(options(folder, "sym_int8"), cache_dir=folder / "saved")
    loaded: list[str] = []

    async def text() -> str:
        generator = WorkerGenerator(given, on_progress=lambda p: loaded.append(p.what))
        try:
            await generator.start()
            return (await answer(generator, prompt(QUESTIONS[0])))[0]
        finally:
            await generator.aclose()

    first = await text()
    assert "Saving the converted model" in loaded
    (saved,) = (folder / "saved").glob("*-ipex_sym_int8-*/pytorch_model.bin")
    written = saved.stat().st_mtime_ns
    loaded.clear()
    assert await text() == first
    assert "Loading the converted model" in loaded
    assert not any(what.startswith(("Saving", "Converting")) for what in loaded)
    assert saved.stat().st_mtime_ns == written


async def test_stopping_ends_the_answer_and_leaves_the_next_one_right(folder: Path) -> None:
    long = prompt("Tell me a long story about a fox.")
    async with running(options(folder, "sym_int8")) as generator:
        alone, _ = await answer(generator, prompt(QUESTIONS[0]))
        stream = generator.stream(long, replace(GREEDY, max_new_tokens=1500))
        async for _ in stream:
            break
        await stream.aclose()
        text, finished = await answer(generator, prompt(QUESTIONS[0]))
    assert text == alone
    # The stopped answer takes no further steps.
    assert finished.usage.completion_tokens < 40


async def test_the_self_test_compares_it_with_the_cpu(folder: Path) -> None:
    file = folder / "config.toml"
    file.write_text("")
    given = {"BACKEND": "ipex", "PYTHON": PYTHON, "CACHE_DIR": str(folder / "cache")}
    settings = load(file, {f"PARLEY_MODEL__{key}": value for key, value in given.items()})
    found = await run_selftest(settings)
    assert found.passed, found
    assert (found.backend, found.low_bit, found.device) == ("ipex", "bf16", "cpu")
    assert found.same_positions > 0.9 * found.positions > found.tokens


async def test_the_doctor_finds_ipex_and_not_torch() -> None:
    ipex, torch = await probe("ipex", PYTHON), await probe("torch", PYTHON)
    assert (ipex.error, [device.name for device in ipex.devices]) == ("", ["cpu"])
    assert "transformers 4.37.0 is installed, and 5 is needed" in torch.error
