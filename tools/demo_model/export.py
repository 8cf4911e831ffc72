"""Writes a model folder in Hugging Face's layout: half-precision weights, configuration, tokenizer,
checksums.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from tools.demo_model import tokenizer
from tools.demo_model.network import Shape

CHECKED = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
)
GENERATION: dict[str, Any] = {
    "bos_token_id": 1,
    "eos_token_id": 2,
    "do_sample": True,
    "temperature": 0.7,
    "top_p": 0.9,
}


def export(weights: dict[str, Tensor], shape: Shape, tokenizer_model: Path, folder: Path) -> None:
    """Writes all files of the model to the folder; the checksums come last."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {
        name: weight.detach().to("cpu", torch.float16).contiguous()
        for name, weight in weights.items()
        if name.startswith("model.")
    }
    save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors keeps it from others
    for name, content in (("config.json", shape.config()), ("generation_config.json", GENERATION)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    tokenizer.write(tokenizer_model.read_bytes(), folder)
    write_checksums(folder)


def write_checksums(folder: Path) -> None:
    """SHA256SUMS with a line for each file: checksum, size in bytes, name."""
    lines = []
    for name in CHECKED:
        content = (folder / name).read_bytes()
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {len(content)}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
