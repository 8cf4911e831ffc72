"""Compares the quantizations of a model with its weights in 16 bits, with OpenVINO on the CPU.

A command, run in the worker's interpreter, with one JSON object on stdin:

    python …/bot/worker/__main__.py compare

The object's fields:

    model      the folder of a Hugging Face model that Parley converts
    low_bits   the quantizations to compare: keys of ``FORMATS``
    prompts    lists of token ids
    stop       token ids that end an answer
    tokens     the maximum length of an answer
    scratch    an empty folder with room for two converted models

The model in 16 bits, computed in float32, answers each prompt greedily. Every quantization then
reads the same prompts and answers, with the arithmetic that it has in use (`_properties`). Lines on
stdout that begin with "#" say what is being done; the last line is one JSON object:

    results    for each quantization: ``low_bit``; ``bytes`` of the converted weights;
               ``weight_error``, ``worst_error``, ``worst_name`` (`weight_error.WeightError`);
               ``logit_error``, the root mean square of the differences of all logits from those in
               16 bits; ``divergence``, the mean Kullback-Leibler divergence of the next token's
               distribution, in nats; ``same``, the answers' tokens that it would have chosen too
    tokens     the number of tokens of the answers
    error      why the comparison failed; "" where it did not, and then the rest is there
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from bot.worker.protocol import LoadError

Logits = Any
"""A float32 array [tokens, vocabulary]."""

BASELINE = "fp16"
"""The quantization that the others are compared with; its arithmetic is float32."""


def run() -> int:
    """The command ``compare``: read stdin, compare, print. Returns exit code 0 also where the
    comparison failed."""
    asked = json.load(sys.stdin)
    try:
        facts = compare(asked)
    except LoadError as exc:
        facts = {"error": str(exc)}
    except Exception as exc:
        # Any error of a library is a result to report.
        facts = {"error": f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"}
    sys.stdout.write("\n" + json.dumps(facts) + "\n")
    return 0


def say(what: str) -> None:
    """Report what is being done."""
    sys.stdout.write(f"# {what}\n")
    sys.stdout.flush()


def compare(asked: "dict[str, Any]") -> "dict[str, Any]":
    """The JSON object for the request `asked`, as the module's docstring has both. Raises LoadError
    where the model cannot be converted, and whatever OpenVINO raises."""
    say(f"Converting to {BASELINE}")
    model = Quantized(asked, BASELINE)
    say("Generating the answers to compare with")
    answers = [model.answer(prompt) for prompt in asked["prompts"]]
    sequences = [(p, p + a) for p, a in zip(asked["prompts"], answers, strict=True) if a]
    expected = [model.logits(ids) for _, ids in sequences]
    results = [_result(asked, low_bit, sequences, expected) for low_bit in asked["low_bits"]]
    return {"results": results, "tokens": sum(map(len, answers)), "error": ""}


def _result(
    asked: "dict[str, Any]",
    low_bit: str,
    sequences: "list[tuple[list[int], list[int]]]",
    expected: "list[Logits]",
) -> "dict[str, Any]":
    import numpy as np

    from bot.worker.conversion.weight_error import weight_error

    say(f"Comparing {low_bit}")
    error = weight_error(Path(asked["model"]), low_bit)
    model = Quantized(asked, low_bit)
    squared, divergence, same, count, positions = 0.0, 0.0, 0, 0, 0
    for (prompt, ids), exact in zip(sequences, expected, strict=True):
        found = model.logits(ids)
        squared += float(((found - exact) ** 2).sum(dtype=np.float64))
        count += exact.size
        divergence += float(_divergence(exact, found).sum())
        positions += len(ids)
        # The logits after the token at position i - 1 choose the token at position i.
        chosen = found[len(prompt) - 1 : -1].argmax(axis=1)
        same += int((chosen == np.array(ids[len(prompt) :])).sum())
    return {
        "low_bit": low_bit,
        "bytes": model.size,
        "weight_error": error.total,
        "worst_error": error.worst,
        "worst_name": error.worst_name,
        "logit_error": (squared / count) ** 0.5,
        "divergence": divergence / positions,
        "same": same,
    }


def _divergence(exact: Logits, found: Logits) -> Any:
    """The Kullback-Leibler divergence of each position's distribution, in nats."""
    import numpy as np

    def log_softmax(logits: Logits) -> Any:
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    p, q = log_softmax(exact), log_softmax(found)
    return (np.exp(p) * (p - q)).sum(axis=1)


class Quantized:
    """A model converted with one quantization, compiled for the CPU. Its files are deleted once it
    is compiled."""

    def __init__(self, asked: "dict[str, Any]", low_bit: str) -> None:
        from bot.worker.backends.openvino.library import MODEL_FILE, import_openvino
        from bot.worker.conversion.convert import convert
        from bot.worker.memory import total_memory

        ov = import_openvino()
        folder = Path(asked["scratch"]) / low_bit
        folder.mkdir()
        convert(Path(asked["model"]), folder, low_bit, lambda *_: None, 0, total_memory())
        self.size = (folder / MODEL_FILE).with_suffix(".bin").stat().st_size
        self._asked = asked
        core = ov.Core()
        self._compiled = core.compile_model(
            core.read_model(folder / MODEL_FILE), "CPU", _properties(low_bit)
        )
        self._inputs = {name for port in self._compiled.inputs for name in port.get_names()}
        shutil.rmtree(folder, ignore_errors=True)  # Windows keeps files that are mapped

    def logits(self, ids: "list[int]") -> Logits:
        """The logits after each token, [tokens, vocabulary]."""
        return self._step(self._compiled.create_infer_request(), ids, 0)

    def answer(self, prompt: "list[int]") -> "list[int]":
        """The greedy answer, without a stop token."""
        request = self._compiled.create_infer_request()
        logits, position = self._step(request, prompt, 0), len(prompt)
        answer: list[int] = []
        while len(answer) < self._asked["tokens"]:
            token = int(logits[-1].argmax())
            if token in self._asked["stop"]:
                break
            answer.append(token)
            logits, position = self._step(request, [token], position), position + 1
        return answer

    def _step(self, request: Any, ids: "list[int]", position: int) -> Logits:
        """The logits of `ids`, which follow `position` tokens that `request` has seen."""
        import numpy as np

        inputs = {
            "input_ids": np.array([ids], np.int64),
            "attention_mask": np.ones((1, position + len(ids)), np.int64),
            "position_ids": np.arange(position, position + len(ids), dtype=np.int64)[None],
            "beam_idx": np.zeros(1, np.int32),
        }
        result = request.infer({name: inputs[name] for name in inputs if name in self._inputs})
        return np.array(result["logits"][0], np.float32)


def _properties(low_bit: str) -> "dict[str, str]":
    """The arithmetic that the openvino backend uses on a CPU."""
    from bot.worker.backends.openvino import arithmetic
    from bot.worker.backends.openvino.source import FULL_PRECISION

    exact = low_bit in FULL_PRECISION
    return arithmetic.on_cpu(exact=exact, known_quantized=low_bit != "bf16")
