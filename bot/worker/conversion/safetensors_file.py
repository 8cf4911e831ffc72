"""Reads safetensors files a few rows at a time.

The format (https://github.com/huggingface/safetensors): eight bytes with the header's length,
little-endian; the header, a JSON object from tensor names to dtype, shape and the range of bytes
after the header; the tensors' bytes. A model is one file, or several and an index that says which
tensor is where. Needs numpy alone.
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
"""Bytes: the format's own limit."""


@dataclass(frozen=True, slots=True)
class TensorPlace:
    """Where a tensor's bytes are. ``dtype`` is the format's name: F32, F16 or BF16."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int

    @property
    def row_size(self) -> int:
        """Elements in one row; a vector is one row for each element."""
        return prod(self.shape[1:])


class Checkpoint:
    """The weights of a model's folder."""

    def __init__(self, folder: Path) -> None:
        """Reads the headers of all files and checks that the files are whole. Raises LoadError."""
        self.folder = folder
        self.files = weight_files(folder)
        places: dict[str, TensorPlace] = {}
        for file in self.files:
            places |= _read_header(file)
        self.places: Mapping[str, TensorPlace] = places

    def place(self, name: str) -> TensorPlace:
        """Raises LoadError where there is no such tensor, or one of a type that is no float."""
        found = self.places.get(name)
        if found is None:
            raise LoadError(
                f"{self.folder} lacks the tensor {name}: it is damaged or no Llama model; "
                "download it again"
            )
        if found.dtype not in _SIZES:
            raise LoadError(
                f"{found.file} holds {name} as {_shown(found.dtype)}: only models in F32, F16 or "
                "BF16 can be converted; take the original model, low_bit makes it small"
            )
        return found

    def rows(self, name: str, start: int, stop: int) -> npt.NDArray[np.floating[Any]]:
        """Rows of a tensor in the file's precision, BF16 as float32 (which holds it exactly)."""
        place = self.place(name)
        stored = np.uint16 if place.dtype == "BF16" else np.float16
        dtype = np.dtype(np.float32 if place.dtype == "F32" else stored).newbyteorder("<")
        count = (stop - start) * place.row_size
        offset = place.start + start * place.row_size * dtype.itemsize
        try:
            values = np.fromfile(place.file, dtype, count, offset=offset)
        except OSError as exc:
            raise LoadError(f"{place.file} cannot be read: {exc.strerror}") from exc
        if place.dtype == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        rows: npt.NDArray[np.floating[Any]] = values.reshape(stop - start, *place.shape[1:])
        return rows


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model, in order. Raises LoadError where one is missing."""
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
        return "only PyTorch's .bin files, which Parley does not open; take *.safetensors"
    if any(folder.glob("*.gguf")):
        return "a GGUF file is not a model's folder; take the Hugging Face model"
    return "no *.safetensors file is there; download the model again"


def _read_header(file: Path) -> dict[str, TensorPlace]:
    """The tensors in one file, by name."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            if start.startswith(b"version "):
                raise LoadError(f"{file} is only a Git LFS pointer: run git lfs pull")
            (length,) = struct.unpack("<Q", start) if len(start) == 8 else (size,)
            if length > min(size - 8, _MAX_HEADER):
                raise _damaged(file, "its header is cut off")
            header = _json(stream.read(length), file)
    except OSError as exc:
        raise LoadError(f"{file} cannot be read: {exc.strerror or exc}") from exc
    header.pop("__metadata__", None)
    return {name: _place(file, name, entry, 8 + length, size) for name, entry in header.items()}


def _place(file: Path, name: str, entry: Any, data: int, size: int) -> TensorPlace:
    try:
        dtype, shape = str(entry["dtype"]), tuple(int(n) for n in entry["shape"])
        begin, end = (int(n) for n in entry["data_offsets"])
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise _damaged(file, f"its entry for {_shown(name)} makes no sense") from exc
    expected = prod(shape) * _SIZES.get(dtype, 0)
    if (
        begin < 0
        or end < begin
        or min(shape, default=0) < 0
        or (dtype in _SIZES and end - begin != expected)
    ):
        raise _damaged(file, f"its entry for {_shown(name)} makes no sense")
    if data + end > size:
        raise _damaged(file, f"it ends before {_shown(name)} does")
    return TensorPlace(file, dtype, shape, data + begin)


def _json(data: bytes, file: Path) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise _damaged(file, "it holds no JSON where JSON should be") from exc
    if not isinstance(value, dict):
        raise _damaged(file, "it holds no JSON object where one should be")
    return value


def _shown(name: str) -> str:
    """A name from a file in a line of text: what cannot be printed is escaped."""
    return (name if name.isprintable() else repr(name))[:100]


def _damaged(file: Path, how: str) -> LoadError:
    return LoadError(f"{file} is damaged ({how}): download it again")


def identity(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of each file that a conversion reads: two folders with the
    same are taken for the same model."""
    files = [*weight_files(folder), folder / "config.json"]
    stats = [(file, file.stat()) for file in files if file.exists()]
    return [(file.name, stat.st_size, stat.st_mtime_ns) for file, stat in stats]
