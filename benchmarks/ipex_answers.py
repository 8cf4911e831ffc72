"""Compares answers of ipex-llm's quantized weights with those of 16-bit weights.

    python -m benchmarks.ipex_answers PYTHON [--low-bit sym_int8 bf16 sym_int4] [--each 3]

PYTHON is the interpreter that `parley backend install ipex --cpu` made. The questions are those of
the demo model's evaluation, the reference are OpenVINO's answers with 16-bit weights; both get the
same token ids and decode greedily. Prints, for each quantization, how many answers are the same
text, how many are correct, and the speed.
"""

import argparse
import asyncio
import tempfile
import time
from dataclasses import replace

from tokenizers import Tokenizer

from bot import demo_model
from bot.generation.worker_client import WorkerClient
from bot.worker.protocol import LoadOptions
from tools.demo_model import corpus
from tools.demo_model.questions import Question, questions

LONGEST = 160
END_TOKEN = 2
SLOW = ("stories", "lists", "code", "poems", "tables", "follow-ups")
"""Skills with long answers, left out because they take too long on a CPU."""


async def answers(
    options: LoadOptions, python: str, asked: list[Question]
) -> tuple[list[str], float]:
    """The answers, and the speed in tokens per second, prefill included."""
    file = demo_model.directory() / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(file))
    texts, tokens, seconds = [], 0, 0.0
    client = await WorkerClient.launch(options, python=python)
    try:
        for question in asked:
            ids: list[int] = []
            start = time.perf_counter()
            request = {"prompt": encoded(tokenizer, question), "stop": [END_TOKEN]}
            answer = client.add(request | {"max_new_tokens": LONGEST}, lambda: None)
            end = None
            while end is None:
                fresh, end = await answer.next()
                ids += fresh
            seconds += time.perf_counter() - start
            tokens += len(ids)
            texts.append(tokenizer.decode(ids).strip())
    finally:
        await client.aclose()
    return texts, tokens / seconds


def encoded(tokenizer: Tokenizer, question: Question) -> list[int]:
    """Token ids of a conversation and its last question, in the format of the model's training."""
    ids: list[int] = []
    for prompt, answer in question.turns:
        ids += [1, *tokenizer.encode(f"{prompt} {answer} ", add_special_tokens=False).ids, 2]
    return [*ids, 1, *tokenizer.encode(question.prompt, add_special_tokens=False).ids]


async def compare(python: str, low_bits: list[str], each: int) -> None:
    corpus.load_tokenizer(demo_model.directory() / "tokenizer.model")
    asked = [question for question in questions(1, each) if question.skill not in SLOW]
    with tempfile.TemporaryDirectory() as folder:
        model = str(demo_model.directory())
        exact = LoadOptions("openvino", model, "cpu", "fp16", 2048, 1, folder)
        reference, speed = await answers(exact, "", asked)
        _print("openvino fp16", asked, reference, reference, speed)
        for low_bit in low_bits:
            given = replace(exact, backend="ipex", low_bit=low_bit)
            texts, speed = await answers(given, python, asked)
            _print(f"ipex {low_bit}", asked, texts, reference, speed)


def _print(
    name: str, asked: list[Question], texts: list[str], reference: list[str], speed: float
) -> None:
    same = sum(ours == theirs for ours, theirs in zip(texts, reference, strict=True))
    right = sum(question.check(text) for question, text in zip(asked, texts, strict=True))
    print(
        f"{name:16} {same}/{len(asked)} the same, {right}/{len(asked)} correct"
        f", {speed:.1f} tokens per second",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python")
    parser.add_argument("--low-bit", nargs="+", default=["sym_int8", "bf16", "sym_int4"])
    parser.add_argument("--each", type=int, default=3)
    arguments = parser.parse_args()
    asyncio.run(compare(arguments.python, arguments.low_bit, arguments.each))


if __name__ == "__main__":
    main()
