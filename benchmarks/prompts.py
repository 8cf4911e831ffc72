"""Measures what it costs to make a prompt of a conversation and to count its tokens.

    python -m benchmarks.prompts [--turns 200] [--model FOLDER]

Without a model's folder: a template with the habits of Qwen3's, which looks at every content, and a
tokenizer of 512 tokens. Milliseconds, for a conversation that is new, one that was counted before,
one that is a turn longer, and one of the same length with other contents.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from bot.messages import Exchange, Prompt
from bot.models.folder import ModelFolder
from bot.prompting.formats import PromptFormat, format_for
from tests.chat_templates import QWEN3, QWEN3_TOKENS
from tests.tiny_tokenizer import byte_level_spec


def write_model(folder: Path) -> Path:
    """A folder without weights."""
    (folder / "config.json").write_text(json.dumps({"model_type": "any"}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}))
    (folder / "tokenizer.json").write_text(json.dumps(byte_level_spec(QWEN3_TOKENS)))
    (folder / "chat_template.jinja").write_text(QWEN3)
    return folder


def conversation(turns: int, mark: str = "") -> Prompt:
    """A conversation with answers of 400 characters."""
    history = tuple(
        Exchange(f"question {n}{mark}: " + "why is it so? " * 8, f"answer {n}: " + "because. " * 45)
        for n in range(turns)
    )
    return Prompt("You are kind.", history, "why?")


def milliseconds(chat: PromptFormat, prompt: Prompt) -> float:
    start = time.perf_counter()
    chat.count(prompt)
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        chat = format_for(ModelFolder.read(options.model or write_model(Path(place))))
        loaded = (time.perf_counter() - start) * 1e3
    prompt = conversation(options.turns)
    print(f"loading the tokenizer and the template: {loaded:.0f} ms")
    print(f"counting {options.turns} turns:")
    print(f"  new: {milliseconds(chat, prompt):.1f} ms, {chat.count(prompt):,} tokens")
    print(f"  again: {milliseconds(chat, prompt):.1f} ms")
    print(f"  a turn more: {milliseconds(chat, conversation(options.turns + 1)):.1f} ms")
    print(f"  other contents: {milliseconds(chat, conversation(options.turns, 'x')):.1f} ms")


if __name__ == "__main__":
    main()
