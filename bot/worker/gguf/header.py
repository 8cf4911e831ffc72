"""Reads the header of a GGUF file: its metadata, and which tensors it has. Never the weights.

Source of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. A file begins with
the magic number "GGUF", its version, the numbers of tensors and of metadata values; then come the
values (key, type, value), and the tensors (name, shape, type, offset). Versions 2 and 3 are read,
in little endian as nearly all files are.

Files come from strangers: every count and length is checked against what is left of the file and
against a limit before anything is allocated for it, and arrays of arrays are refused. A vocabulary
of 150,000 tokens takes 0.2 seconds; the package ``gguf`` needs 20 for it.
"""

import math
import os
import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

Value = str | int | float | bool | Sequence[bytes] | Sequence[int] | Sequence[float]
"""A metadata value. The elements of a list of texts are bytes, which are UTF-8 where a file is
well-formed; a text alone has U+FFFD for what is not."""

MAGIC = b"GGUF"
_VERSIONS = (2, 3)

_LONGEST_KEY = 1 << 16
_LONGEST_TEXT = 1 << 24
_MOST_VALUES = 1 << 16
_MOST_TENSORS = 1 << 18
_MOST_ELEMENTS = 1 << 21
"""Of an array: the largest vocabularies have 262,000 tokens and 515,000 merges."""
_LONGEST_HEADER = 256 << 20
"""Bytes of all metadata: gemma 4's, the largest known, has 16 MB."""
_MOST_DIMENSIONS = 8

_CHUNK = 1 << 20
_U64 = struct.Struct("<Q")
_STRING, _ARRAY = 8, 9
# fmt: off
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}
_ARRAY_CODES = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d",
}
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176),
    14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98),
    19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18), 42: (64, 18),
}
# fmt: on
"""By the number of a tensor's type: how many weights a block has, and how many bytes. Source:
``GGML_QUANT_SIZES`` in ggml-org/llama.cpp's gguf-py/gguf/constants.py."""


class NotGguf(ValueError):
    """The file is no GGUF file that can be read. ``str(error)`` says why, without the file's name
    and as a part of a sentence."""


class Truncated(NotGguf):
    """The file is shorter than its header says: its download was not finished."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor, as the header describes it."""

    name: str
    shape: tuple[int, ...]
    """The fastest changing dimension first."""
    type: int
    """The number of its quantization in ggml."""

    @property
    def weights(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)

    @property
    def size(self) -> int | None:
        """Bytes; None where this type is not known here."""
        if self.type not in _BLOCKS:
            return None
        weights, size = _BLOCKS[self.type]
        return -(-self.weights // weights) * size


@dataclass(frozen=True, slots=True)
class Header:
    """The header of one file."""

    version: int
    values: dict[str, Value]
    tensors: tuple[Tensor, ...]
    size: int
    """Bytes of the whole file."""


def read_header(path: Path) -> Header:
    """The header of the file `path`. Blocks for up to a second with the largest vocabularies.

    Raises OSError where the file cannot be read, and NotGguf where it is damaged, of another
    format or version, or shorter than its tensors (Truncated).
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return _Reader(file, size).header()


class _Reader:
    """Reads forward through the file, in chunks."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._data = b""
        self._at = 0
        """Of the next byte in `_data`."""
        self._read = 0
        """Bytes read from the file so far."""

    # ------------------------------------------------------------ the parts of the header

    def header(self) -> Header:
        version = self._version()
        tensors, values = self._u64(), self._u64()
        if values > _MOST_VALUES or tensors > _MOST_TENSORS:
            raise NotGguf(f"it names {values} values and {tensors} tensors")
        found: dict[str, Value] = {}
        for _ in range(values):
            key = self._text(_LONGEST_KEY)
            if key in found:
                raise NotGguf(f"it has the value {_shown(key)} twice")
            found[key] = self._value(self._number(4))
        infos = [self._tensor() for _ in range(tensors)]
        self._require_data(infos, found.get("general.alignment", 32))
        return Header(version, found, tuple(tensor for tensor, _ in infos), self._size)

    def _version(self) -> int:
        magic = self._take(4) if self._size >= 4 else b""
        if magic == b"vers":
            raise NotGguf("it is only a Git LFS pointer: run “git lfs pull” in its folder")
        if magic != MAGIC:
            raise NotGguf("it is not a GGUF file" if self._size else "it is empty")
        version = self._number(4)
        if version in _VERSIONS:
            return version
        if version and version & 0xFFFF == 0:
            raise NotGguf("it is big-endian, for another kind of computer")
        raise NotGguf(f"it has GGUF's version {version}, and versions 2 and 3 can be read")

    def _value(self, kind: int) -> Value:
        if kind == _STRING:
            return self._text(_LONGEST_TEXT)
        if kind == _ARRAY:
            return self._array(self._number(4), self._u64())
        if kind not in _SCALARS:
            raise NotGguf(f"it has a value of the unknown type {kind}")
        form = _SCALARS[kind]
        value: int | float | bool = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return value

    def _array(self, kind: int, count: int) -> Value:
        if kind != _STRING and kind not in _ARRAY_CODES:
            raise NotGguf(f"it has a list of the type {kind}, which no model has")
        if count > _MOST_ELEMENTS:
            raise NotGguf(f"it has a list of {count} values")
        if kind == _STRING:
            return self._strings(count)
        numbers = array(_ARRAY_CODES[kind])
        numbers.frombytes(self._take(count * numbers.itemsize))
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers

    def _strings(self, count: int) -> list[bytes]:
        strings: list[bytes] = []
        append, unpack = strings.append, _U64.unpack_from
        for _ in range(count):
            if len(self._data) - self._at < 8:
                self._fill(8)
            (length,) = unpack(self._data, self._at)
            self._at += 8
            if length > _LONGEST_TEXT:
                raise NotGguf(f"it has a text of {length} bytes")
            if len(self._data) - self._at < length:
                self._fill(length)
            append(self._data[self._at : self._at + length])
            self._at += length
        return strings

    def _tensor(self) -> tuple[Tensor, int]:
        name = self._text(_LONGEST_KEY)
        dimensions = self._number(4)
        if dimensions > _MOST_DIMENSIONS:
            raise NotGguf(f"its tensor {_shown(name)} has {dimensions} dimensions")
        shape = tuple(self._u64() for _ in range(dimensions))
        tensor = Tensor(name, shape, self._number(4))
        if tensor.weights >= 1 << 48:
            raise NotGguf(f"its tensor {_shown(name)} has {tensor.weights} weights")
        return tensor, self._u64()

    def _require_data(self, infos: Sequence[tuple[Tensor, int]], alignment: Value) -> None:
        """Raises Truncated where the file ends before the data of a tensor does."""
        if not infos:
            return
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            raise NotGguf("its general.alignment is wrong")
        here = self._read - len(self._data) + self._at
        start = -(-here // alignment) * alignment
        end = max(start + offset + (tensor.size or 1) for tensor, offset in infos)
        if end > self._size:
            raise Truncated(f"it has {self._size:,} of {end:,} bytes")

    # ------------------------------------------------------------ bytes

    def _text(self, longest: int) -> str:
        length = self._u64()
        if length > longest:
            raise NotGguf(f"it has a text of {length} bytes")
        return self._take(length).decode("utf-8", "replace")

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "little")

    def _u64(self) -> int:
        return self._number(8)

    def _take(self, count: int) -> bytes:
        if len(self._data) - self._at < count:
            self._fill(count)
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def _fill(self, count: int) -> None:
        """Read so that `count` bytes are in `_data`. Raises NotGguf where there are not as many."""
        self._require(count)
        rest = self._data[self._at :]
        more = self._file.read(max(_CHUNK, count - len(rest)))
        self._read += len(more)
        self._data, self._at = rest + more, 0
        if len(self._data) < count:
            raise Truncated("it ends in its header")
        if self._read > _LONGEST_HEADER + _CHUNK:
            raise NotGguf("its metadata has more than 256 MB")

    def _require(self, count: int) -> None:
        """Raises Truncated where fewer than `count` bytes are left in the file."""
        if count > self._size - self._read + len(self._data) - self._at:
            raise Truncated("it ends in its header")


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:60])
