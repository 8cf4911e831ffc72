import json
from typing import Any

import pytest
import tokenizers.pre_tokenizers

from bot.models.special_tokens import AddedToken
from bot.prompting.tokenizer_json import (
    DecoderFamily,
    Prefixes,
    byte_of_character,
    control_tokens,
    decoder_family,
    first_token,
    pieces,
    prefixes,
    text_only,
    with_added,
)
from tests.tiny_tokenizer import BOS, EOS, UNK, VOCAB_SIZE, byte_level_spec, tokenizer_json

LLAMA: dict[str, Any] = json.loads(tokenizer_json())
BYTE_LEVEL = byte_level_spec(("<|a|>", "<|b|>"), bos="<|b|>")


def test_every_id_has_its_piece() -> None:
    assert pieces(LLAMA)[EOS] == "</s>"
    assert len(pieces(LLAMA)) == VOCAB_SIZE
    assert pieces(BYTE_LEVEL)[VOCAB_SIZE + 1] == "<|b|>"


def test_control_tokens_keep_their_flags() -> None:
    spec = {"added_tokens": [{"id": 7, "content": "<x>", "special": False, "rstrip": True}]}
    (token,) = control_tokens(spec).values()
    assert (token.id, token.special, token.strips_left, token.strips_right) == (
        7,
        False,
        False,
        True,
    )


@pytest.mark.parametrize(("spec", "bos"), [(LLAMA, BOS), (BYTE_LEVEL, VOCAB_SIZE + 1), ({}, None)])
def test_the_start_token_is_read_from_the_post_processor(spec: dict[str, Any], bos: int) -> None:
    assert first_token(spec) == bos
    # Llama 3 wraps it in a sequence.
    inner = {"type": "ByteLevel"}
    post = [inner] + ([spec["post_processor"]] if spec else [])
    assert first_token({"post_processor": {"type": "Sequence", "processors": post}}) == bos


def test_both_families_are_told_by_their_decoders() -> None:
    assert decoder_family(LLAMA) is DecoderFamily.SENTENCEPIECE
    assert decoder_family(BYTE_LEVEL) is DecoderFamily.BYTE_LEVEL
    with pytest.raises(ValueError, match="none"):
        decoder_family({"decoder": None})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (LLAMA, Prefixes(any=True, always=True)),
        (BYTE_LEVEL, Prefixes(any=False, always=False)),
        ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}, Prefixes(True, True)),
        ({"pre_tokenizer": {"type": "Metaspace", "add_prefix_space": True}}, Prefixes(True, True)),
        (
            {"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "first"}},
            Prefixes(True, False),
        ),
        (
            {"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "never"}},
            Prefixes(False, False),
        ),
    ],
)
def test_where_a_space_is_put_in_front_is_read(spec: dict[str, Any], expected: Prefixes) -> None:
    assert prefixes(spec) == expected


def test_a_tokenizer_for_text_has_no_control_token_left() -> None:
    edited = text_only(LLAMA, prefix=True)
    assert edited["added_tokens"] == []
    assert edited["post_processor"] is None
    assert set(LLAMA["model"]["vocab"]) - set(edited["model"]["vocab"]) == {"<s>", "</s>"}
    assert edited["model"]["vocab"]["<unk>"] == UNK
    assert edited["model"]["merges"] == LLAMA["model"]["merges"]
    assert "<s>" in LLAMA["model"]["vocab"], "the original is left alone"


@pytest.mark.parametrize("as_text", [True, False])
def test_merges_that_make_a_control_token_go_with_it(as_text: bool) -> None:
    merges: list[Any] = [["a", "b"], ["ab", "c"]]
    model: dict[str, Any] = {
        "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4},
        "merges": [" ".join(merge) for merge in merges] if as_text else merges,
    }
    spec = {"model": model, "added_tokens": [{"id": 4, "content": "abc", "special": True}]}
    edited = text_only(spec, prefix=True)["model"]
    assert edited["merges"] == model["merges"][:1]


def test_the_characters_of_bytes_are_those_of_the_tokenizers_library() -> None:
    table = byte_of_character()
    assert sorted(table) == sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    assert sorted(table.values()) == list(range(256))
    assert (table["Ġ"], table["Ċ"], table["A"]) == (0x20, 0x0A, 0x41)


def test_tokens_that_other_files_declare_are_added_once() -> None:
    word = next(piece for piece in LLAMA["model"]["vocab"] if piece.isalpha() and len(piece) > 2)
    declared = [
        AddedToken("<s>", 1, special=True),
        AddedToken("<|x|>", VOCAB_SIZE, special=True, strips_right=True),
        AddedToken(word, None, special=False),
        AddedToken("<|nowhere|>", None, special=True),
    ]
    tokens = control_tokens(with_added(LLAMA, declared))
    assert (tokens["<|x|>"].id, tokens["<|x|>"].strips_right) == (VOCAB_SIZE, True)
    assert tokens[word].id == LLAMA["model"]["vocab"][word]
    assert "<|nowhere|>" not in tokens
    assert len(with_added(LLAMA, declared)["added_tokens"]) == len(LLAMA["added_tokens"]) + 2
