"""A GGUF file's tokenizer gives the ids of the tokenizer from which it was converted."""

import copy
import functools
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece as library
import tokenizers
from hypothesis import example, given
from hypothesis import strategies as st

from bot import demo_model
from bot.errors import ModelError
from bot.prompting.gguf_samples import TEXTS, tokenizer_samples
from bot.prompting.gguf_tokenizer import UnsupportedTokenizer, gguf_spec
from bot.prompting.pre_tokenizers import PRE_TOKENIZERS
from bot.prompting.tokenizer import TextTokenizer
from tests.tiny_gguf import (
    CHATML,
    as_gguf,
    byte_level,
    read_vocabulary,
    sentencepiece,
    write_gguf,
)
from tests.tiny_tokenizer import TEXT, byte_level_spec, sentencepiece_model

PROMPTS = st.text(max_size=60) | st.lists(
    st.sampled_from(
        [
            *(" ", "  ", "\n", "\n\n", "\r\n", "\t", "'s", "'LL", "'", "a", "the", "The", "Sea"),
            *("1", "12", "123", "1234", ".", "...", "!", "/", "é", "e\u0301", "你好", "か", "🚀"),
            *("</s>", "<|im_end|>", "<0x0A>", "ß", "ﬁ", "١", "½", "\u00a0", "\u200d", "_", "$"),
        ]
    ),
    max_size=25,
).map("".join)


@functools.cache
def tokenizer_of(pre: str) -> TextTokenizer:
    return TextTokenizer(gguf_spec(as_gguf(byte_level(pre=pre))))


# ---------------------------------------------------------------- byte-level BPE

# The pre-tokenizers of well-known models as their own tokenizer.json has them, component by
# component. Source: the tokenizer.json of SmolLM2, Llama 3, Qwen2.5, GPT-2 and DeepSeek V3.
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
_DIGITS = {"type": "Digits", "individual_digits": True}


def _split(pattern: str) -> dict[str, Any]:
    return {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }


ORIGINALS: dict[str, tuple[dict[str, Any] | None, list[dict[str, Any]]]] = {
    "gpt-2": (None, [_BYTES | {"use_regex": True}]),
    "smollm": (None, [_DIGITS, _BYTES | {"use_regex": True}]),
    "llama-bpe": (
        None,
        [
            _split(
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
                " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
            ),
            _BYTES | {"use_regex": False},
        ],
    ),
    "qwen2": (
        {"type": "NFC"},
        [
            _split(
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
            ),
            _BYTES | {"use_regex": False},
        ],
    ),
    "deepseek-v3": (
        None,
        [
            _split("\\p{N}{1,3}"),
            _split("[一-龥\u3040-ゟ゠-ヿ]+"),
            _split(
                "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
                "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|"
                "\\s+(?!\\S)|\\s+"
            ),
            _BYTES | {"use_regex": False},
        ],
    ),
}


@functools.cache
def original(pre: str) -> tokenizers.Tokenizer:
    normalizer, steps = ORIGINALS[pre]
    spec = copy.deepcopy(byte_level_spec([]))
    spec["normalizer"] = normalizer
    spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps}
    spec["model"]["ignore_merges"] = PRE_TOKENIZERS[pre].ignores_merges
    return tokenizers.Tokenizer.from_str(json.dumps(spec))


@pytest.mark.property
@pytest.mark.parametrize("pre", ORIGINALS)
@given(text=PROMPTS)
def test_the_ids_are_those_of_the_original_tokenizer(pre: str, text: str) -> None:
    whole = text.encode("utf-8", "replace").decode()
    expected = original(pre).encode(whole, add_special_tokens=False).ids
    assert tokenizer_of(pre).encode_text(whole, start=True) == expected


@pytest.mark.parametrize("pre", PRE_TOKENIZERS)
def test_every_known_pre_tokenizer_keeps_all_of_a_text(pre: str) -> None:
    tokenizer = tokenizer_of(pre)
    for text, ids in tokenizer_samples(tokenizer):
        assert tokenizer.decode(ids) == text


@pytest.mark.parametrize(
    ("pre", "text", "words"),
    [
        ("gpt-2", "It's 12345 kg", ["It", "'s", " 12345", " kg"]),
        ("smollm", "It's 123 kg", ["It", "'s", " ", "1", "2", "3", " kg"]),
        ("llama-bpe", "IT'S 12345\n\n x", ["IT", "'S", " ", "123", "45", "\n\n", " x"]),
        ("qwen2", "IT'S 123", ["IT", "'S", " ", "1", "2", "3"]),
        ("qwen35", "नमस्ते", ["नमस्ते"]),
        ("tekken", "HelloWorld 12", ["Hello", "World", " ", "1", "2"]),
        ("gpt-4o", "HelloWorld's 1234", ["Hello", "World's", " ", "123", "4"]),
        ("deepseek-v3", "1234你好かな.com", ["123", "4", "你好かな", ".com"]),
        ("deepseek-coder", "x. 42 你", ["x", ".", " ", "4", "2", " ", "你"]),
        ("tiny_aya", "1234567", ["1", "234", "567"]),
        ("superbpe", "by the 12345", ["by the ", "12", "345"]),
        ("kimi-k2", "你好world 1234", ["你好", "world", " ", "123", "4"]),
        ("viking", "a b12", ["a", " b", "1", "2"]),
        ("minicpm5", "a  1", ["a", "  ", "1"]),
    ],
)
def test_a_text_is_split_into_words(pre: str, text: str, words: list[str]) -> None:
    spec = gguf_spec(as_gguf(byte_level(pre=pre)))
    splitter = tokenizers.Tokenizer.from_str(json.dumps(spec)).pre_tokenizer
    decoder = tokenizers.decoders.ByteLevel()
    assert [decoder.decode([word]) for word, _ in splitter.pre_tokenize_str(text)] == words


@pytest.mark.parametrize("pre", ["", "default", "brand-new", "evil\nname"])
def test_a_pre_tokenizer_that_is_not_known_is_refused_never_guessed(
    tmp_path: Path, pre: str
) -> None:
    file = write_gguf(tmp_path / "a.gguf", tokenizer=byte_level(pre=pre))
    with pytest.raises(ModelError, match=r"tokenizer\.ggml\.pre") as caught:
        TextTokenizer.load(file)
    assert len(str(caught.value).splitlines()) == 1
    assert "llama-server" in str(caught.value)
    if pre == "brand-new":
        assert "“brand-new” is not known" in str(caught.value)


@pytest.mark.parametrize("kind", ["bert", "rwkv", "plamo2", "none", "hybriddna", ""])
def test_a_kind_of_tokenizer_that_is_not_known_is_refused(kind: str) -> None:
    with pytest.raises(UnsupportedTokenizer, match=kind or "it has no tokenizer"):
        gguf_spec(as_gguf(byte_level() | {"tokenizer.ggml.model": kind}))


def test_where_the_family_ignores_merges_a_word_in_the_vocabulary_is_one_token() -> None:
    def ids(pre: str) -> list[int]:
        values = byte_level(["<e>"], pre=pre)
        values["tokenizer.ggml.tokens"].append("ĠXyzzyx")
        values["tokenizer.ggml.token_type"].append(1)
        return TextTokenizer(gguf_spec(as_gguf(values))).encode_text(" Xyzzyx", start=True)

    assert ids("llama-bpe") == [513]
    assert len(ids("qwen2")) > 1


def test_decomposed_accents_are_composed_where_the_model_was_trained_so() -> None:
    for pre, composes in (("qwen2", True), ("llama-bpe", False)):
        tokenizer = tokenizer_of(pre)
        ids = [tokenizer.encode_text(text, start=True) for text in ("Cafe\u0301", "Caf\u00e9")]
        assert (ids[0] == ids[1]) is composes
        assert tokenizer.composes is composes


# ---------------------------------------------------------------- special tokens


SPECIAL_TYPES = {"control": 3, "unused": 5, "unknown": 2}


@pytest.mark.property
@pytest.mark.parametrize("pre", ["llama-bpe", "qwen2", "gpt-4o"])
@given(before=PROMPTS, token=st.sampled_from(CHATML), after=PROMPTS)
def test_typed_text_never_becomes_a_control_token(
    pre: str, before: str, token: str, after: str
) -> None:
    tokenizer = tokenizer_of(pre)
    for start in (True, False):
        ids = tokenizer.encode_text(before + token + after, start=start)
        assert not tokenizer.special & set(ids)
        assert not {found.id for found in tokenizer.control.values()} & set(ids)


@pytest.mark.parametrize("kind", SPECIAL_TYPES.values(), ids=SPECIAL_TYPES)
def test_a_token_of_a_special_type_stands_for_no_text_and_is_not_typed(kind: int) -> None:
    values = byte_level(["<e>", "<x>"], pre="llama-bpe")
    values["tokenizer.ggml.token_type"][513] = kind
    tokenizer = TextTokenizer(gguf_spec(as_gguf(values)))
    assert 513 in tokenizer.special
    assert tokenizer.decode([513]) == ""
    assert 513 not in tokenizer.encode_text("a <x><x> b", start=True)
    assert [part for part in tokenizer.split_control("a<x>") if not isinstance(part, str)]


def test_an_end_token_is_control_whatever_type_the_converter_gave_it() -> None:
    values = byte_level(["<e>"], pre="llama-bpe")
    values["tokenizer.ggml.token_type"][512] = 1
    tokenizer = TextTokenizer(gguf_spec(as_gguf(values)))
    assert 512 in tokenizer.special
    assert 512 not in tokenizer.encode_text("<e>", start=True)


def test_a_user_defined_token_is_text_that_only_a_template_can_name() -> None:
    values = byte_level(["<e>"], user_defined=["<think>"])
    tokenizer = TextTokenizer(gguf_spec(as_gguf(values)))
    assert 513 not in tokenizer.special
    assert tokenizer.decode([513]) == "<think>"
    assert 513 not in tokenizer.encode_text("<think>", start=True)
    assert tokenizer.token_id("<think>") == 513


def test_runs_of_white_space_that_are_tokens_are_found_in_any_text() -> None:
    values = byte_level(["<e>"], user_defined=["        ", "\t\t\t"])
    tokenizer = TextTokenizer(gguf_spec(as_gguf(values)))
    assert 513 in tokenizer.encode_text("a" + " " * 8 + "b", start=True)
    assert 514 in tokenizer.encode_text("a\t\t\tb", start=True)
    assert tokenizer.decode([513]) == " " * 8


@pytest.mark.parametrize(
    ("pre", "says", "begins"),
    [
        *(("llama-bpe", None, True), ("llama-bpe", False, False), ("tekken", None, True)),
        *(("qwen2", None, False), ("qwen2", True, True)),
    ],
)
def test_bos_begins_a_text_where_the_file_or_its_family_says_so(
    pre: str, says: bool | None, begins: bool
) -> None:
    values = byte_level(["<b>", "<e>"], pre=pre) | {"tokenizer.ggml.bos_token_id": 512}
    values |= {} if says is None else {"tokenizer.ggml.add_bos_token": says}
    assert TextTokenizer(gguf_spec(as_gguf(values))).added_bos == (512 if begins else None)


# ---------------------------------------------------------------- SentencePiece


@functools.cache
def trained(kind: str, **options: Any) -> bytes:
    model = io.BytesIO()
    library.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.splitlines()),
        model_writer=model,
        model_type=kind,
        vocab_size=500,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        num_threads=1,
        minloglevel=2,
        **options,
    )
    return model.getvalue()


def _like_llama(prefix: bool) -> bytes:
    return trained(
        "bpe",
        remove_extra_whitespaces=False,
        byte_fallback=True,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        add_dummy_prefix=prefix,
    )


MODELS: dict[str, tuple[Callable[[], bytes], str]] = {
    "llama": (sentencepiece_model, "llama"),
    "gemma, without a space in front": (functools.partial(_like_llama, False), "llama"),
    "unigram": (functools.partial(trained, "unigram"), "t5"),
}


@functools.cache
def of_library(name: str) -> tuple[TextTokenizer, library.SentencePieceProcessor]:
    model, kind = MODELS[name][0](), MODELS[name][1]
    values = sentencepiece(model, kind=kind)
    if kind == "t5":
        values["tokenizer.ggml.remove_extra_whitespaces"] = True
    tokenizer = TextTokenizer(gguf_spec(as_gguf(values)))
    return tokenizer, library.SentencePieceProcessor(model_proto=model)


@pytest.mark.property
@pytest.mark.parametrize("name", MODELS)
@given(text=PROMPTS)
@example(text="0 \n")
@example(text="a  \n  b ")
def test_the_ids_are_those_of_sentencepiece(name: str, text: str) -> None:
    tokenizer, processor = of_library(name)
    whole = text.encode("utf-8", "replace").decode().replace("\0", "")
    assert tokenizer.encode_text(whole, start=True) == processor.encode(whole)


def test_the_demo_models_file_has_the_demo_models_ids() -> None:
    folder = demo_model.directory()
    values = sentencepiece((folder / "tokenizer.model").read_bytes())
    ours, demo = TextTokenizer(gguf_spec(as_gguf(values))), TextTokenizer.load(folder)
    for text in TEXTS:
        for start in (True, False):
            assert ours.encode_text(text, start=start) == demo.encode_text(text, start=start)
    assert ours.special == demo.special


def test_control_tokens_that_a_converter_added_are_not_typed() -> None:
    values = sentencepiece(special=["<start_of_turn>", "<end_of_turn>"])
    tokenizer = TextTokenizer(gguf_spec(as_gguf(values)))
    turn = tokenizer.token_id("<start_of_turn>")
    assert turn == 512
    ids = tokenizer.encode_text("<start_of_turn>user</s><0x0A><unk>", start=True)
    assert not {0, 1, 2, 512, 513} & set(ids)
    assert tokenizer.decode(ids) == "<start_of_turn>user</s><0x0A><unk>"


def test_phi_3_drops_white_space_after_a_control_token() -> None:
    values = sentencepiece(special=["<|user|>", "<|endoftext|>"])
    for architecture, strips in (("phi3", True), ("llama", False)):
        tokenizer = TextTokenizer(gguf_spec(as_gguf(values, architecture=architecture)))
        assert tokenizer.control["<|user|>"].strips_right is strips
        assert not tokenizer.control["<|endoftext|>"].strips_right


# ---------------------------------------------------------------- gemma 4


def gemma4() -> dict[str, Any]:
    spec = gguf_spec(as_gguf(sentencepiece(_like_llama(False))))
    values = sentencepiece(_like_llama(False), kind="gemma4", special=["<|turn>", "<turn|>"])
    values["tokenizer.ggml.merges"] = [" ".join(merge) for merge in spec["model"]["merges"]]
    del values["tokenizer.ggml.pre"]
    return values


@pytest.mark.property
@given(text=PROMPTS)
def test_gemma_4_merges_whole_texts_and_falls_back_to_bytes(text: str) -> None:
    whole = text.encode("utf-8", "replace").decode().replace("\0", "")
    tokenizer = TextTokenizer(gguf_spec(as_gguf(gemma4())))
    processor = library.SentencePieceProcessor(model_proto=_like_llama(False))
    assert tokenizer.encode_text(whole, start=True) == processor.encode(whole)
    assert tokenizer.decode(tokenizer.encode_text(whole, start=True)) == whole


def test_gemma_4_begins_with_bos_and_keeps_its_turns_to_itself() -> None:
    tokenizer = TextTokenizer(gguf_spec(as_gguf(gemma4())))
    assert tokenizer.added_bos == 1
    ids = tokenizer.encode_text("<|turn>user<turn|>", start=True)
    assert not tokenizer.special & set(ids)


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokenizer.ggml.merges": []}, "no merges"),
        ({"tokenizer.ggml.merges": ["q1 q2"]}, "no merges"),
        ({"tokenizer.ggml.token_type": [1]}, "too few token types"),
        ({"tokenizer.ggml.tokens": ["a", "a", "b"]}, "a token twice"),
        ({"tokenizer.ggml.tokens": "abc"}, "no merges"),
    ],
)
def test_a_damaged_vocabulary_is_refused_in_one_line(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    file = write_gguf(tmp_path / "a.gguf", tokenizer=byte_level() | change)
    with pytest.raises(ModelError, match=said) as caught:
        TextTokenizer.load(file)
    assert len(str(caught.value).splitlines()) == 1


# ---------------------------------------------------------------- llama.cpp's own vocabularies


def _vocabularies() -> list[Path]:
    """``models/*.gguf`` in a checkout of llama.cpp, each with texts (``.inp``) and the ids that the
    original tokenizer gives them (``.out``)."""
    folder = os.environ.get("PARLEY_TEST_LLAMA_CPP", "")
    return sorted(Path(folder, "models").glob("ggml-vocab-*.gguf.inp")) if folder else []


@pytest.mark.skipif(not _vocabularies(), reason="set PARLEY_TEST_LLAMA_CPP to llama.cpp's source")
def test_real_vocabularies_give_the_ids_of_their_original_tokenizers() -> None:
    compared = 0
    for texts in _vocabularies():
        gguf = read_vocabulary(texts.with_suffix(""))
        if gguf.text("tokenizer.ggml.model") == "bert":
            continue
        tokenizer = TextTokenizer(gguf_spec(gguf))
        outputs = texts.with_suffix(".out").read_text().splitlines()
        inputs = texts.read_bytes().decode().split("\n__ggml_vocab_test__\n")
        for text, expected in zip(inputs, outputs, strict=False):
            # Qwen 3.5's own tokenizer composes accents, llama.cpp's, which wrote these, does not.
            if tokenizer.composes and any("\u0300" <= c <= "\u036f" for c in text):
                continue
            ids = tokenizer.encode_text(text, start=True)
            assert ids == [int(token) for token in expected.split()], (texts.name, text)
            compared += 1
    assert compared > 500
