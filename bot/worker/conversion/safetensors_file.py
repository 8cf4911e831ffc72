"""Reads a checkpoint of safetensors files, a few rows at a time. Needs numpy alone.

The format (https://github.com/huggingface/safetensors): eight bytes with the header's length,
little-endian; the header, a JSON object of tensor names to dtype, shape and byte range (counted
from the end of the header); the tensors' bytes. A model is one file, or several with an index that
maps tensors to files.
"""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.worker.protocol import LoadError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_FILE_NAME = re.compile(r"[\w.-]{1,200}")
_SIZES = {"F32": 4, "F16": 2, "BF16": 2}
_MAX_HEADER = 100_000_000
"""Bytes; the format's limit."""


@dataclass(frozen=True, slots=True)
class TensorLocation:
    """Where a tensor's bytes are."""

    file: Path
    dtype: str
    """The format's name: F32, F16, BF16, or another one that `Checkpoint` does not read."""
    shape: tuple[int, ...]
    start: int
    """Offset of the first byte in the file."""

    @property
    def row_size(self) -> int:
        """Elements in one row; each element of a vector is a row."""
        return prod(self.shape[1:])


class Checkpoint:
    """The weights in a model's folder. Opens a file for each read and keeps none open."""

    def __init__(self, folder: Path) -> None:
        """Read the headers of all files. Raises LoadError where a file is missing, damaged or
        truncated."""
        self.folder = folder
        self.files = weight_files(folder)
        locations: dict[str, TensorLocation] = {}
        for file in self.files:
            locations |= _read_header(file)
        self.locations: Mapping[str, TensorLocation] = locations

    def location(self, name: str) -> TensorLocation:
        """Where the tensor `name` is. Raises LoadError where it is missing, or not of a float type
        (as in models that are quantized already)."""
        found = self.locations.get(name)
        if found is None:
            raise LoadError(
                f"{self.folder} lacks the tensor {name}: it is damaged or not of the architecture "
                "that config.json names; download it again"
            )
        if found.dtype not in _SIZES:
            raise LoadError(
                f"{found.file} holds {name} as {_shown(found.dtype)}: only models in F32, F16 or "
                "BF16 can be converted; use the original model, which [model] low_bit quantizes"
            )
        return found

    def rows(self, name: str, start: int, stop: int) -> npt.NDArray[np.floating[Any]]:
        """The rows `start` to `stop` of a tensor, [stop - start, …], in the file's precision; BF16
        as float32, which represents it exactly. Raises LoadError where the file cannot be read."""
        location = self.location(name)
        stored = np.uint16 if location.dtype == "BF16" else np.float16
        dtype = np.dtype(np.float32 if location.dtype == "F32" else stored).newbyteorder("<")
        count = (stop - start) * location.row_size
        offset = location.start + start * location.row_size * dtype.itemsize
        try:
            values = np.fromfile(location.file, dtype, count, offset=offset)
        except OSError as exc:
            raise LoadError(f"{location.file} cannot be read: {exc.strerror}") from exc
        if location.dtype == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        rows: npt.NDArray[np.floating[Any]] = values.reshape(stop - start, *location.shape[1:])
        return rows


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model, in order. Raises LoadError where one is missing, the index
    is damaged, or there is none."""
    if (folder / INDEX).is_file():
        index = _json((folder / INDEX).read_bytes(), folder / INDEX)
        files = [folder / name for name in _named_files(index, folder / INDEX)]
    elif (folder / SINGLE).is_file():
        files = [folder / SINGLE]
    else:
        files = sorted(folder.glob("*.safetensors"))
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise LoadError(f"{missing} is missing: download the model again")
    if not files:
        raise LoadError(f"{folder} holds no weights: {_what_is_there(folder)}")
    return files


def _named_files(index: dict[str, Any], file: Path) -> list[str]:
    """The names of the files in an index, in order: no path, so that none leads elsewhere."""
    named = index.get("weight_map")
    names = set(map(str, named.values())) if isinstance(named, dict) else {""}
    if not all(_FILE_NAME.fullmatch(name) for name in names):
        raise _damaged(file, "it does not name the files of the weights")
    return sorted(names)


def _what_is_there(folder: Path) -> str:
    if any(folder.glob("*.bin")) or any(folder.glob("*.pth")):
        return "only PyTorch's .bin files, which Parley does not read; use *.safetensors"
    if any(folder.glob("*.gguf")):
        return "only a GGUF file, which this backend does not read; use the Hugging Face model"
    return "no *.safetensors file is there; download the model again"


def _read_header(file: Path) -> dict[str, TensorLocation]:
    """The locations of the tensors in one file, by name. Raises LoadError."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            if start.startswith(b"version "):
                raise LoadError(f"{file} is only a Git LFS pointer: run git lfs pull")
            (length,) = struct.unpack("<Q", start) if len(start) == 8 else (size,)
            if length > min(size - 8, _MAX_HEADER):
                raise _damaged(file, "its header is truncated")
            header = _json(stream.read(length), file)
    except OSError as exc:
        raise LoadError(f"{file} cannot be read: {exc.strerror or exc}") from exc
    header.pop("__metadata__", None)
    return {name: _location(file, name, entry, 8 + length, size) for name, entry in header.items()}


def _location(file: Path, name: str, entry: Any, data: int, size: int) -> TensorLocation:
    try:
        dtype, shape = str(entry["dtype"]), tuple(int(n) for n in entry["shape"])
        begin, end = (int(n) for n in entry["data_offsets"])
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise _damaged(file, f"its entry for {_shown(name)} is invalid") from exc
    expected = prod(shape) * _SIZES.get(dtype, 0)
    if (
        begin < 0
        or end < begin
        or min(shape, default=0) < 0
        or (dtype in _SIZES and end - begin != expected)
    ):
        raise _damaged(file, f"its entry for {_shown(name)} is invalid")
    if data + end > size:
        raise _damaged(file, f"it ends before {_shown(name)} does")
    return TensorLocation(file, dtype, shape, data + begin)


def _json(data: bytes, file: Path) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise _damaged(file, "it is not JSON") from exc
    if not isinstance(value, dict):
        raise _damaged(file, "it is not a JSON object")
    return value


def _shown(name: str) -> str:
    """A name from a file in a line of text: what cannot be printed is escaped."""
    return (name if name.isprintable() else repr(name))[:100]


def _damaged(file: Path, how: str) -> LoadError:
    return LoadError(f"{file} is damaged ({how}): download it again")


def identity(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size in bytes and modification time in nanoseconds of each file that a conversion
    reads; also of a model in OpenVINO's format. Folders with equal identities hold the same model.
    Raises LoadError where there are no weights."""
    exported = sorted(folder.glob("openvino_*model.bin"))
    files = [*(exported or weight_files(folder)), folder / "config.json"]
    stats = [(file, file.stat()) for file in files if file.exists()]
    return [(file.name, stat.st_size, stat.st_mtime_ns) for file, stat in stats]
