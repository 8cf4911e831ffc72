"""Converts the tokenizer in a GGUF file to the content of a ``tokenizer.json``.

Sources: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md ("Tokenizer"), and
``src/llama-vocab.cpp`` in ggml-org/llama.cpp for what each value of ``tokenizer.ggml.model`` means.
Supported are byte-level BPE ("gpt2"), SentencePiece's BPE ("llama") and Unigram ("t5"), and BPE
over characters with byte fallback ("gemma4"). Every other kind is refused, and so is an unknown
pre-tokenizer: a guess would give the model other tokens than it was trained with, and answers that
are worse for no visible reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.models.gguf import Gguf
from bot.prompting.pre_tokenizers import PRE_TOKENIZERS, PreTokenizer, split_steps
from bot.prompting.sentencepiece import (
    SPACE,
    Piece,
    PieceType,
    SentencePieceModel,
    bos_first,
    byte_fallback_decoders,
    spec_of,
)

_BPE, _UNIGRAM = 2, 1
_LIST = "tokenizer.ggml.tokens"


class UnsupportedTokenizer(ValueError):
    """Parley has no tokenizer of this kind. ``str(error)`` says which, as a part of a sentence."""


def gguf_spec(gguf: Gguf) -> dict[str, Any]:
    """The content of a ``tokenizer.json`` that gives the same ids. Raises UnsupportedTokenizer for
    a kind that is not known, and ValueError where the metadata are damaged."""
    kind = gguf.text("tokenizer.ggml.model")
    pieces = _pieces(gguf)
    if kind == "gpt2" and gguf.text("tokenizer.ggml.pre") not in _CHARACTER_BPE:
        return _byte_level(gguf, pieces)
    if kind in ("gpt2", "gemma4"):
        return _character_bpe(gguf, pieces)
    if kind in ("llama", "t5"):
        return _sentencepiece(gguf, pieces, kind)
    if not kind:
        raise UnsupportedTokenizer("it has no tokenizer")
    raise UnsupportedTokenizer(f"its tokenizer is of the kind “{_shown(kind)}”")


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:60])


# ---------------------------------------------------------------- the vocabulary


def _pieces(gguf: Gguf) -> list[Piece]:
    """The tokens with their types. Those that the metadata name as special are control tokens,
    whatever type the converter gave them: no text may produce them."""
    tokens = [token.decode("utf-8") for token in gguf.texts(_LIST)]
    if len(set(tokens)) != len(tokens):
        raise ValueError("its vocabulary has a token twice")
    types = _types(gguf.numbers("tokenizer.ggml.token_type"), len(tokens))
    scores = gguf.numbers("tokenizer.ggml.scores") or [0.0] * len(tokens)
    if len(scores) < len(tokens):
        raise ValueError("its vocabulary has too few scores")
    for number in (gguf.bos, *gguf.ends):
        if number is not None:
            types[number] = PieceType.CONTROL
    return [
        Piece(text, float(score), kind)
        for text, score, kind in zip(tokens, scores, types, strict=False)
    ]


def _types(given: Sequence[int | float], count: int) -> list[PieceType]:
    if given and len(given) < count:
        raise ValueError("its vocabulary has too few token types")
    known = {kind.value: kind for kind in PieceType}
    return [known.get(int(kind), PieceType.NORMAL) for kind in given[:count]] or (
        [PieceType.NORMAL] * count
    )


def _added(pieces: Sequence[Piece], *, strip: bool = False) -> Iterator[dict[str, Any]]:
    """The added tokens: control tokens and unused ones, which stand for no text, and user-defined
    ones, which do."""
    special = (PieceType.CONTROL, PieceType.UNKNOWN, PieceType.UNUSED)
    for number, piece in enumerate(pieces):
        if piece.text and piece.type in (*special, PieceType.USER_DEFINED):
            yield {
                "id": number,
                "content": piece.text,
                "single_word": False,
                "lstrip": False,
                "rstrip": strip and piece.text not in ("<unk>", "<s>", "<|endoftext|>"),
                "normalized": False,
                "special": piece.type in special,
            }


def _merges(gguf: Gguf, vocab: Mapping[str, int]) -> list[list[str]]:
    merges = []
    for merge in gguf.texts("tokenizer.ggml.merges"):
        text = merge.decode("utf-8")
        cut = text.find(" ", 1)
        left, right = text[:cut], text[cut + 1 :]
        if cut > 0 and left in vocab and right in vocab and left + right in vocab:
            merges.append([left, right])
    if not merges:
        raise ValueError("it has no merges")
    return merges


# ---------------------------------------------------------------- the kinds


def _byte_level(gguf: Gguf, pieces: Sequence[Piece]) -> dict[str, Any]:
    pre = _pre_tokenizer(gguf.text("tokenizer.ggml.pre"))
    vocab = {piece.text: number for number, piece in enumerate(pieces)}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": list(_added(pieces)),
        "normalizer": {"type": "NFC"} if pre.composes else None,
        "pre_tokenizer": split_steps(pre),
        "post_processor": _post_processor(gguf, pieces, default=pre.adds_bos),
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": _bpe(vocab, _merges(gguf, vocab))
        | ({"ignore_merges": True} if pre.ignores_merges else {}),
    }


def _pre_tokenizer(name: str) -> PreTokenizer:
    if name in PRE_TOKENIZERS:
        return PRE_TOKENIZERS[name]
    if name in ("", "default"):
        raise UnsupportedTokenizer(
            "it names no pre-tokenizer (tokenizer.ggml.pre), as files of 2023 and early 2024 do"
        )
    raise UnsupportedTokenizer(
        f"its pre-tokenizer (tokenizer.ggml.pre) “{_shown(name)}” is not known"
    )


_CHARACTER_BPE = ("gemma4", "sarvam-moe")
"""Pre-tokenizers of "gpt2" that mean characters instead of bytes."""


def _character_bpe(gguf: Gguf, pieces: Sequence[Piece]) -> dict[str, Any]:
    """Gemma 4's: spaces are written as ``▁``, whole texts are merged without pre-tokenizer, and
    characters without a token become bytes."""
    vocab = {piece.text: number for number, piece in enumerate(pieces)}
    unknown = next((piece.text for piece in pieces if piece.type is PieceType.UNKNOWN), None)
    escape = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": list(_added(pieces)),
        "normalizer": escape,
        "pre_tokenizer": None,
        "post_processor": _post_processor(gguf, pieces, default=True),
        "decoder": {"type": "Sequence", "decoders": list(byte_fallback_decoders(prefix=False))},
        "model": _bpe(vocab, _merges(gguf, vocab))
        | {"unk_token": unknown, "fuse_unk": True, "byte_fallback": True},
    }


def _bpe(vocab: Mapping[str, int], merges: list[list[str]]) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "vocab": dict(vocab),
        "merges": merges,
    }


def _sentencepiece(gguf: Gguf, pieces: list[Piece], kind: str) -> dict[str, Any]:
    unigram = kind == "t5"
    charsmap = gguf.numbers("tokenizer.ggml.precompiled_charsmap")
    model = SentencePieceModel(
        pieces=pieces,
        model_type=_UNIGRAM if unigram else _BPE,
        charsmap=bytes(int(byte) & 0xFF for byte in charsmap) if unigram else b"",
        dummy_prefix=_flag(gguf, "tokenizer.ggml.add_space_prefix", not unigram),
        remove_extra_spaces=unigram
        and _flag(gguf, "tokenizer.ggml.remove_extra_whitespaces", False),
    )
    # Phi-3 drops white space after a special token; GGUF has no place to say it.
    strip = gguf.architecture == "phi3"
    return spec_of(model) | {
        "added_tokens": list(_added(pieces, strip=strip)),
        "post_processor": _post_processor(gguf, pieces, default=not unigram),
    }


def _post_processor(gguf: Gguf, pieces: Sequence[Piece], *, default: bool) -> dict[str, Any] | None:
    if gguf.bos is None or not _flag(gguf, "tokenizer.ggml.add_bos_token", default):
        return None
    return bos_first(pieces[gguf.bos].text, gguf.bos)


def _flag(gguf: Gguf, key: str, default: bool) -> bool:
    value = gguf.values.get(key)
    return value if isinstance(value, bool) else default
