"""How often ipex-llm's answers are those of 16-bit weights, on the demo model's evaluation.

    python -m benchmarks.ipex_answers PYTHON [--low-bit sym_int8 bf16 sym_int4] [--each 3]

PYTHON is the interpreter that `parley backend install ipex --cpu` made. The reference is what
OpenVINO writes with 16-bit weights; both get the same token ids and answer greedily. Prints, for
each type of weights, how many answers are the same text, how many are right, and the speed.
"""

import argparse
import asyncio
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bot import demo_model
from bot.generation import WorkerGenerator, WorkerOptions
from bot.messages import Completion, Finished, Sampling
from tools.demo_model import corpus
from tools.demo_model.questions import Question, questions

LONGEST = Sampling(temperature=0.0, max_new_tokens=160)
SLOW = ("stories", "lists", "code", "poems", "tables", "follow-ups")
"""Skills whose answers are long: left out, for a CPU."""


async def answers(options: WorkerOptions, asked: list[Question]) -> tuple[list[str], float]:
    """The answers, and tokens a second while they were written."""
    generator = WorkerGenerator(options)
    texts, tokens, seconds = [], 0, 0.0
    try:
        await generator.start()
        for question in asked:
            text, start = "", time.perf_counter()
            async for piece in generator.stream(Completion(question.prompt), LONGEST):
                if isinstance(piece, Finished):
                    tokens += piece.usage.completion_tokens
                    seconds += time.perf_counter() - start
                else:
                    text += piece
            texts.append(text.strip())
    finally:
        await generator.aclose()
    return texts, tokens / seconds


async def compare(python: str, low_bits: list[str], each: int) -> None:
    corpus.load_tokenizer(demo_model.directory() / "tokenizer.model")
    found = questions(1, each)
    asked = [q for q in found if not q.turns and q.chat and q.skill not in SLOW]
    with tempfile.TemporaryDirectory() as folder:
        exact = WorkerOptions(
            backend="openvino",
            model=demo_model.directory(),
            device="cpu",
            low_bit="fp16",
            chat=False,
            max_parallel=1,
            cache_dir=Path(folder),
        )
        reference, _ = await answers(exact, asked)
        _print("openvino fp16", asked, reference, reference, 0.0)
        for low_bit in low_bits:
            given = replace(exact, backend="ipex", low_bit=low_bit, python=python)
            texts, speed = await answers(given, asked)
            _print(f"ipex {low_bit}", asked, texts, reference, speed)


def _print(
    name: str, asked: list[Question], texts: list[str], reference: list[str], speed: float
) -> None:
    same = sum(ours == theirs for ours, theirs in zip(texts, reference, strict=True))
    right = sum(question.check(text) for question, text in zip(asked, texts, strict=True))
    print(
        f"{name:16} {same}/{len(asked)} the same, {right}/{len(asked)} right"
        + (f", {speed:.1f} tokens a second" if speed else ""),
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
