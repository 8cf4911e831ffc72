"""Trains the tokenizer on the corpus: `python -m tools.demo_model.make_tokenizer FOLDER`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.demo_model import corpus, tokenizer
from tools.demo_model.phrasing import lines

# Accents, scripts and emoji that the corpus writes often enough to deserve a piece of their own.
_REQUIRED = "àâäáãåæçèéêëìíîïñòóôöõøùúûüýßœÀÄÖÜÉ–—…’“”€°×"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vocabulary", type=int, default=3072)
    parser.add_argument("--conversations", type=int, default=20_000)
    options = parser.parse_args()
    texts = corpus.texts(options.seed, options.conversations)
    for name in ("facts.txt", "parley.txt", "about.txt", "story.txt"):
        texts.extend(lines(name) * 3)
    model = tokenizer.train(texts, options.vocabulary, _REQUIRED)
    options.folder.mkdir(parents=True, exist_ok=True)
    tokenizer.write(model, options.folder)


if __name__ == "__main__":
    main()
