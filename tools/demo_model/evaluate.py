"""Asks the model what training never asked: `python -m tools.demo_model.evaluate [FOLDER]`.

Every question is judged by a check of its own (a word, a number, an exact text, the number of
items), greedily decoded, with the reference answers as history. Prints a table; exits 1 below the
bars: 95 % overall, 90 % in every skill that the model card claims.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tools.demo_model import corpus
from tools.demo_model.questions import DISTANCES, Question, questions

OVERALL, EACH = 0.95, 0.90
# Measured, but not promised: which command or setting it is that somebody needs who names neither,
# and what else newcomers ask, in words that were never trained. A model of this size has too little
# notion of what words mean.
UNCLAIMED = ("needs", "first words")
_ROOM = {
    "stories": 1100,
    "lists": 1000,
    "code": 320,
    "poems": 320,
    "tables": 420,
    "follow-ups": 420,
}
_DEFAULT_ROOM = 160


class Judge:
    """A model with its tokenizer, answering in batches."""

    def __init__(self, folder: Path, device: str, dtype: torch.dtype, batch: int) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
        self.model = model.to(device).eval()
        self.batch = batch
        corpus.load_tokenizer(folder / "tokenizer.model")

    def ids(self, question: Question) -> list[int]:
        def encode(text: str) -> list[int]:
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

        ids: list[int] = []
        for prompt, answer in question.turns:
            ids += [1, *encode(f"{prompt} {answer} "), 2]
        return [*ids, 1, *encode(question.prompt)]

    @torch.inference_mode()
    def answers(self, asked: list[Question], room: int) -> list[str]:
        """The greedy answers; one that does not end within `room` tokens is marked so."""
        encoded = [self.ids(question) for question in asked]
        order = sorted(range(len(asked)), key=lambda at: len(encoded[at]))
        texts = [""] * len(asked)
        for first in range(0, len(order), self.batch):
            part = order[first : first + self.batch]
            width = max(len(encoded[at]) for at in part)
            ids = torch.tensor([[2] * (width - len(encoded[at])) + encoded[at] for at in part])
            mask = torch.tensor(
                [[0] * (width - len(encoded[at])) + [1] * len(encoded[at]) for at in part]
            )
            out = self.model.generate(
                ids.to(self.model.device),
                attention_mask=mask.to(self.model.device),
                max_new_tokens=room,
                do_sample=False,
                temperature=None,
                top_p=None,
                eos_token_id=2,
                pad_token_id=2,
            )
            for at, row in zip(part, out[:, width:].tolist(), strict=True):
                end = row.index(2) if 2 in row else -1
                text = str(self.tokenizer.decode(row[:end] if end >= 0 else row)).strip()
                texts[at] = text if end >= 0 else text + " [never ended]"
        return texts


def evaluate(judge: Judge, asked: list[Question], show: int) -> dict[str, Any]:
    """The share of right answers per skill and per distance, and some of the wrong ones."""
    groups: dict[str, list[Question]] = defaultdict(list)
    for question in asked:
        key = question.skill if question.distance < 0 else f"recall after {question.distance}"
        groups[key].append(question)
    results: dict[str, Any] = {"skills": {}, "distances": {}, "wrong": []}
    for key, part in groups.items():
        room = _ROOM.get(key, _DEFAULT_ROOM)
        right = 0
        for question, answer in zip(part, judge.answers(part, room), strict=True):
            good = not answer.endswith("[never ended]") and question.check(answer)
            right += good
            if not good and sum(w["skill"] == key for w in results["wrong"]) < show:
                results["wrong"].append(
                    {
                        "skill": key,
                        "prompt": question.prompt[-300:],
                        "answer": answer[:400],
                        "expected": question.expected[:400],
                    }
                )
        kind = "skills" if part[0].distance < 0 else "distances"
        name = key if kind == "skills" else str(part[0].distance)
        results[kind][name] = {
            "right": right,
            "asked": len(part),
            "share": round(right / len(part), 4),
        }
    skills = _claimed(results).values()
    results["overall"] = round(sum(s["right"] for s in skills) / sum(s["asked"] for s in skills), 4)
    return results


def _claimed(results: dict[str, Any]) -> dict[str, Any]:
    return {name: s for name, s in results["skills"].items() if name not in UNCLAIMED}


def table(results: dict[str, Any]) -> str:
    lines = ["| skill | asked | right |", "| --- | --- | --- |"]
    scores = _claimed(results)
    asked = sum(score["asked"] for score in scores.values())
    everything = {"asked": asked, "share": results["overall"]}
    unclaimed = {
        f"{name} (not claimed)": results["skills"][name]
        for name in UNCLAIMED
        if name in results["skills"]
    }
    for name, score in (scores | {"overall": everything} | unclaimed).items():
        lines.append(f"| {name} | {score['asked']} | {100 * score['share']:.1f} % |")
    lines += ["", "| recall after so many other exchanges | asked | right |", "| --- | --- | --- |"]
    for name, score in results["distances"].items():
        lines.append(f"| {name} | {score['asked']} | {100 * score['share']:.1f} % |")
    return "\n".join(lines)


def below_the_bars(results: dict[str, Any]) -> list[str]:
    scores = _claimed(results) | {
        f"recall after {d}": results["distances"][str(d)] for d in DISTANCES if d <= 8
    }
    failed = [
        f"{name}: {s['share']:.1%}, below {EACH:.0%}"
        for name, s in scores.items()
        if s["share"] < EACH
    ]
    if results["overall"] < OVERALL:
        failed.append(f"overall: {results['overall']:.1%}, below {OVERALL:.0%}")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("bot/demo_model"))
    parser.add_argument("--limit", type=int, default=300, help="questions for each skill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float16", "bfloat16"))
    parser.add_argument("--batch", type=int, default=0, help="0: 512 on a GPU, 8 on a CPU")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument(
        "--wrong", type=int, default=0, help="show so many wrong answers of each skill"
    )
    options = parser.parse_args()
    began = time.monotonic()
    batch = options.batch or (8 if options.device == "cpu" else 512)
    judge = Judge(options.folder, options.device, getattr(torch, options.dtype), batch)
    results = evaluate(judge, questions(options.seed, options.limit), options.wrong)
    results["seconds"] = round(time.monotonic() - began, 1)
    if options.json:
        options.json.write_text(
            json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
    for wrong in results["wrong"]:
        print(f"--- {wrong['skill']}\n{wrong['prompt']}")
        print(f"  got: {wrong['answer']}\n  not: {wrong['expected']}")
    print(table(results))
    failed = below_the_bars(results)
    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
