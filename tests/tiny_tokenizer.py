"""A tokenizer like Llama 2's, small enough to be trained in a test.

SentencePiece BPE with byte fallback, identity normalization and a dummy prefix (a space in front of
each text). Special tokens: ``<unk>`` 0, ``<s>`` 1, ``</s>`` 2, no padding. 512 tokens in all. It is
trained once in each process, in a tenth of a second, and always to the same vocabulary.
`write_tokenizer` writes its files in Hugging Face's layout; `write_model_folder` adds the
``config.json`` of a Llama 2: a model without weights.
"""

import functools
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sentencepiece
import tokenizers
import tokenizers.decoders
import tokenizers.models
import tokenizers.pre_tokenizers
import tokenizers.trainers

UNK, BOS, EOS = 0, 1, 2
VOCAB_SIZE = 512

TEXT = """\
The lighthouse keeper wrote every evening in the same small book. He wrote about the weather,
about the ships that passed, and about the questions that people asked him in the harbour.
"Why does the light turn?" asked a child. "So that the ships know which light it is," he answered.
What is the answer to this question? The answer is that there is no answer, said the teacher.
You are a helpful, honest assistant in a chat. Answer briefly and say when you do not know.
Hello there! How are you today? I am well, thank you, and I hope that you are well too.
Tell me a story about the sea. Once upon a time there was a ship with seven sails and no captain.
The model reads the tokens one by one, and each token has a number: 0 1 2 3 4 5 6 7 8 9.
def add(left, right): return left + right  # a function; print(add(1, 2)) prints {"sum": 3}
[INST] a question [/INST] an answer [INST] another question [/INST] another answer
<<SYS>> the system <</SYS>> and again: [INST] <<SYS>> be kind <</SYS>> Hello [/INST] Hi! [/INST]
The quick brown fox jumps over the lazy dog. JUMPS, QUICK & VEXING: The Five Boxing Wizards!
Café, naïve, Straße, über, ¿qué?, señor, – and “quotes” with an … ellipsis.
In the morning the wind turned north, and the keeper wrote it down: wind from the north, cold.
Nobody knows how long the book was; the children say that it was longer than the shore.
When the question was too long, the keeper laughed and asked for a shorter question instead.
"""


@functools.cache
def sentencepiece_model() -> bytes:
    """The content of ``tokenizer.model``."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.splitlines()),
        model_writer=model,
        model_type="bpe",
        vocab_size=VOCAB_SIZE,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        byte_fallback=True,
        allow_whitespace_only_pieces=True,
        unk_id=UNK,
        bos_id=BOS,
        eos_id=EOS,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def _merges(vocab: dict[str, int]) -> list[list[str]]:
    # SentencePiece numbers the pieces in the order of their merges, single characters last. Every
    # way to split a piece into two pieces is a merge.
    return [
        [piece[:cut], piece[cut:]]
        for piece in vocab
        if len(piece) > 1 and not piece.startswith("<0x")
        for cut in range(1, len(piece))
        if piece[:cut] in vocab and piece[cut:] in vocab
    ]


def _added(token: str, number: int) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": number, "content": token, **flags, "special": True}


@functools.cache
def tokenizer_json() -> str:
    """The content of ``tokenizer.json``, structured as in Llama 2's repository."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_model())
    vocab = {processor.id_to_piece(number): number for number in range(len(processor))}
    start = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    value = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added("<unk>", UNK), _added("<s>", BOS), _added("</s>", EOS)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [start, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
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
            "merges": _merges(vocab),
        },
    }
    return json.dumps(value, ensure_ascii=False)


def write_tokenizer(folder: Path, *, chat_template: str | None = None) -> Path:
    """Write tokenizer.model, tokenizer.json and tokenizer_config.json into `folder`; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {
        "tokenizer_class": "LlamaTokenizer",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": None,
        "add_bos_token": True,
        "add_eos_token": False,
        "legacy": True,
    }
    if chat_template is not None:
        config["chat_template"] = chat_template
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    (folder / "tokenizer.json").write_text(tokenizer_json(), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_model_folder(
    folder: Path, *, chat_template: str | None = None, context: int = 4096
) -> Path:
    """Write the tokenizer and ``config.json`` of a tiny Llama 2 into `folder`; return it."""
    write_tokenizer(folder, chat_template=chat_template)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": context,
        "rms_norm_eps": 1e-05,
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "vocab_size": VOCAB_SIZE,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@functools.cache
def _byte_level_model() -> str:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(TEXT.splitlines(), trainer)
    return str(tokenizer.to_str())


def byte_level_spec(special: Sequence[str], *, bos: str | None = None) -> dict[str, Any]:
    """The content of a ``tokenizer.json`` with byte-level BPE, as Llama 3 and Qwen have it. It has
    512 ordinary tokens and then these special ones. With `bos`, one of them, the tokenizer puts
    that token in front of each text."""
    spec: dict[str, Any] = json.loads(_byte_level_model())
    size = len(spec["model"]["vocab"])
    spec["added_tokens"] = [_added(token, size + place) for place, token in enumerate(special)]
    if bos is not None:
        start = {"SpecialToken": {"id": bos, "type_id": 0}}
        text = {"Sequence": {"id": "A", "type_id": 0}}
        number = size + special.index(bos)
        spec["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [start, text],
            "pair": [start, text, text],
            "special_tokens": {bos: {"id": bos, "ids": [number], "tokens": [bos]}},
        }
    return spec
