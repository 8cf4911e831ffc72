"""Converts a Hugging Face folder to OpenVINO's format (IR), quantized, without torch.

Weights are read, quantized and written a few rows at a time, so that memory use does not grow with
the model; the graph's constants are views of the written file.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.worker.backends.openvino.library import MODEL_FILE, import_openvino
from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.decoder_config import SMALL_MODEL, DecoderConfig
from bot.worker.conversion.decoder_tensors import (
    Role,
    TensorSpec,
    decoder_tensors,
    text_tensors,
    unknown_tensors,
)
from bot.worker.conversion.safetensors_file import Checkpoint
from bot.worker.conversion.weight_formats import F32, FORMATS, Part, WeightFormat
from bot.worker.protocol import LoadError, Progress

CHUNK = 16 * 1024 * 1024
"""Matrix elements that are read and encoded at a time."""

TINY_MODEL = 200_000_000
"""The number of weights below which "auto" means 16 bits: fewer would save no memory that
matters."""

_SCRATCH = "weights.partial"
_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class _Stored:
    """Where one tensor lies in the scratch file."""

    spec: TensorSpec
    format: WeightFormat
    parts: Mapping[str, tuple[Part, int]]
    """Name to part and offset of its first byte."""


def resolve_low_bit(low_bit: str, config: DecoderConfig) -> str:
    """The quantization for ``[model] low_bit`` with OpenVINO: what "auto" means for this model,
    else `low_bit` itself. Raises LoadError for an unknown name."""
    return low_bit_for(low_bit, config.parameters)


def low_bit_for(low_bit: str, parameters: int) -> str:
    """The same for a model with so many weights."""
    if low_bit == "auto":
        if parameters < TINY_MODEL:
            return "fp16"
        return "sym_int8" if parameters < SMALL_MODEL else "sym_int4"
    if low_bit not in FORMATS:
        known = ", ".join(f'"{name}"' for name in FORMATS)
        raise LoadError(
            f'[model] low_bit = "{low_bit}" is not for backend = "openvino": choose one of {known}'
        )
    return low_bit


def convert(
    source: Path,
    target: Path,
    low_bit: str,
    report: Progress,
    context: int = 0,
    memory: int | None = None,
) -> None:
    """Convert the model in the folder `source` into the empty folder `target`, with the
    quantization `low_bit` (a key of `FORMATS`), for a context window of `context` tokens, which
    matters to LongRoPE alone. `report` gets bytes written and bytes in all. `memory` is in bytes
    what the device has for the model, used by others or not; None where it is not known.

    Raises LoadError where `source` is damaged or of an unsupported architecture, or where memory or
    disk are too small; the contents of `target` are then undefined.
    """
    config = read_config(source).at(context)
    checkpoint = Checkpoint(source)
    checkpoint.locations = text_tensors(checkpoint.locations)
    plan, size = _plan(checkpoint, config, low_bit)
    _require_memory(source, size, memory)
    _require_space(target, 2 * size)
    scratch = target / _SCRATCH
    _write(checkpoint, plan, scratch, size, report)
    _save(config, plan, scratch, target)
    scratch.unlink()


# ---------------------------------------------------------------- what goes where


def _plan(
    checkpoint: Checkpoint, config: DecoderConfig, low_bit: str
) -> tuple[dict[str, _Stored], int]:
    """Where each tensor goes in the scratch file, and the file's size in bytes. Raises LoadError
    where the checkpoint's tensors are not those of config.json."""
    if unknown := unknown_tensors(config, checkpoint.locations):
        raise LoadError(
            f"{checkpoint.folder}: a model of type {config.model_type} has no tensor "
            f"{unknown[0]:.100}: its files do not belong together; download it again"
        )
    plan: dict[str, _Stored] = {}
    end = 0
    for spec in decoder_tensors(config):
        actual = checkpoint.location(spec.source).shape
        if actual != spec.source_shape:
            raise LoadError(
                f"{checkpoint.folder}: {spec.source} has the shape {actual}, but config.json asks "
                f"for {spec.source_shape}: the files are not of the same model; download it again"
            )
        weight_format = _format(spec, low_bit)
        rows, columns = spec.shape if len(spec.shape) == 2 else (1, spec.shape[0])
        parts = {}
        for part_name, part in weight_format.parts(rows, columns).items():
            parts[part_name] = (part, end)
            end += -(-part.size // _ALIGNMENT) * _ALIGNMENT
        plan[spec.name] = _Stored(spec, weight_format, parts)
    return plan, end


def _format(spec: TensorSpec, low_bit: str) -> WeightFormat:
    """Vectors are stored as float32, which costs next to nothing."""
    layers, ends = FORMATS[low_bit]
    return {Role.LAYER: layers, Role.END: ends, Role.VECTOR: F32}[spec.role]


def _require_memory(source: Path, needed: int, memory: int | None) -> None:
    """Minutes are not spent on what could not be loaded afterwards."""
    if memory is not None and memory < needed:
        raise LoadError(
            f"{source.name} would need {needed / 1e9:.1f} GB of memory, and the device has "
            f"{memory / 1e9:.1f} GB in all: choose stronger quantization ([model] low_bit), or a "
            "smaller model (parley model recommend names some that fit)"
        )


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
        for stored in plan.values():
            _write_tensor(checkpoint, stored, file)
            done += sum(part.size for part, _ in stored.parts.values())
            report(what, min(done, size), size)
        file.truncate(size)


def _write_tensor(checkpoint: Checkpoint, stored: _Stored, file: Any) -> None:
    spec = stored.spec
    vector, total = len(spec.shape) == 1, spec.shape[0]
    block = len(spec.order) or 2  # two rows of 4 bits may share a byte
    at_once = total if vector else max(block, CHUNK // spec.shape[1] // block * block)
    at = {part: start for part, (_, start) in stored.parts.items()}
    for start in range(0, total, at_once):
        stop = min(total, start + at_once)
        rows = checkpoint.rows(spec.source, spec.start + start, spec.start + stop)
        if spec.order:
            rows = rows.reshape(-1, block, *rows.shape[1:])[:, spec.order].reshape(rows.shape)
        encoded = stored.format.encode(rows[None, :] if vector else rows)
        for part, values in encoded.items():
            data = np.ascontiguousarray(values)
            file.seek(at[part])
            file.write(data.data)
            at[part] += data.nbytes


def _save(config: DecoderConfig, plan: Mapping[str, _Stored], scratch: Path, target: Path) -> None:
    ov = import_openvino()
    from bot.worker.conversion.decoder_graph import Constants, DecoderGraph

    # Constants share this memory without holding it: it must live until the model is saved.
    data = np.memmap(scratch, np.uint8, mode="r")

    def constants(name: str) -> Constants:
        stored = plan.get(name)
        if stored is None:
            return {}
        found = {}
        for part, (kind, start) in stored.parts.items():
            shape = kind.shape[1:] if len(stored.spec.shape) == 1 else kind.shape
            view = data[start : start + kind.size]
            tensor = ov.Tensor(view, ov.Shape(list(shape)), getattr(ov.Type, kind.type))
            found[part] = ov.op.Constant(tensor, shared_memory=True)
        return found

    model = DecoderGraph(config, constants).build()
    try:
        ov.save_model(model, target / MODEL_FILE, compress_to_fp16=False)
        # Fails where the disk filled up during saving: the file must hold every constant.
        ov.Core().read_model(target / MODEL_FILE)
    except RuntimeError as exc:
        raise LoadError(f"the converted model could not be written to {target.parent}") from exc
