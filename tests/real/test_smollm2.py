"""A real model gives, through Parley, the prompts and the text that transformers gives."""

from contextlib import aclosing
from pathlib import Path

import pytest

from bot.generation.codec import ModelCodec
from bot.generation.options import WorkerOptions
from bot.generation.worker_generator import WorkerGenerator
from bot.messages import Finished, FinishReason, Prompt, Sampling
from tests.real.conftest import TOKENS, Reference

pytestmark = pytest.mark.process


async def test_prompts_have_the_token_ids_of_apply_chat_template(
    smollm2: Path, references: list[Reference]
) -> None:
    codec = ModelCodec.load(smollm2, 0)
    differing = [
        reference.conversation.question
        for reference in references
        if await codec.encode(reference.conversation) != reference.prompt
    ]
    assert differing == []


@pytest.mark.parametrize(("backend", "low_bit"), [("openvino", "fp16"), ("torch", "fp32")])
async def test_answers_are_transformers_own_greedy_text(
    backend: str,
    low_bit: str,
    smollm2: Path,
    references: list[Reference],
    tmp_path: Path,
) -> None:
    generator = WorkerGenerator(
        WorkerOptions(
            backend=backend,
            model=smollm2,
            device="cpu",
            low_bit=low_bit,
            context=2048,
            cache_dir=tmp_path,
        )
    )
    differing = []
    try:
        for reference in references:
            text, finished = await answer(generator, reference.conversation)
            ended = finished.reason is FinishReason.END
            if (text, ended) != (reference.text, reference.ended):
                differing.append((reference.conversation.question, text, reference.text))
    finally:
        await generator.aclose()
    assert differing == []


async def answer(generator: WorkerGenerator, prompt: Prompt) -> tuple[str, Finished]:
    """The greedy answer and how it ended."""
    text, finished = "", None
    async with aclosing(generator.stream(prompt, Sampling(0.0, max_new_tokens=TOKENS))) as stream:
        async for item in stream:
            if isinstance(item, str):
                text += item
            elif isinstance(item, Finished):
                finished = item
    assert finished is not None
    return text, finished
