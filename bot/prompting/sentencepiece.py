"""Reads a SentencePiece ``tokenizer.model`` without the sentencepiece library.

The file is one protobuf message: ModelProto in google/sentencepiece's
``src/sentencepiece_model.proto``. Only the fields that affect tokenization are read.
`tokenizer_spec` converts it to the content of a ``tokenizer.json`` for the tokenizers library,
which then gives the same ids as sentencepiece for every text; the tests compare the two.
"""

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

SPACE = "▁"
"""How SentencePiece writes a space: U+2581."""

_UNIGRAM, _BPE = 1, 2


class PieceType(IntEnum):
    """ModelProto.SentencePiece.Type."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """One token of the vocabulary; its id is its index in the list."""

    text: str
    score: float
    type: PieceType


@dataclass(slots=True)
class SentencePieceModel:
    """The fields of a ModelProto that affect tokenization, with the format's defaults."""

    pieces: list[Piece] = field(default_factory=list)
    model_type: int = _UNIGRAM
    bos_id: int = 1
    charsmap: bytes = b""
    """The compiled normalization rules (``precompiled_charsmap``); empty for identity."""
    dummy_prefix: bool = True
    remove_extra_spaces: bool = True
    space_as_suffix: bool = False

    @classmethod
    def parse(cls, data: bytes) -> "SentencePieceModel":
        """Raises ValueError where `data` is not a SentencePiece model."""
        model = cls()
        for number, value in _fields(data):
            if number == 1 and isinstance(value, bytes):
                model.pieces.append(_piece(value))
            elif number == 2 and isinstance(value, bytes):
                model._read_trainer(dict(_fields(value)))
            elif number == 3 and isinstance(value, bytes):
                model._read_normalizer(dict(_fields(value)))
        if not model.pieces:
            raise ValueError("it has no pieces")
        return model

    def _read_trainer(self, values: dict[int, int | bytes]) -> None:
        self.model_type = _number(values, 3, self.model_type)
        self.bos_id = _number(values, 41, self.bos_id)
        self.space_as_suffix = bool(_number(values, 24, 0))

    def _read_normalizer(self, values: dict[int, int | bytes]) -> None:
        charsmap = values.get(2, b"")
        self.charsmap = charsmap if isinstance(charsmap, bytes) else b""
        self.dummy_prefix = bool(_number(values, 3, 1))
        self.remove_extra_spaces = bool(_number(values, 4, 1))


def _piece(data: bytes) -> Piece:
    values = dict(_fields(data))
    text, score = values.get(1, b""), values.get(2, b"\0\0\0\0")
    if not isinstance(text, bytes) or not isinstance(score, bytes) or len(score) != 4:
        raise ValueError("a piece has fields of the wrong type")
    return Piece(
        text.decode("utf-8"), struct.unpack("<f", score)[0], PieceType(_number(values, 3, 1))
    )


def _number(values: dict[int, int | bytes], field_number: int, default: int) -> int:
    value = values.get(field_number, default)
    if isinstance(value, bytes):
        raise ValueError(f"field {field_number} is not a number")
    # protobuf encodes a negative int32 as 64 bits in two's complement.
    return value - (1 << 64) if value >> 63 else value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: number and value (varints as int, all others as bytes).

    Source of the wire format: https://protobuf.dev/programming-guides/encoding. Raises ValueError
    where `data` is not such a message.
    """
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire_type == 2:
            size, position = _varint(data, position)
        elif wire_type in (1, 5):
            size = 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"it is not a protobuf message (wire type {wire_type})")
        if position + size > len(data):
            raise ValueError("it ends too early")
        yield number, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70 and position < len(data):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("it ends too early or is not a protobuf message")


# ---------------------------------------------------------------- tokenizer.json


def tokenizer_spec(data: bytes) -> dict[str, Any]:
    """The content of the ``tokenizer.json`` that is equivalent to this ``tokenizer.model``.

    Raises ValueError, with the reason, where `data` is not a SentencePiece BPE or Unigram model.
    """
    return spec_of(SentencePieceModel.parse(data))


def spec_of(model: SentencePieceModel) -> dict[str, Any]:
    """The same of a model that is read already. Raises ValueError, with the reason, where it is
    neither a BPE nor a Unigram model."""
    if model.model_type not in (_UNIGRAM, _BPE) or model.space_as_suffix:
        raise ValueError("it is a SentencePiece model of a kind that no chat model uses")
    bos = model.pieces[model.bos_id].text if 0 <= model.bos_id < len(model.pieces) else None
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _added_token(number, piece)
            for number, piece in enumerate(model.pieces)
            if piece.type in (PieceType.UNKNOWN, PieceType.CONTROL, PieceType.USER_DEFINED)
        ],
        "normalizer": {"type": "Sequence", "normalizers": list(_normalizers(model))},
        "pre_tokenizer": None,
        "post_processor": None if bos is None else bos_first(bos, model.bos_id),
        "decoder": {
            "type": "Sequence",
            "decoders": list(byte_fallback_decoders(prefix=model.dummy_prefix)),
        },
        "model": _bpe(model) if model.model_type == _BPE else _unigram(model),
    }


def _added_token(number: int, piece: Piece) -> dict[str, Any]:
    return {
        "id": number,
        "content": piece.text,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": piece.type is not PieceType.USER_DEFINED,
    }


def _normalizers(model: SentencePieceModel) -> Iterator[dict[str, Any]]:
    if model.charsmap:
        charsmap = base64.b64encode(model.charsmap).decode("ascii")
        yield {"type": "Precompiled", "precompiled_charsmap": charsmap}
    if model.remove_extra_spaces:
        yield {"type": "Replace", "pattern": {"Regex": r"\A +| +\z"}, "content": ""}
        yield {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    if model.dummy_prefix:
        yield {"type": "Prepend", "prepend": SPACE}
    yield {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}


def byte_fallback_decoders(*, prefix: bool) -> Iterator[dict[str, Any]]:
    """The decoders of pieces that write a space as ``▁`` and rare characters as bytes; with
    `prefix`, they drop the space that was put in front of the text."""
    yield {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    yield {"type": "ByteFallback"}
    yield {"type": "Fuse"}
    if prefix:
        yield {"type": "Strip", "content": " ", "start": 1, "stop": 0}


def bos_first(bos: str, bos_id: int) -> dict[str, Any]:
    """The post-processor that puts the token `bos` in front of each text."""
    start = {"SpecialToken": {"id": bos, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [start, text],
        "pair": [start, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {bos: {"id": bos, "ids": [bos_id], "tokens": [bos]}},
    }


def _unknown(model: SentencePieceModel) -> int:
    for number, piece in enumerate(model.pieces):
        if piece.type is PieceType.UNKNOWN:
            return number
    raise ValueError("it has no unknown token")


def _byte_fallback(model: SentencePieceModel) -> bool:
    return any(piece.type is PieceType.BYTE for piece in model.pieces)


def _bpe(model: SentencePieceModel) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": model.pieces[_unknown(model)].text,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": _byte_fallback(model),
        "vocab": {piece.text: number for number, piece in enumerate(model.pieces)},
        "merges": _merges(model),
    }


def _merges(model: SentencePieceModel) -> list[list[str]]:
    # SentencePiece repeatedly joins the two neighbours whose joint piece has the highest score. So
    # every way to split a piece in two is a merge, ranked by the piece's score.
    ranked = sorted(
        (piece for piece in model.pieces if piece.type is PieceType.NORMAL),
        key=lambda piece: -piece.score,
    )
    known = {piece.text for piece in ranked}
    return [
        [text[:cut], text[cut:]]
        for text in (piece.text for piece in ranked)
        for cut in range(1, len(text))
        if text[:cut] in known and text[cut:] in known
    ]


def _unigram(model: SentencePieceModel) -> dict[str, Any]:
    return {
        "type": "Unigram",
        "unk_id": _unknown(model),
        "vocab": [[piece.text, piece.score] for piece in model.pieces],
        "byte_fallback": _byte_fallback(model),
    }
