import json
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import example, given
from hypothesis import strategies as st

from bot.errors import ModelError
from bot.prompting.sentencepiece import Piece, PieceType, SentencePieceModel, spec_of
from bot.prompting.tokenizer import StreamDecoder, TextTokenizer, whole_characters
from bot.prompting.tokenizer_json import ControlToken
from tests.tiny_tokenizer import (
    BOS,
    EOS,
    UNK,
    VOCAB_SIZE,
    byte_level_spec,
    sentencepiece_model,
    tokenizer_json,
    write_tokenizer,
)

LLAMA = TextTokenizer(json.loads(tokenizer_json()))
BYTE_LEVEL = TextTokenizer(byte_level_spec(("<|begin|>", "<|end|>"), bos="<|begin|>"))
REFERENCE = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_model())

letters = st.characters(exclude_categories=["Cs"], exclude_characters="▁")
texts = st.lists(
    letters
    | st.sampled_from(["<s>", "</s>", "<unk>", "[INST]", " the", "answer", "\n", "  ", "é", "😀"])
).map("".join)
ids = st.lists(st.integers(3, VOCAB_SIZE - 1) | st.integers(3 + 0x80, 3 + 0xFF))
any_ids = st.lists(st.integers(0, VOCAB_SIZE + 3) | st.integers(3 + 0x80, 3 + 0xFF))


def metaspace(scheme: str) -> TextTokenizer:
    """The tiny Llama as newer files write it: Metaspace instead of normalizers."""
    spec = json.loads(tokenizer_json())
    spec["normalizer"] = None
    spec["pre_tokenizer"] = {
        "type": "Metaspace",
        "replacement": "▁",
        "prepend_scheme": scheme,
        "split": False,
    }
    return TextTokenizer(spec)


METASPACE_FIRST = metaspace("first")

# ---------------------------------------------------------------- loading


def test_either_tokenizer_file_loads_to_the_same(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path)
    from_json = TextTokenizer.load(folder)
    (folder / "tokenizer.json").unlink()
    from_model = TextTokenizer.load(folder)
    text = "The keeper's </s> naïve question? 😀"
    assert from_json.encode_text(text, start=True) == from_model.encode_text(text, start=True)
    assert from_json.control == from_model.control
    assert from_json.added_bos == from_model.added_bos == BOS
    assert from_json.prefix_after_control
    assert from_model.prefix_after_control


def test_a_folder_without_a_tokenizer_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither tokenizer.json nor tokenizer.model: copy"):
        TextTokenizer.load(tmp_path)
    (tmp_path / "openvino_tokenizer.xml").touch()
    with pytest.raises(ModelError, match=r"openvino_tokenizer\.xml is for OpenVINO's own programs"):
        TextTokenizer.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"model": {"vocab": {}}}', b"\xff"])
def test_a_damaged_tokenizer_json_is_named_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be used.*again") as caught:
        TextTokenizer.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_cut_sentencepiece_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model()[:99])
    with pytest.raises(ModelError, match=r"tokenizer\.model cannot be used.*ends too early"):
        TextTokenizer.load(tmp_path)


def test_a_git_lfs_pointer_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_text("version https://git-lfs.github.com/spec/v1\noid")
    with pytest.raises(ModelError, match="git lfs pull"):
        TextTokenizer.load(tmp_path)


def test_a_tokenizer_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").mkdir()
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be read: Is a directory"):
        TextTokenizer.load(tmp_path)


def test_an_unknown_kind_of_decoder_is_refused_by_name(tmp_path: Path) -> None:
    spec = json.loads(tokenizer_json()) | {"decoder": {"type": "WordPiece"}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    with pytest.raises(ModelError, match="WordPiece"):
        TextTokenizer.load(tmp_path)


# ---------------------------------------------------------------- encoding


@given(texts)
def test_text_at_the_start_is_encoded_as_sentencepiece_does(text: str) -> None:
    assert LLAMA.encode_text(text, start=True) == REFERENCE.encode(text)


@given(texts)
def test_nothing_typed_becomes_a_control_token(text: str) -> None:
    for start in (True, False):
        assert not LLAMA.special.intersection(LLAMA.encode_text(text, start=start))


@given(texts)
def test_nothing_typed_becomes_a_control_token_in_byte_level_bpe(text: str) -> None:
    tokenizer = BYTE_LEVEL
    typed = f"{text}<|end|>{text}"
    found = tokenizer.encode_text(typed, start=True)
    assert not tokenizer.special.intersection(found)
    assert tokenizer.decode(found) == typed


@given(texts, texts)
def test_a_continuation_joins_without_a_space_gained_or_lost(text: str, more: str) -> None:
    for tokenizer in (LLAMA, METASPACE_FIRST, BYTE_LEVEL):
        joined = tokenizer.encode_text("A" + text, start=True)
        joined += tokenizer.encode_text(more, start=False)
        assert tokenizer.decode(joined) == "A" + text + more


def test_only_the_start_gets_llamas_space() -> None:
    (first,) = LLAMA.encode_text("the", start=True)
    assert first == LLAMA.encode_text(" the", start=False)[0]
    assert first not in LLAMA.encode_text("the", start=False)


def test_metaspace_prefixes_are_read() -> None:
    assert METASPACE_FIRST.encode_text("the", start=True) == LLAMA.encode_text("the", start=True)
    assert METASPACE_FIRST.encode_text("the", start=False) == LLAMA.encode_text("the", start=False)
    assert not METASPACE_FIRST.prefix_after_control
    assert metaspace("always").prefix_after_control
    never = metaspace("never")
    assert never.encode_text("the", start=True) == LLAMA.encode_text("the", start=False)


def test_half_of_a_surrogate_pair_is_encoded_as_a_replacement_character() -> None:
    for start in (True, False):
        expected = LLAMA.encode_text("a\ufffdb", start=start)
        assert LLAMA.encode_text("a\ud83db", start=start) == expected


def test_control_tokens_that_the_vocabulary_spells_cannot_be_typed() -> None:
    # With ignore_merges a whole word that is in the vocabulary is taken as it is.
    spec = json.loads(tokenizer_json())
    spec["model"]["ignore_merges"] = True
    spec["normalizer"] = None
    tokenizer = TextTokenizer(spec)
    assert EOS not in tokenizer.encode_text("</s>", start=True)


def test_added_white_space_is_text_and_other_added_words_are_not() -> None:
    spec = json.loads(tokenizer_json())
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    spec["model"]["vocab"]["\n\n"] = VOCAB_SIZE
    spec["added_tokens"] += [
        {"id": VOCAB_SIZE, "content": "\n\n", "special": False, **flags},
        {"id": VOCAB_SIZE + 1, "content": "<think>", "special": False, **flags},
    ]
    tokenizer = TextTokenizer(spec)
    assert VOCAB_SIZE in tokenizer.encode_text("a\n\nb", start=True)
    typed = tokenizer.encode_text("<think>", start=True)
    assert VOCAB_SIZE + 1 not in typed
    assert tokenizer.decode(typed) == "<think>"
    assert tokenizer.token_id("<think>") == VOCAB_SIZE + 1
    assert tokenizer.decode([VOCAB_SIZE + 1]) == "<think>"


def test_a_template_is_cut_at_its_control_tokens() -> None:
    parts = LLAMA.split_control("a<s></s>b")
    assert [p.text if isinstance(p, ControlToken) else p for p in parts] == [
        "a",
        "<s>",
        "</s>",
        "b",
    ]
    assert LLAMA.token_id("</s>") == EOS
    assert LLAMA.token_id("[INST]") is None


# ---------------------------------------------------------------- decoding


SPACE_BYTE = 3 + 0x20


@given(ids)
@example([SPACE_BYTE])
@example([SPACE_BYTE, 3])
def test_decoding_is_sentencepieces_but_for_half_a_character_at_the_end(tokens: list[int]) -> None:
    ours, theirs = LLAMA.decode(tokens), REFERENCE.decode(tokens)
    if tokens[:1] == [SPACE_BYTE]:  # sentencepiece keeps a space that is a byte; tokenizers strips
        theirs = theirs[1:]
    assert theirs.startswith(ours)
    assert set(theirs[len(ours) :]) <= {"\ufffd"}
    assert len(theirs) - len(ours) <= 3


def test_control_tokens_are_left_out_or_shown() -> None:
    tokens = [BOS, *LLAMA.encode_text("the answer", start=True), EOS]
    assert LLAMA.decode(tokens) == "the answer"
    assert LLAMA.decode(tokens, show_control=True) == "<s> the answer</s>"


def test_ids_without_a_token_are_no_text() -> None:
    assert LLAMA.decode([VOCAB_SIZE + 7, UNK, -1]) == ""


@given(any_ids, st.data())
def test_streamed_text_joins_to_the_decoding_of_all_ids(
    tokens: list[int], data: st.DataObject
) -> None:
    decoder = StreamDecoder(LLAMA)
    shown = decode_in_pieces(decoder, tokens, data)
    assert shown == LLAMA.decode(tokens).lstrip(" \n")


@given(texts.filter(lambda text: bool(text.strip(" \n"))), any_ids, st.data())
def test_a_continued_answer_joins_to_the_decoding_of_the_whole(
    text: str, tokens: list[int], data: st.DataObject
) -> None:
    for tokenizer in (LLAMA, BYTE_LEVEL):
        before = tokenizer.encode_text(text, start=True)
        shown = decode_in_pieces(StreamDecoder(tokenizer, after=before), tokens, data)
        assert text + shown == tokenizer.decode(before + tokens)


@given(texts, st.data())
def test_streamed_text_of_a_byte_level_tokenizer_is_the_text(
    text: str, data: st.DataObject
) -> None:
    tokenizer = BYTE_LEVEL
    tokens = tokenizer.encode_text(text, start=True)
    shown = decode_in_pieces(StreamDecoder(tokenizer), tokens, data)
    assert shown == text.lstrip(" \n")


def decode_in_pieces(decoder: StreamDecoder, tokens: list[int], data: st.DataObject) -> str:
    shown = ""
    while tokens:
        size = data.draw(st.integers(1, len(tokens)))
        shown += decoder.feed(tokens[:size])
        tokens = tokens[size:]
    return shown + decoder.flush()


@given(any_ids)
def test_what_was_shown_is_never_taken_back(tokens: list[int]) -> None:
    decoder, shown = StreamDecoder(LLAMA), ""
    for place, token in enumerate(tokens):
        shown += decoder.feed([token])
        assert LLAMA.decode(tokens[: place + 1]).lstrip(" \n") == shown


def test_a_character_comes_only_when_it_is_whole() -> None:
    tokens = LLAMA.encode_text("😀", start=False)
    assert len(tokens) == 4
    decoder = StreamDecoder(LLAMA)
    assert [decoder.feed([token]) for token in tokens] == ["", "", "", "😀"]


@pytest.mark.parametrize("cut", [2, 3, 4])
def test_an_answer_cut_inside_a_character_goes_on_without_a_replacement(cut: int) -> None:
    tokens = LLAMA.encode_text("a😀b", start=False)
    decoder = StreamDecoder(LLAMA)
    shown = decoder.feed(tokens[:cut]) + decoder.flush()
    assert shown == "a"
    assert shown + StreamDecoder(LLAMA, after=tokens[:cut]).feed(tokens[cut:]) == "a😀b"


def test_only_a_fresh_answer_loses_its_first_space() -> None:
    tokens = LLAMA.encode_text("the answer\n", start=True)
    assert StreamDecoder(LLAMA).feed(tokens) == "the answer\n"
    assert StreamDecoder(LLAMA, after=tokens).feed(tokens) == " the answer\n"


@given(st.binary())
def test_bytes_become_the_characters_that_python_finds(data: bytes) -> None:
    text, held = whole_characters(data)
    assert len(held) <= 3
    whole = data[: len(data) - len(held)].decode("utf-8", "ignore")
    assert text.replace("\ufffd", "") == whole.replace("\ufffd", "")


def unigram_with_charsmap(unit: int) -> dict[str, Any]:
    """A Unigram tokenizer whose table of normalizations consists of units with this number."""
    pieces = [Piece("<unk>", 0.0, PieceType.UNKNOWN)]
    pieces += [Piece(c, -1.0, PieceType.NORMAL) for c in "▁abcdeHlo"]
    charsmap = (1024).to_bytes(4, "little") + unit.to_bytes(4, "little") * 256 + b"x\0"
    model = SentencePieceModel(
        pieces=pieces,
        model_type=1,
        charsmap=charsmap,
        dummy_prefix=True,
        remove_extra_spaces=False,
    )
    return {**spec_of(model), "added_tokens": [], "post_processor": None}


def test_a_table_on_which_the_library_panics_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(unigram_with_charsmap(0x38A1B2C4)))
    with pytest.raises(ModelError, match=r"tokenizer\.json: the model's tokenizer is damaged"):
        TextTokenizer.load(tmp_path)


def test_and_so_is_a_text_on_which_it_panics_later() -> None:
    with pytest.raises(ModelError, match="is damaged, and fails on a text"):
        TextTokenizer(unigram_with_charsmap(0x38A1B2C4)).encode_text("Hello", start=True)
