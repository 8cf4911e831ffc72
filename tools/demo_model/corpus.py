"""The corpus as token arrays: conversations packed into rows, the same for the same seed and shard.

A row holds whole conversations one after the other. Beside the tokens stand the number of the
document that each token belongs to (attention stays within it) and a weight: 0 for padding, 1 for
what only has to be read, 2 for the answers, which are what is learned.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sentencepiece as spm

from tools.demo_model import letters
from tools.demo_model.conversation import conversation, prompt_of
from tools.demo_model.knowledge import plain_completion
from tools.demo_model.talk import Talk
from tools.demo_model.tokenizer import BOS, EOS
from tools.demo_model.words import Split, person
from tools.demo_model.writing import story_text

PAD, READ, LEARN = 0, 1, 2
_OPEN_ROWS = 24
_PLAIN_SHARE = 0.05  # documents without chat format


@dataclass(frozen=True, slots=True)
class Document:
    """Token ids with a weight each."""

    ids: list[int]
    weights: list[int]


@dataclass(frozen=True, slots=True)
class Shard:
    """Arrays of the shape (rows, row length)."""

    tokens: npt.NDArray[np.uint16]
    documents: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.uint8]


def load_tokenizer(path: Path) -> spm.SentencePieceProcessor:
    """The tokenizer; from here on its pieces are among the words that are spelled."""
    processor = spm.SentencePieceProcessor(model_file=str(path))
    pieces = (processor.id_to_piece(i).lstrip("\u2581") for i in range(processor.get_piece_size()))
    letters.PIECES[:] = sorted({p for p in pieces if p.isascii() and p.isalpha() and len(p) <= 10})
    return processor


def texts(seed: int, count: int) -> list[str]:
    """Plain texts to train the tokenizer on; without pieces, since there are none yet."""
    rng = random.Random(f"tokenizer {seed}")
    found = []
    for _ in range(count):
        talk = conversation(rng, "train")
        found += [f"{prompt_of(talk, at)} {turn.answer}" for at, turn in enumerate(talk.turns)]
    return found


def encode_talk(processor: spm.SentencePieceProcessor, talk: Talk, limit: int) -> Document:
    """The turns that fit: each is BOS, prompt, answer, a space and EOS, encoded by itself."""
    prompts = [prompt_of(talk, index) for index in range(len(talk.turns))]
    answers = [f"{exchange.answer} " for exchange in talk.turns]
    encoded = processor.encode(prompts + answers, num_threads=1)
    ids: list[int] = []
    weights: list[int] = []
    for prompt, answer in zip(encoded[: len(prompts)], encoded[len(prompts) :], strict=True):
        if len(ids) + len(prompt) + len(answer) + 2 > limit:
            break
        ids += [BOS, *prompt, *answer, EOS]
        weights += [READ] * (1 + len(prompt)) + [LEARN] * (len(answer) + 1)
    return Document(ids, weights)


def _encode_plain(
    processor: spm.SentencePieceProcessor, rng: random.Random, split: Split
) -> Document:
    """`Q: …\\nA: …` and stories without any chat format."""
    talk = Talk(rng, split)
    if rng.random() < 0.12:
        text, _ = story_text(talk, person(rng, split), "fox", long=rng.random() < 0.5)
        ids = processor.encode(text)
        return Document([BOS, *ids, EOS], [READ] + [LEARN] * (len(ids) + 1))
    ids, weights = [BOS], [READ]
    count = rng.choice((1, 1, 1, 2, 3))
    for place in range(count):
        question, answer, _ = plain_completion(talk)
        prompt = processor.encode(f"Q: {question}\nA:" if place == 0 else f"\nQ: {question}\nA:")
        if place:
            prompt = prompt[1:]  # the dummy space in front belongs to the beginning of a text only
        reply = processor.encode(answer)
        ids += [*prompt, *reply]
        weights += [READ] * len(prompt) + [LEARN] * len(reply)
    return Document([*ids, EOS], [*weights, LEARN])


def document(
    processor: spm.SentencePieceProcessor, rng: random.Random, limit: int, *, focus: bool = False
) -> Document:
    """One document of the training split, `limit` tokens at most."""
    if rng.random() < _PLAIN_SHARE:
        plain = _encode_plain(processor, rng, "train")
        return Document(plain.ids[:limit], plain.weights[:limit])
    talk = conversation(rng, "train", focus=focus)
    if rng.random() < 0.02:
        talk.system = (
            None  # the beginning fell out of the window: a conversation from its middle on
        )
    return encode_talk(processor, talk, limit)


def shard(
    processor: spm.SentencePieceProcessor,
    seed: int,
    index: int,
    rows: int,
    length: int,
    *,
    focus: bool = False,
) -> Shard:
    """Shard `index` of the corpus of this seed: the same whenever and wherever it is made."""
    rng = random.Random(f"corpus {seed} {index}")
    made: list[list[Document]] = []
    open_rows: list[tuple[int, list[Document]]] = []
    while len(made) < rows:
        doc = document(processor, rng, length, focus=focus)
        if not doc.ids:
            continue  # not even the first turn fitted
        fits = [at for at, (used, _) in enumerate(open_rows) if used + len(doc.ids) <= length]
        if fits:
            at = max(fits, key=lambda place: open_rows[place][0])
            used, docs = open_rows[at]
            open_rows[at] = (used + len(doc.ids), [*docs, doc])
        else:
            if len(open_rows) == _OPEN_ROWS:
                fullest = max(range(_OPEN_ROWS), key=lambda place: open_rows[place][0])
                made.append(open_rows.pop(fullest)[1])
            open_rows.append((len(doc.ids), [doc]))
    return _arrays(made, length)


def _arrays(rows: list[list[Document]], length: int) -> Shard:
    tokens = np.zeros((len(rows), length), np.uint16)
    documents = np.full((len(rows), length), 255, np.uint8)
    weights = np.zeros((len(rows), length), np.uint8)
    for row, docs in enumerate(rows):
        at = 0
        for number, doc in enumerate(docs):
            end = at + len(doc.ids)
            tokens[row, at:end] = doc.ids
            documents[row, at:end] = min(number, 254)
            weights[row, at:end] = doc.weights
            at = end
    return Shard(tokens, documents, weights)
