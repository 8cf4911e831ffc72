"""Converts a Hugging Face Llama folder to OpenVINO's format (IR), quantized, without torch.

Weights are read, quantized and written a few rows at a time, so that memory use does not grow with
the model; the graph's constants are views of the written file.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.worker.backends.openvino.library import MODEL_FILE, import_openvino
from bot.worker.conversion.llama_config import SMALL_MODEL, LlamaConfig, read_config
from bot.worker.conversion.safetensors_file import Checkpoint
from bot.worker.conversion.weight_formats import F32, FORMATS, Part, WeightFormat
from bot.worker.protocol import LoadError, Progress

CHUNK = 16 * 1024 * 1024
"""Matrix elements that are read and encoded at a time."""

_SCRATCH = "weights.partial"
_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class _Stored:
    """Where one tensor lies in the scratch file."""

    rows: int
    format: WeightFormat
    parts: Mapping[str, tuple[Part, int]]
    """Name to part and offset of its first byte."""


def resolve_low_bit(low_bit: str, config: LlamaConfig) -> str:
    """The quantization for ``[model] low_bit`` with OpenVINO: what "auto" means for this model,
    else `low_bit` itself. Raises LoadError for an unknown name."""
    if low_bit == "auto":
        return "fp16" if config.parameters < SMALL_MODEL else "sym_int4"
    if low_bit not in FORMATS:
        known = ", ".join(f'"{name}"' for name in FORMATS)
        raise LoadError(
            f'[model] low_bit = "{low_bit}" is not for backend = "openvino": choose one of {known}'
        )
    return low_bit


def convert(source: Path, target: Path, low_bit: str, report: Progress) -> None:
    """Convert the model in the folder `source` into the empty folder `target`, with the
    quantization `low_bit` (a key of `FORMATS`). `report` gets bytes written and bytes in all.

    Raises LoadError where `source` is damaged or of an unsupported architecture, or the disk is too
    small; the contents of `target` are then undefined.
    """
    config = read_config(source)
    checkpoint = Checkpoint(source)
    plan, size = _plan(checkpoint, config, low_bit)
    _require_space(target, 2 * size)
    scratch = target / _SCRATCH
    _write(checkpoint, plan, scratch, size, report)
    _save(config, plan, scratch, target)
    scratch.unlink()


# ---------------------------------------------------------------- what goes where


def _plan(
    checkpoint: Checkpoint, config: LlamaConfig, low_bit: str
) -> tuple[dict[str, _Stored], int]:
    """Where each tensor goes in the scratch file, and the file's size in bytes. Raises LoadError
    where the checkpoint's shapes are not those of config.json."""
    plan: dict[str, _Stored] = {}
    end = 0
    for name, shape, weight_format in _tensors(checkpoint, config, low_bit):
        actual = checkpoint.location(name).shape
        if actual != shape:
            raise LoadError(
                f"{checkpoint.folder}: {name} has the shape {actual}, but config.json asks for "
                f"{shape}: the files are not of the same model; download it again"
            )
        rows, columns = (shape[0], shape[1]) if len(shape) == 2 else (1, shape[0])
        parts = {}
        for part_name, part in weight_format.parts(rows, columns).items():
            parts[part_name] = (part, end)
            end += -(-part.size // _ALIGNMENT) * _ALIGNMENT
        plan[name] = _Stored(rows, weight_format, parts)
    return plan, end


def _tensors(
    checkpoint: Checkpoint, config: LlamaConfig, low_bit: str
) -> Iterator[tuple[str, tuple[int, ...], WeightFormat]]:
    """Every tensor of the model: its Hugging Face name, its shape and its format. Vectors are
    stored as float32, which costs next to nothing."""
    layers, ends = FORMATS[low_bit]
    hidden, inner = config.hidden, config.inner
    queries, keys = config.heads * config.head_size, config.key_heads * config.head_size
    yield "model.embed_tokens.weight", (config.vocab, hidden), ends
    if not config.tied:
        yield "lm_head.weight", (config.vocab, hidden), ends
    yield "model.norm.weight", (hidden,), F32
    matrices = {
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    for layer in range(config.layers):
        at = f"model.layers.{layer}."
        yield at + "input_layernorm.weight", (hidden,), F32
        yield at + "post_attention_layernorm.weight", (hidden,), F32
        for name, shape in matrices.items():
            yield f"{at}{name}.weight", shape, layers
            if f"{at}{name}.bias" in checkpoint.locations:
                yield f"{at}{name}.bias", shape[:1], F32


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise LoadError(
            f"the converted model needs {needed / 1e9:.1f} GB in {folder.parent} during conversion "
            f"and only {free / 1e9:.1f} GB are free: make room, or set [model] "
            "cache_dir to another disk"
        )


# ---------------------------------------------------------------- weights


def _write(
    checkpoint: Checkpoint, plan: Mapping[str, _Stored], scratch: Path, size: int, report: Progress
) -> None:
    done, what = 0, "Converting the model"
    report(what, 0, size)
    with scratch.open("wb") as file:
        for name, stored in plan.items():
            _write_tensor(checkpoint, name, stored, file)
            done += sum(part.size for part, _ in stored.parts.values())
            report(what, min(done, size), size)
        file.truncate(size)


def _write_tensor(checkpoint: Checkpoint, name: str, stored: _Stored, file: Any) -> None:
    location = checkpoint.location(name)
    total = location.shape[0]
    vector = len(location.shape) == 1
    at_once = total if vector else max(2, CHUNK // location.row_size // 2 * 2)
    at = {part: start for part, (_, start) in stored.parts.items()}
    for start in range(0, total, at_once):
        rows = checkpoint.rows(name, start, min(total, start + at_once))
        encoded = stored.format.encode(rows[None, :] if vector else rows)
        for part, values in encoded.items():
            data = np.ascontiguousarray(values)
            file.seek(at[part])
            file.write(data.data)
            at[part] += data.nbytes


def _save(config: LlamaConfig, plan: Mapping[str, _Stored], scratch: Path, target: Path) -> None:
    ov = import_openvino()
    from bot.worker.conversion.llama_graph import Constants, LlamaGraph

    # Constants share this memory without holding it: it must live until the model is saved.
    data = np.memmap(scratch, np.uint8, mode="r")

    def constants(name: str) -> Constants:
        stored = plan.get(name)
        if stored is None:
            return {}
        found = {}
        for part, (kind, start) in stored.parts.items():
            shape = kind.shape[1:] if stored.rows == 1 and part == "weight" else kind.shape
            view = data[start : start + kind.size]
            tensor = ov.Tensor(view, ov.Shape(list(shape)), getattr(ov.Type, kind.type))
            found[part] = ov.op.Constant(tensor, shared_memory=True)
        return found

    model = LlamaGraph(config, constants).build()
    try:
        ov.save_model(model, target / MODEL_FILE, compress_to_fp16=False)
        # Fails where the disk filled up during saving: the file must hold every constant.
        ov.Core().read_model(target / MODEL_FILE)
    except RuntimeError as exc:
        raise LoadError(f"the converted model could not be written to {target.parent}") from exc
