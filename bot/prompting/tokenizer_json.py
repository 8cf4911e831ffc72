"""Reads and edits the content of a ``tokenizer.json``.

The format is that of the Hugging Face tokenizers library (huggingface/tokenizers): a list of
``added_tokens`` and the components ``normalizer``, ``pre_tokenizer``, ``model``, ``post_processor``
and ``decoder``, each an object with a ``type``. The type ``Sequence`` contains further components.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from bot.models.special_tokens import AddedToken

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ControlToken:
    """An added token: one token for a whole text, recognised only in a template's own text."""

    id: int
    text: str
    special: bool
    """A special token: no part of the text, and left out when ids are decoded."""
    strips_left: bool
    """Drops white space before it: ``lstrip`` in the file."""
    strips_right: bool
    """Drops white space after it: ``rstrip`` in the file."""


class DecoderFamily(Enum):
    """How the vocabulary writes the text of a token (its piece)."""

    SENTENCEPIECE = auto()
    BYTE_LEVEL = auto()


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Whether the tokenizer puts a space in front of a text."""

    any: bool
    """At the start of a text."""
    always: bool
    """After special tokens too."""


def _is_white(text: str) -> bool:
    return not text.strip(" \t\r\n▁")


def with_added(spec: Mapping[str, Any], declared: Iterable[AddedToken]) -> _Json:
    """The same tokenizer with the `declared` tokens that it lacks, as Hugging Face's tokenizers add
    them. One without an id of its own has that of the vocabulary, or is left out."""
    vocab = spec["model"]["vocab"]
    ids = vocab if isinstance(vocab, dict) else {entry[0]: n for n, entry in enumerate(vocab)}
    tokens = list(spec.get("added_tokens") or ())
    known = {token["content"] for token in tokens}
    for token in declared:
        number = ids.get(token.text, token.id)
        if number is not None and token.text not in known:
            tokens.append(_entry(token, number))
    return {**spec, "added_tokens": tokens}


def _entry(token: AddedToken, number: int) -> _Json:
    return {
        "id": number,
        "content": token.text,
        "special": token.special,
        "lstrip": token.strips_left,
        "rstrip": token.strips_right,
        "single_word": False,
        "normalized": not token.special,
    }


def control_tokens(spec: Mapping[str, Any]) -> dict[str, ControlToken]:
    """All added tokens by their text, except those of white space, which are ordinary text."""
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
    """The piece of every token, by its id."""
    vocab = spec["model"]["vocab"]
    if isinstance(vocab, dict):
        known = {number: piece for piece, number in vocab.items()}
    else:
        known = {number: entry[0] for number, entry in enumerate(vocab)}
    return known | {token["id"]: token["content"] for token in spec.get("added_tokens") or ()}


def _steps(node: _Json | None) -> Iterator[_Json]:
    """The steps of a normalizer, pre-tokenizer, decoder or post-processor, sequences flattened."""
    if node is None:
        return
    if node["type"] != "Sequence":
        yield node
        return
    for name in ("normalizers", "pretokenizers", "decoders", "processors"):
        for inner in node.get(name, ()):
            yield from _steps(inner)


def decoder_family(spec: Mapping[str, Any]) -> DecoderFamily:
    """The family to which the decoder belongs. Raises ValueError where it is neither."""
    types = {step["type"] for step in _steps(spec.get("decoder"))}
    if "ByteLevel" in types:
        return DecoderFamily.BYTE_LEVEL
    if types & {"ByteFallback", "Metaspace"}:
        return DecoderFamily.SENTENCEPIECE
    named = ", ".join(sorted(types)) or "none"
    raise ValueError(f"its decoder ({named}) is neither SentencePiece's nor byte-level")


def prefixes(spec: Mapping[str, Any]) -> Prefixes:
    """Where the normalizer or pre-tokenizer puts a space in front of a text."""
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


def composes(spec: Mapping[str, Any]) -> bool:
    """Whether the normalizer brings text into Unicode's form NFC."""
    return any(step["type"] == "NFC" for step in _steps(spec.get("normalizer")))


def first_token(spec: Mapping[str, Any]) -> int | None:
    """The id that the post-processor puts in front of each text (BOS), or None."""
    for step in _steps(spec.get("post_processor")):
        if step["type"] == "TemplateProcessing" and step["single"]:
            token = step["single"][0].get("SpecialToken")
            if token is not None:
                return int(step["special_tokens"][token["id"]]["ids"][0])
    return None


# ---------------------------------------------------------------- without special tokens


def text_only(spec: Mapping[str, Any], *, prefix: bool) -> _Json:
    """The same tokenizer without special and added tokens, and without post-processor, so that no
    text can produce one; with `prefix` False also without the space in front of a text.

    The tokens are removed from the model's vocabulary too, where some models (Unigram, or BPE with
    ``ignore_merges``) would find them.
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
        # Unigram: an id is an index into the list, so entries are replaced instead of removed. The
        # unknown token must stay.
        unknown = model.get("unk_id")
        return {
            **model,
            "vocab": [
                # No piece of text that reaches the model begins with a NUL.
                [f"\0{number}", score] if piece in control and number != unknown else [piece, score]
                for number, (piece, score) in enumerate(vocab)
            ],
        }
    gone = (control & vocab.keys()) - {model.get("unk_token")}
    kept: _Json = {piece: number for piece, number in vocab.items() if piece not in gone}
    return {**model, "vocab": kept, "merges": _merges_within(model.get("merges") or [], kept)}


def _merges_within(merges: list[Any], vocab: _Json) -> list[Any]:
    # A merge is "left right" in older files and [left, right] in newer ones.
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
    """The byte that each character in the pieces of a byte-level tokenizer stands for.

    Printable Latin-1 characters stand for their own byte; the other bytes, in order, are written as
    the characters from U+0100 on. Source: ``bytes_to_unicode`` in openai/gpt-2's ``encoder.py``.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    shifted = {chr(256 + place): byte for place, byte in enumerate(others)}
    return {chr(byte): byte for byte in printable} | shifted
