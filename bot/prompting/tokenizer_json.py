"""Reads and edits the content of a ``tokenizer.json``.

The format is that of the Hugging Face tokenizers library: ``added_tokens``, ``normalizer``,
``pre_tokenizer``, ``model``, ``post_processor`` and ``decoder``, each of the latter an object with
a ``type``, some of them sequences of others.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ControlToken:
    """A token that stands for a text as a whole, and only in a template's own words."""

    id: int
    text: str
    special: bool
    """Not part of the text: left out when ids are decoded."""
    strips_left: bool
    """Swallows white space before it, as the format's ``lstrip`` says."""
    strips_right: bool


class DecoderFamily(Enum):
    """How a token's piece is written."""

    SENTENCEPIECE = auto()
    BYTE_LEVEL = auto()


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Where the tokenizer puts a space in front of a text."""

    any: bool
    always: bool
    """After control tokens too, not only at the very start."""


def _is_white(text: str) -> bool:
    return not text.strip(" \t\r\n▁")


def control_tokens(spec: Mapping[str, Any]) -> dict[str, ControlToken]:
    """All added tokens by their text, but those of white space, which are text like any other."""
    return {
        token["content"]: ControlToken(
            id=token["id"],
            text=token["content"],
            special=bool(token.get("special")),
            strips_left=bool(token.get("lstrip")),
            strips_right=bool(token.get("rstrip")),
        )
        for token in spec.get("added_tokens") or ()
        if token["content"] and (token.get("special") or not _is_white(token["content"]))
    }


def pieces(spec: Mapping[str, Any]) -> dict[int, str]:
    """Every token's piece by its id."""
    vocab = spec["model"]["vocab"]
    if isinstance(vocab, dict):
        known = {number: piece for piece, number in vocab.items()}
    else:
        known = {number: entry[0] for number, entry in enumerate(vocab)}
    return known | {token["id"]: token["content"] for token in spec.get("added_tokens") or ()}


def _steps(node: _Json | None) -> Iterator[_Json]:
    """The parts of a normalizer, pre-tokenizer, decoder or post-processor, sequences undone."""
    if node is None:
        return
    if node["type"] != "Sequence":
        yield node
        return
    for name in ("normalizers", "pretokenizers", "decoders", "processors"):
        for inner in node.get(name, ()):
            yield from _steps(inner)


def decoder_family(spec: Mapping[str, Any]) -> DecoderFamily:
    """Raises ValueError where the decoder is of neither family."""
    types = {step["type"] for step in _steps(spec.get("decoder"))}
    if "ByteLevel" in types:
        return DecoderFamily.BYTE_LEVEL
    if types & {"ByteFallback", "Metaspace"}:
        return DecoderFamily.SENTENCEPIECE
    named = ", ".join(sorted(types)) or "none"
    raise ValueError(f"its decoder ({named}) is neither SentencePiece's nor byte-level")


def prefixes(spec: Mapping[str, Any]) -> Prefixes:
    """Whether and where a space is put in front of a text."""
    scheme = "never"
    if any(step["type"] == "Prepend" for step in _steps(spec.get("normalizer"))):
        scheme = "always"
    for step in _steps(spec.get("pre_tokenizer")):
        if step["type"] == "Metaspace":
            old = "always" if step.get("add_prefix_space", True) else "never"
            scheme = step.get("prepend_scheme", old)
        elif step["type"] == "ByteLevel" and step.get("add_prefix_space"):
            scheme = "always"
    return Prefixes(any=scheme != "never", always=scheme == "always")


def first_token(spec: Mapping[str, Any]) -> int | None:
    """The id that the post-processor puts before each text, or None."""
    for step in _steps(spec.get("post_processor")):
        if step["type"] == "TemplateProcessing" and step["single"]:
            token = step["single"][0].get("SpecialToken")
            if token is not None:
                return int(step["special_tokens"][token["id"]]["ids"][0])
    return None


# ---------------------------------------------------------------- a tokenizer for text alone


def text_only(spec: Mapping[str, Any], *, prefix: bool) -> _Json:
    """The same tokenizer without control tokens; without `prefix`, for text that goes on.

    Control tokens are taken out of the model's vocabulary too: some models (Unigram, or BPE with
    ``ignore_merges``) would find them there.
    """
    added = spec.get("added_tokens") or ()
    control = {token.text for token in control_tokens(spec).values()}
    vocab = spec["model"]["vocab"]
    edited: _Json = {
        **spec,
        "truncation": None,
        "padding": None,
        "post_processor": None,
        "added_tokens": [t for t in added if t["content"] not in control and t["content"] in vocab],
        "model": _without(spec["model"], control),
    }
    if not prefix:
        edited["normalizer"] = _without_prefix(spec.get("normalizer"))
        edited["pre_tokenizer"] = _without_prefix(spec.get("pre_tokenizer"))
    return edited


def _without(model: _Json, control: set[str]) -> _Json:
    vocab = model["vocab"]
    if not isinstance(vocab, dict):
        # Unigram: ids are places in the list. The unknown token must stay what it is.
        unknown = model.get("unk_id")
        return {
            **model,
            "vocab": [
                # A NUL in front: text that reaches the model holds none at that place.
                [f"\0{number}", score] if piece in control and number != unknown else [piece, score]
                for number, (piece, score) in enumerate(vocab)
            ],
        }
    gone = (control & vocab.keys()) - {model.get("unk_token")}
    kept: _Json = {piece: number for piece, number in vocab.items() if piece not in gone}
    return {**model, "vocab": kept, "merges": _merges_within(model.get("merges") or [], kept)}


def _merges_within(merges: list[Any], vocab: _Json) -> list[Any]:
    # A merge is written as "left right" in older files and as [left, right] in newer ones.
    def known(merge: Any) -> bool:
        left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
        return left in vocab and right in vocab and left + right in vocab

    return [merge for merge in merges if known(merge)]


def _without_prefix(node: _Json | None) -> _Json | None:
    if node is None or node["type"] == "Prepend":
        return None
    if node["type"] == "Metaspace":
        return {**node, "prepend_scheme": "never", "add_prefix_space": False}
    if node["type"] == "ByteLevel":
        return {**node, "add_prefix_space": False}
    if node["type"] != "Sequence":
        return node
    name = "normalizers" if "normalizers" in node else "pretokenizers"
    inner = [edited for child in node[name] if (edited := _without_prefix(child)) is not None]
    return {**node, name: inner}


@functools.cache
def byte_of_character() -> dict[str, int]:
    """The byte that each character of a byte-level piece stands for.

    Printable Latin-1 characters stand for themselves and the other bytes, in order, for the
    characters from U+0100 on, as in GPT-2's ``encoder.py``.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    shifted = {chr(256 + place): byte for place, byte in enumerate(others)}
    return {chr(byte): byte for byte in printable} | shifted
