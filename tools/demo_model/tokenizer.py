"""Trains the tokenizer (SentencePiece BPE as Llama 2 has it) and writes its `tokenizer.json` twin.

Guarantee: `tokenizer.model` and `tokenizer.json` give the same ids for every text; the tests
compare them. `tokenizer.json` is written in the older notation (merges as strings) because
transformers 4.37 with tokenizers 0.15 has to read it too.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import sentencepiece as spm

UNK, BOS, EOS = 0, 1, 2
SPACE = "\u2581"  # SentencePiece writes a space as this character

TOKENIZER_CONFIG: dict[str, Any] = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": None,
    "model_input_names": ["input_ids", "attention_mask"],  # Llama has no token types
    "add_bos_token": True,
    "add_eos_token": False,
    "clean_up_tokenization_spaces": False,
    "legacy": True,
    "model_max_length": 2048,
    "sp_model_kwargs": {},
    "chat_template": (
        "{% if messages[0]['role'] == 'system' %}"
        "{% set system = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}"
        "{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}"
        "{% for message in messages %}"
        "{% if message['role'] == 'user' %}"
        "{% set asked = (system if loop.first else '') + message['content'] %}"
        "{{ bos_token + '[INST] ' + asked.strip() + ' [/INST]' }}"
        "{% else %}{{ ' ' + message['content'].strip() + ' ' + eos_token }}{% endif %}"
        "{% endfor %}"
    ),
}


def train(texts: Iterable[str], vocab_size: int, required: str) -> bytes:
    """A SentencePiece BPE model with Llama 2's settings, as the bytes of `tokenizer.model`.

    Identity normalisation, single digits, byte fallback, a dummy space in front; `required` holds
    characters that get a piece of their own however rare they are.
    """
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=_lines(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocab_size,
        character_coverage=0.9995,
        required_chars=required,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        split_digits=True,
        byte_fallback=True,
        allow_whitespace_only_pieces=True,
        max_sentence_length=100_000,
        unk_id=UNK,
        bos_id=BOS,
        eos_id=EOS,
        pad_id=-1,
        num_threads=2,
        minloglevel=2,
    )
    return model.getvalue()


def _lines(texts: Iterable[str]) -> Iterator[str]:
    # The newline stays outside of every learned piece, as in Llama 2: it is always its byte.
    for text in texts:
        yield from (line for line in text.split("\n") if line)


def fast_tokenizer(model: bytes) -> dict[str, Any]:
    """The content of `tokenizer.json` for a SentencePiece BPE model given as bytes."""
    processor = spm.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(index) for index in range(processor.get_piece_size())]
    vocab = {piece: index for index, piece in enumerate(pieces)}
    special = [
        {
            "id": index,
            "content": pieces[index],
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for index in (UNK, BOS, EOS)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": SPACE},
                {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
            ],
            "pair": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "<s>", "type_id": 1}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": vocab,
            "merges": [f"{left} {right}" for left, right in _merges(processor, pieces)],
        },
    }


def _merges(processor: spm.SentencePieceProcessor, pieces: list[str]) -> list[tuple[str, str]]:
    """Every pair of pieces that forms a piece, in the order in which SentencePiece merges them.

    SentencePiece scores a BPE piece by minus its rank, so the pair whose result has the highest
    score merges first: that is the whole rule, and it needs every split of a piece, not only one.
    """
    known = {
        piece
        for index, piece in enumerate(pieces)
        if not (processor.is_control(index) or processor.is_byte(index) or index == UNK)
    }
    merges: list[tuple[str, str]] = []
    ranked = sorted(known, key=lambda piece: -processor.get_score(processor.piece_to_id(piece)))
    for piece in ranked:
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in known and right in known:
                merges.append((left, right))
    return merges


def write(model: bytes, folder: Path) -> None:
    """Writes tokenizer.model, tokenizer.json and tokenizer_config.json."""
    (folder / "tokenizer.model").write_bytes(model)
    _write_json(folder / "tokenizer.json", fast_tokenizer(model))
    _write_json(folder / "tokenizer_config.json", TOKENIZER_CONFIG)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
