"""What OpenVINO GenAI's prompt lookup and draft models give, and whether the text stays the same.

    python -m benchmarks.openvino_speculation FOLDER [--ways plain lookup draft] [--draft FOLDER]

FOLDER is a Hugging Face model that Parley converts; its chat template is not used, the prompts are
in ChatML. For each way: tokens a second and steps of each prompt, with two and eight at once, how
many texts equal those of the first way, the time to the first token of a next turn, and, with
weights of 16 bits, how often the prefix cache returned wrong values.

A draft model needs tokenizers in OpenVINO's format: the packages openvino-tokenizers and
transformers. Without ``--draft`` the model drafts for itself, so that every guess is right.
"""

import argparse
import importlib
import itertools
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from bot.worker.backends.openvino.backend import scheduler_config
from bot.worker.backends.openvino.device import choose_device
from bot.worker.backends.openvino.library import import_genai, import_openvino
from bot.worker.backends.openvino.memory import CacheSize
from bot.worker.backends.openvino.source import Source, find_source
from bot.worker.protocol import LoadOptions

GUESSES, NGRAM = 3, 3
SAME = 1e-3
"""Log probabilities that differ by less are the same: rounding, with weights of 16 bits."""
BLOCK, BLOCKS, PARALLEL = 32, 512, 8
PROMPTS = {
    "copying": "Repeat this text word for word: The quick brown fox jumps over the lazy dog while "
    "the grey cat watches from the garden wall, and nobody says a word about it.",
    "correcting": "Correct the spelling in this text and repeat it: Yesterday I wennt to the "
    "market and baught three appels and a loaf of bread. Then I walked home along the river.",
    "counting": "Count from 1 to 40, one number per line.",
    "code": "Write a Python class Point with x, y, z and methods add, sub, mul, with docstrings.",
    "facts": "Why is the sky blue? Explain in a paragraph.",
    "story": "Write a short story about a lighthouse keeper and a storm.",
}
SAMPLED = {"temperature": 0.7, "top_p": 0.9, "top_k": 50, "rng_seed": 5, "repetition_penalty": 1.1}

Ids = list[int]


@dataclass
class Run:
    """What was generated for prompts that were sent at once."""

    tokens: list[Ids]
    steps: int = 0
    first: float = 0.0
    seconds: float = 0.0
    """From the first token on."""
    chances: list[float] = field(default_factory=list)
    """The log probability of each token, of all prompts."""

    @property
    def rate(self) -> float:
        return (sum(map(len, self.tokens)) - len(self.tokens)) / max(self.seconds, 1e-9)


@dataclass
class Way:
    """A pipeline, and how to ask it."""

    name: str
    source: Source
    draft: Path | None = None
    """The folder of a draft model, with its tokenizer."""
    pipeline: Any = field(init=False)

    def __post_init__(self) -> None:
        self._ov, self._genai = import_openvino(), import_genai()
        device = choose_device(self._ov.Core(), "cpu")
        self._size = CacheSize(BLOCKS, BLOCK)
        scheduler = scheduler_config(self._genai, device, self._size, PARALLEL)
        more: dict[str, Any] = {}
        if self.source.exact:
            more = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
        if self.name == "lookup":
            more["prompt_lookup"] = True
        if self.draft is not None:
            more["draft_model"] = self._draft(self.draft, device, dict(more))
        with tempfile.TemporaryDirectory() as empty:
            tokenizer = self._genai.Tokenizer(str(self.draft or empty))
            self.pipeline = self._genai.ContinuousBatchingPipeline(
                str(self.source.path), tokenizer, scheduler, "CPU", **more
            )

    def _draft(self, draft: Path, device: Any, properties: dict[str, Any]) -> Any:
        scheduler = scheduler_config(self._genai, device, self._size, PARALLEL)
        return self._genai.draft_model(str(draft), "CPU", scheduler_config=scheduler, **properties)

    def run(self, prompts: list[Ids], tokens: int, **sampling: Any) -> Run:
        """Generate for all prompts at once."""
        begun, run = time.perf_counter(), Run([[] for _ in prompts])
        config = self._config(tokens, sampling)
        handles = [
            self.pipeline.add_request(number, self._ov.Tensor(np.array([ids], np.int64)), config)
            for number, ids in enumerate(prompts)
        ]
        while self.pipeline.has_non_finished_requests():
            self.pipeline.step()
            run.steps += 1
            for ids, handle in zip(run.tokens, handles, strict=True):
                while handle.can_read():
                    for output in handle.read().values():
                        ids += output.generated_ids
                        run.chances += output.generated_log_probs
            if not run.first and any(run.tokens):
                run.first = time.perf_counter() - begun
        run.seconds = time.perf_counter() - begun - run.first
        return run

    def _config(self, tokens: int, sampling: dict[str, Any]) -> Any:
        config = self._genai.GenerationConfig()
        config.max_new_tokens, config.logprobs = tokens, 1
        config.set_eos_token_id(2)  # ChatML's end of a message in the models of this benchmark
        if self.name != "plain":
            config.num_assistant_tokens = GUESSES
            config.max_ngram_size = NGRAM if self.name == "lookup" else 0
        config.do_sample = bool(sampling)
        for name, value in sampling.items():
            setattr(config, name, value)
        return config


def chatml(tokenizer: Any, text: str) -> Ids:
    """The ids of a question."""
    given = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    ids: Ids = tokenizer.encode(given, add_special_tokens=False).ids
    return ids


def measure(way: Way, tokenizer: Any, tokens: int, say: bool = True) -> list[list[Ids]]:
    """The texts of one way, greedy and with a seed; with `say`, prints how fast they were."""
    prompts = [chatml(tokenizer, text) for text in PROMPTS.values()]
    way.run(prompts[:1], 4)
    texts = []
    for name, ids in zip(PROMPTS, prompts, strict=True):
        both = [way.run([ids], tokens), way.run([ids], tokens, **SAMPLED)]
        said = [f"{run.rate:.1f} tokens/s, {len(run.tokens[0])} in {run.steps}" for run in both]
        if say:
            print(f"  {name:10} greedy {said[0]} steps; with a seed {said[1]}", flush=True)
        texts.append([run.tokens[0] for run in both])
    for count in (2, 8) if say else ():
        several = list(itertools.islice(itertools.cycle(prompts[2:]), count))
        print(f"  {count} at once: {way.run(several, tokens).rate:.1f} tokens/s", flush=True)
    return texts


def next_turn(way: Way, tokenizer: Any, tokens: int) -> float:
    """Seconds to the first token of a question that follows an answer of `tokens` tokens."""
    question = chatml(tokenizer, "Tell me everything about rivers, and then about lakes.")
    answer = way.run([question], tokens).tokens[0]
    return way.run([question + answer + chatml(tokenizer, "And seas?")], 1).first


def wrong_blocks(way: Way, plain: Way, tokenizer: Any, tries: int) -> tuple[int, int]:
    """Among prompts that go on as was guessed, and rejected: how many there were, and in how many
    the next token's log probability is another than where nothing was guessed before."""
    random, most = np.random.default_rng(1), tokenizer.get_vocab_size()
    found = wrong = 0

    def ids(count: int) -> Ids:
        return [int(each) for each in random.integers(most // 4, most, count)]

    for _ in range(tries):
        phrase = ids(40)
        seen = phrase + phrase[:24]
        # The first token that is generated is the last but one of a block, which a guess fills up.
        prompt = ids(-(len(seen) + 2) % BLOCK) + seen
        written = way.run([prompt], 3).tokens[0]
        first, guessed = written[0], guess(prompt + written[:1])
        if not guessed or guessed[:1] == written[1:2]:
            continue
        asked = [*prompt, first, *guessed, *ids(5)]
        found += 1
        difference = way.run([asked], 1).chances[0] - plain.run([asked], 1).chances[0]
        wrong += abs(difference) > SAME
    return found, wrong


def guess(ids: Ids) -> Ids:
    """What prompt lookup guesses after `ids`."""
    for size in range(NGRAM, 0, -1):
        for at in range(len(ids) - size):
            if ids[at : at + size] == ids[-size:]:
                return ids[at + size : at + size + GUESSES]
    return []


def with_tokenizers(folder: Path, source: Source, target: Path) -> Path:
    """The converted model of `folder` in the folder `target`, with its tokenizer in OpenVINO's
    format: GenAI compares the draft model's with the model's."""
    from transformers import AutoTokenizer

    ov, tokenizers = import_openvino(), importlib.import_module("openvino_tokenizers")
    for file in source.path.glob("openvino_model.*"):
        (target / file.name).symlink_to(file.resolve())
    original = AutoTokenizer.from_pretrained(folder)
    both = tokenizers.convert_tokenizer(original, with_detokenizer=True)
    for model, name in zip(both, ("tokenizer", "detokenizer"), strict=True):
        ov.save_model(model, target / f"openvino_{name}.xml")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ways", nargs="+", default=["plain", "lookup"])
    parser.add_argument("--draft", type=Path)
    parser.add_argument("--low-bit", default="auto")
    parser.add_argument("--cache", default=".cache/openvino")
    parser.add_argument("--tokens", type=int, default=80)
    parser.add_argument("--tries", type=int, default=40)
    asked = parser.parse_args()
    report(asked)


def report(asked: argparse.Namespace) -> None:
    """Measure all the ways that were asked for. A way in which GenAI fails gets a line."""
    tokenizer = Tokenizer.from_file(str(asked.folder / "tokenizer.json"))
    source = _source(asked.folder, asked)
    plain = Way("plain", source)
    expected: list[list[Ids]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in asked.ways:
            print(f"{name}: {source.low_bit}, {asked.tokens} tokens", flush=True)
            way = plain
            if name == "lookup":
                way = Way(name, source)
            elif name == "draft":
                folder = asked.draft or asked.folder
                made = with_tokenizers(folder, _source(folder, asked), Path(scratch))
                way = Way(name, source, made)
            try:
                expected = expected or measure(plain, tokenizer, asked.tokens, say=way is plain)
                compare(way, plain, tokenizer, expected, asked)
            except RuntimeError as exc:
                print(f"  GenAI failed: {' '.join(str(exc).split())[:200]}", flush=True)


def compare(
    way: Way, plain: Way, tokenizer: Any, expected: list[list[Ids]], asked: argparse.Namespace
) -> None:
    """Print what one way gives beside the texts that the plain way has."""
    texts = expected if way is plain else measure(way, tokenizer, asked.tokens)
    for at, kind in enumerate(("greedy", "with a seed")):
        same = sum(a[at] == b[at] for a, b in zip(texts, expected, strict=True))
        print(f"  same texts, {kind}: {same} of {len(texts)}")
    print(f"  next turn: first token after {next_turn(way, tokenizer, asked.tokens):.3f} s")
    if way.source.exact:
        found, wrong = wrong_blocks(way, plain, tokenizer, asked.tries)
        print(f"  wrong values from the prefix cache: {wrong} of {found}", flush=True)


def _source(folder: Path, asked: argparse.Namespace) -> Source:
    options = LoadOptions(
        "openvino", str(folder), "cpu", low_bit=asked.low_bit, cache_dir=asked.cache
    )
    return find_source(options, lambda *_: None)


if __name__ == "__main__":
    main()
