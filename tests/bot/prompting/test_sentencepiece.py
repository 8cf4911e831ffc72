import contextlib
import io
from typing import Any

import pytest
import sentencepiece
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from bot.prompting.sentencepiece import PieceType, SentencePieceModel, tokenizer_spec
from bot.prompting.tokenizer import TextTokenizer
from tests.tiny_tokenizer import BOS, TEXT, VOCAB_SIZE, sentencepiece_model, tokenizer_json

texts = st.lists(
    st.sampled_from([*"aehinorst .,\n\t[]<>/é😀€", "the", " answer", "[INST]", "<s>", "  ", "SYS"])
    | st.sampled_from([f" {word}" for word in TEXT.split()])
    | st.characters(exclude_categories=["Cs"])
).map("".join)

TINY = TextTokenizer(tokenizer_spec(sentencepiece_model()))
REFERENCE = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_model())


def trained(**options: Any) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.splitlines()),
        model_writer=model,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
        **options,
    )
    return model.getvalue()


def test_every_piece_is_read_with_its_score_and_type() -> None:
    pieces = SentencePieceModel.parse(sentencepiece_model()).pieces
    assert len(pieces) == VOCAB_SIZE
    for number, piece in enumerate(pieces):
        assert piece.text == REFERENCE.id_to_piece(number)
        assert piece.score == REFERENCE.get_score(number)
        assert (piece.type is PieceType.CONTROL) == REFERENCE.is_control(number)
        assert (piece.type is PieceType.BYTE) == REFERENCE.is_byte(number)


@given(texts)
def test_a_bpe_file_encodes_as_sentencepiece_does(text: str) -> None:
    assert TINY.encode_text(text, start=True) == REFERENCE.encode(text)


@given(texts)
def test_the_file_and_its_tokenizer_json_give_the_same_ids(text: str) -> None:
    library = tokenizers.Tokenizer.from_str(tokenizer_json())
    safe = text.replace("<s>", "")  # the library alone recognises it
    assert TINY.encode_text(safe, start=True) == library.encode(safe, add_special_tokens=False).ids


UNIGRAM = trained(model_type="unigram", vocab_size=420, byte_fallback=True)
UNIGRAM_TINY = TextTokenizer(tokenizer_spec(UNIGRAM))
UNIGRAM_REFERENCE = sentencepiece.SentencePieceProcessor(model_proto=UNIGRAM)

plain = st.lists(st.sampled_from([*"aehinorst .,?", "the", " answer", "</s>", "  "])).map("".join)


@given(plain)
def test_a_unigram_file_with_normalisation_gives_sentencepieces_text_and_cost(text: str) -> None:
    # Two ways to cut a text may cost the same; then the libraries may differ in the choice.
    ours, theirs = UNIGRAM_TINY.encode_text(text, start=True), UNIGRAM_REFERENCE.encode(text)
    assert UNIGRAM_REFERENCE.decode(ours) == UNIGRAM_REFERENCE.decode(theirs)
    score = UNIGRAM_REFERENCE.get_score
    assert sum(map(score, ours)) == pytest.approx(sum(map(score, theirs)), abs=1e-3)


@given(plain)
def test_control_pieces_of_a_unigram_file_cannot_be_typed(text: str) -> None:
    assert not UNIGRAM_TINY.special.intersection(UNIGRAM_TINY.encode_text(text, start=True))


def test_the_start_token_comes_from_the_file() -> None:
    assert TINY.added_bos == BOS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no protobuf",
        b"\xff" * 40,
        sentencepiece_model()[:1000],
        b"\x0a\x05\x15\x00\x00\x00\x00",  # a piece without text and with a score
        b"aGVsbG8= 0\nd29ybGQ= 1\n",  # tiktoken's format, which Meta names tokenizer.model as well
    ],
)
def test_what_is_no_sentencepiece_model_is_refused_with_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        tokenizer_spec(data)


def test_a_model_of_whole_words_is_refused() -> None:
    with pytest.raises(ValueError, match="no chat model"):
        tokenizer_spec(trained(model_type="word", vocab_size=100))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_but_never_crash(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        tokenizer_spec(data)
