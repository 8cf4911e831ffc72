"""A header from a stranger is read within bounds, or refused; the weights are never touched."""

import struct
import tracemalloc
from pathlib import Path

import pytest

from bot.worker.gguf.header import NotGguf, Truncated, read_header

U8, I8, U32, F32, BOOL, TEXT, ARRAY, U64 = 0, 1, 4, 6, 7, 8, 9, 10


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def value(key: str, kind: int, data: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + data


def listed(kind: int, count: int, data: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + data


def tensor(name: str, shape: list[int], kind: int = 0, offset: int = 0) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, offset)


def file(
    values: list[bytes], tensors: list[bytes] | None = None, *, version: int = 3, data: int = 0
) -> bytes:
    tensors = tensors or []
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values))
    body = head + b"".join([*values, *tensors])
    return body + bytes(-len(body) % 32 + data)


def read(tmp_path: Path, data: bytes) -> object:
    (tmp_path / "a.gguf").write_bytes(data)
    return read_header(tmp_path / "a.gguf")


@pytest.mark.parametrize("version", [2, 3])
def test_values_of_every_type_are_read(tmp_path: Path, version: int) -> None:
    numbers = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 10: "<Q", 11: "<q"}
    floats = {6: "<f", 12: "<d"}
    values = [value(f"n{kind}", kind, struct.pack(form, 7)) for kind, form in numbers.items()]
    values += [value(f"n{kind}", kind, struct.pack(form, 0.5)) for kind, form in floats.items()]
    values += [
        value("yes", BOOL, b"\1"),
        value("text", TEXT, text("Grüße")),
        value("texts", ARRAY, listed(TEXT, 2, text("a") + text(b"\xff"))),
        value("bytes", ARRAY, listed(U8, 3, b"\1\2\3")),
        value("floats", ARRAY, listed(F32, 2, struct.pack("<2f", 0.5, -1.0))),
        value("none", ARRAY, listed(TEXT, 0)),
    ]
    (tmp_path / "a.gguf").write_bytes(file(values, version=version))
    found = read_header(tmp_path / "a.gguf")
    assert found.version == version
    assert [found.values[f"n{kind}"] for kind in numbers] == [7] * len(numbers)
    assert [found.values[f"n{kind}"] for kind in floats] == [0.5, 0.5]
    assert found.values["yes"] is True
    assert found.values["text"] == "Grüße"
    assert found.values["texts"] == [b"a", b"\xff"]
    assert list(found.values["bytes"]) == [1, 2, 3]  # type: ignore[arg-type]
    assert list(found.values["floats"]) == [0.5, -1.0]  # type: ignore[arg-type]
    assert found.values["none"] == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b"GG", "it is not a GGUF file"),
        (b"\x89PNG....", "it is not a GGUF file"),
        (b"ggjt" + bytes(100), "it is not a GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "only a Git LFS pointer"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "it is big-endian"),
        (file([], version=1), "it has GGUF's version 1, and versions 2 and 3 can be read"),
        (file([], version=4), "version 4"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63), "it names 9223372036854775808 values"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0), "and 9223372036854775808 tensors"),
        (file([value("a", 13, b"")]), "a value of the unknown type 13"),
        (file([value("a", ARRAY, listed(ARRAY, 1, listed(U8, 0)))]), "a list of the type 9"),
        (file([value("a", ARRAY, listed(99, 1))]), "a list of the type 99"),
        (file([value("a", ARRAY, listed(U8, 2**40))]), "a list of 1099511627776 values"),
        (file([value("a", TEXT, struct.pack("<Q", 2**62))]), "a text of 4611686018427387904 bytes"),
        (file([value("a", BOOL, b"\0")] * 2), "it has the value a twice"),
        (file([value("general.alignment", U32, bytes(4))], [tensor("t", [1])]), "alignment"),
        (file([], [tensor("t\n", [1] * 9)]), r"its tensor t\? has 9 dimensions"),
        (file([], [tensor("t", [2**40, 2**40])]), "weights"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, data: bytes, said: str
) -> None:
    with pytest.raises(NotGguf, match=said) as caught:
        read(tmp_path, data)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_ends_in_its_header_or_its_tensors_is_cut_off(tmp_path: Path) -> None:
    values = [value("a", ARRAY, listed(TEXT, 3, text("x") * 3)), value("b", U64, bytes(8))]
    whole = file(values, [tensor("t", [8, 4], offset=32)], data=32 + 8 * 4 * 4)
    assert read(tmp_path, whole)
    for size in range(24, len(whole), 7):
        with pytest.raises(Truncated):
            read(tmp_path, whole[:size])


def test_counts_that_the_file_cannot_hold_allocate_nothing(tmp_path: Path) -> None:
    hostile = [
        file([value("a", ARRAY, listed(TEXT, 1 << 21))]),
        file([value("a", ARRAY, listed(U64, 1 << 21))]),
        file([value("a", TEXT, struct.pack("<Q", 1 << 24))]),
        b"GGUF" + struct.pack("<IQQ", 3, 1 << 18, 1 << 16),
    ]
    tracemalloc.start()
    try:
        for data in hostile:
            with pytest.raises(NotGguf):
                read(tmp_path, data)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_long_texts_cross_the_chunks_that_are_read(tmp_path: Path) -> None:
    long = [b"a" * 700_000, b"b" * 1_500_000, b"", b"c" * 300_000] * 2
    data = file([value("t", ARRAY, listed(TEXT, 8, b"".join(map(text, long))))])
    (tmp_path / "a.gguf").write_bytes(data)
    assert read_header(tmp_path / "a.gguf").values["t"] == long


def test_the_size_of_a_tensor_follows_from_its_type(tmp_path: Path) -> None:
    types = {0: 256 * 4, 1: 512, 2: 8 * 18, 8: 8 * 34, 12: 144, 14: 210, 39: 8 * 17}
    tensors = [tensor(f"t{kind}", [256], kind) for kind in types] + [tensor("new", [256], 999)]
    (tmp_path / "a.gguf").write_bytes(file([], tensors, data=2048))
    found = read_header(tmp_path / "a.gguf").tensors
    assert [each.size for each in found] == [*types.values(), None]
