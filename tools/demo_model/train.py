"""Trains the demonstration model: `python -m tools.demo_model.train FOLDER --tokenizer FOLDER`.

Worker processes make the corpus shard by shard while the network trains on it, each shard once;
the order is that of the shards, so that a seed gives the same run (up to the arithmetic of the
GPU). What is written to FOLDER is a complete model in Hugging Face's layout.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from tools.demo_model import corpus
from tools.demo_model.export import export
from tools.demo_model.network import Network, Shape, block_mask, dense_mask
from tools.demo_model.optimiser import Muon

READ_WEIGHT = 0.05  # what only has to be read teaches a little grammar, no more
_ADAM = 0.15  # of Muon's rate, for the embedding and the norms
_worker: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast."""

    steps: int
    rows: int
    shard_rows: int
    seed: int
    rate: float
    length: int
    focus: bool = False
    seconds: float = 0.0
    warm_up: int = 150
    decay_share: float = 0.55
    report: int = 100

    def factor(self, step: int, done: float) -> float:
        """Of the rate, at a step with `done` of the run behind it: up in the warm-up, then flat,
        then straight down to (almost) nothing."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        return max(0.005, min(1.0, (1.0 - done) / self.decay_share))

    def done(self, step: int, seconds: float) -> float:
        """The part of the run that is behind: of its steps, or of its time where that is more."""
        return max(step / self.steps, seconds / self.seconds if self.seconds else 0.0)


def _start_worker(tokenizer_path: Path) -> None:
    os.nice(10)  # the corpus is made faster than it is read; compiling the network comes first
    _worker["processor"] = corpus.load_tokenizer(tokenizer_path)


def _make(job: tuple[Plan, int]) -> corpus.Shard:
    plan, index = job
    return corpus.shard(
        _worker["processor"], plan.seed, index, plan.shard_rows, plan.length, focus=plan.focus
    )


def batches(
    plan: Plan, model: Path, workers: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Tokens, targets, weights and documents for each step, in the order of the shards."""
    shards = -(-plan.steps * plan.rows // plan.shard_rows)
    with multiprocessing.get_context("spawn").Pool(workers, _start_worker, (model,)) as pool:
        # No further ahead than this, so that making the corpus leaves the training its processors.
        ahead = 2 * workers
        waiting = deque(pool.apply_async(_make, ((plan, n),)) for n in range(min(ahead, shards)))
        for index in range(shards):
            shard = waiting.popleft().get()
            if index + ahead < shards:
                waiting.append(pool.apply_async(_make, ((plan, index + ahead),)))
            for at in range(0, plan.shard_rows, plan.rows):
                part = slice(at, at + plan.rows)
                yield _batch(shard.tokens[part], shard.documents[part], shard.weights[part], device)


def _batch(
    tokens: np.ndarray[Any, Any],
    documents: np.ndarray[Any, Any],
    weights: np.ndarray[Any, Any],
    device: torch.device,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    value = np.array([0.0, READ_WEIGHT, 1.0], np.float32)[weights]
    targets = np.roll(tokens, -1, axis=1)
    following = np.roll(value, -1, axis=1)
    following[:, :-1] *= documents[:, 1:] == documents[:, :-1]
    following[:, -1] = 0.0

    def there(array: np.ndarray[Any, Any]) -> Tensor:
        tensor = torch.from_numpy(array)
        return (
            tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
        )

    return (
        there(tokens.astype(np.int64)),
        there(targets.astype(np.int64)),
        there(following),
        there(documents.astype(np.int32)),
    )


def train(
    plan: Plan, shape: Shape, model: Path, folder: Path, workers: int, weights_from: Path | None
) -> dict[str, Any]:
    """Trains and writes the model; returns what is worth reporting."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(plan.seed)
    torch.set_float32_matmul_precision("high")
    network = Network(shape).to(device)
    if weights_from is not None:
        network.load_state_dict(load_file(weights_from / "model.safetensors"))
    matrices = [w for n, w in network.named_parameters() if w.ndim == 2 and "embed" not in n]
    others = [w for n, w in network.named_parameters() if w.ndim == 1 or "embed" in n]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(
        others, lr=_ADAM * plan.rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
    )
    cuda = device.type == "cuda"
    loss_of: Any = torch.compile(network.loss, dynamic=False) if cuda else network.loss
    mask_of: Any = torch.compile(block_mask, dynamic=False) if cuda else dense_mask
    began = time.monotonic()
    log: list[tuple[int, float]] = []
    steps = 0
    for step, (tokens, targets, weights, documents) in enumerate(
        batches(plan, model, workers, device)
    ):
        done = plan.done(step, time.monotonic() - began)
        if done >= 1.0:
            break
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            loss = loss_of(tokens, targets, weights, mask_of(documents))
        loss.backward()
        factor = plan.factor(step, done)
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        muon.step(plan.rate * factor)
        for group in adam.param_groups:
            group["lr"] = _ADAM * plan.rate * factor
        adam.step()
        network.zero_grad(set_to_none=True)
        if step % plan.report == 0:
            log.append((step, round(loss.item(), 4)))
            seconds = time.monotonic() - began
            print(f"step {step}  loss {log[-1][1]:.4f}  {seconds:.0f} s", flush=True)
        if step % (20 * plan.report) == 20 * plan.report - 1:
            export(network.state_dict(), shape, model, folder)
        steps += 1
    export(network.state_dict(), shape, model, folder)
    return {
        "seconds": round(time.monotonic() - began, 1),
        "steps": steps,
        "tokens": steps * plan.rows * plan.length,
        "parameters": sum(w.numel() for w in network.parameters()),
        "seed": plan.seed,
        "loss": log,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of tokenizer.model")
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="end after so long, with fewer steps"
    )
    parser.add_argument("--rows", type=int, default=32, help="rows in a step")
    parser.add_argument("--shard-rows", type=int, default=256)
    parser.add_argument("--layers", type=int, default=Shape().layers)
    parser.add_argument("--heads", type=int, default=Shape().heads)
    parser.add_argument("--inner", type=int, default=Shape().inner)
    parser.add_argument("--context", type=int, default=Shape().context)
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--length", type=int, default=0, help="of a row; 0 is the context")
    parser.add_argument(
        "--from", type=Path, dest="weights_from", help="folder of a model to go on from"
    )
    parser.add_argument(
        "--focus", action="store_true", help="short conversations about the hard things"
    )
    parser.add_argument("--warm-up", type=int, default=150)
    parser.add_argument(
        "--decay-share", type=float, default=0.55, help="part of the steps that slows down"
    )
    parser.add_argument("--report", type=int, default=100, help="steps between two lines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=10)
    options = parser.parse_args()
    model = options.tokenizer / "tokenizer.model"
    shape = Shape(
        vocabulary=corpus.load_tokenizer(model).get_piece_size(),
        layers=options.layers,
        heads=options.heads,
        inner=options.inner,
        context=options.context,
    )
    plan = Plan(
        steps=options.steps,
        rows=options.rows,
        shard_rows=options.shard_rows,
        seed=options.seed,
        rate=options.rate,
        length=options.length or options.context,
        focus=options.focus,
        seconds=options.seconds,
        warm_up=options.warm_up,
        decay_share=options.decay_share,
        report=options.report,
    )
    options.folder.mkdir(parents=True, exist_ok=True)
    report = train(plan, shape, model, options.folder, options.workers, options.weights_from)
    (options.folder / "training.json").write_text(json.dumps(report) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
