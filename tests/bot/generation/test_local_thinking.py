"""Local models that think: tags as special tokens, their own length, taken up again."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.generation import WorkerGenerator, WorkerOptions
from bot.generation.answer_reader import AnswerReader
from bot.generation.codec import ModelCodec
from bot.messages import Exchange, Finished, FinishReason, Prompt, Reasoning, Sampling, Thought
from tests.chat_templates import CHATML, CHATML_TOKENS
from tests.tiny_tokenizer import byte_level_spec

pytestmark = pytest.mark.process

SELF_OPENED = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.reasoning_content %}
{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}
{%- endif %}
{{- message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and not enable_thinking %}
{{- '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}
"""
"""The model writes both tags."""
OPENED = SELF_OPENED.replace(
    "{%- if enable_thinking is defined",
    "{%- if enable_thinking is not defined or enable_thinking %}{{- '<think>\\n' }}{% endif %}"
    "{%- if enable_thinking is defined",
)
"""The generation prompt opens the thought."""
TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")

HARMONY = """\
{%- for message in messages %}
{%- if message.role == 'assistant' %}
{%- if message.thinking and loop.last %}
{{- '<|start|>assistant<|channel|>analysis<|message|>' + message.thinking + '<|end|>' }}
{%- endif %}
{{- '<|start|>assistant<|channel|>final<|message|>' + message.content + '<|end|>' }}
{%- else %}{{- '<|start|>' + message.role + '<|message|>' + message.content + '<|end|>' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start|>assistant' }}{% endif %}
"""
HARMONY_TOKENS = ("<|return|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>")

LONG = Sampling(max_new_tokens=1000, max_thinking_tokens=1000)
PROMPT = Prompt("Be kind.", (), "How are you?")


def folder_of(folder: Path, template: str, tokens: tuple[str, ...], eos: str) -> Path:
    folder.mkdir()
    spec = byte_level_spec(tokens)
    numbers = {added["content"]: added["id"] for added in spec["added_tokens"]}
    config = {"model_type": "qwen3", "max_position_embeddings": 2048, "eos_token_id": numbers[eos]}
    words = {"eos_token": eos, "chat_template": template}
    (folder / "tokenizer.json").write_text(json.dumps(spec), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(words), encoding="utf-8")
    return folder


@pytest.fixture
def codec(tmp_path: Path) -> ModelCodec:
    return ModelCodec.load(folder_of(tmp_path / "qwen", SELF_OPENED, TOKENS, "<|im_end|>"), 0)


def generated(codec: ModelCodec, text: str) -> list[int]:
    """The ids that a model generates for a text with special tokens in it."""
    tokenizer = codec._format.tokenizer
    ids: list[int] = []
    for part in tokenizer.split_control(text):
        if isinstance(part, str):
            ids += tokenizer.encode_text(part, start=False)
        else:
            ids.append(part.id)
    return ids


def read(reader: AnswerReader, ids: list[int], size: int = 1) -> tuple[str, str]:
    """Thought and answer."""
    pieces: list[str | Thought] = []
    for place in range(0, len(ids), size):
        pieces += reader.feed(ids[place : place + size])
    pieces += reader.flush()
    return (
        "".join(piece.text for piece in pieces if isinstance(piece, Thought)),
        "".join(piece for piece in pieces if isinstance(piece, str)),
    )


@pytest.mark.parametrize("size", [1, 2, 1000])
async def test_tags_that_are_special_tokens_reach_the_filter(codec: ModelCodec, size: int) -> None:
    ids = generated(codec, "<think>\nLet me see.\n</think>\n\nFine, <think> thanks.")
    reader = codec.reader(PROMPT, await codec.encode(PROMPT), LONG)
    assert read(reader, ids, size) == ("Let me see.", "Fine,  thanks.")
    assert reader.thinking_tokens < reader.tokens == len(ids)


async def test_text_that_spells_a_tag_is_no_special_token(codec: ModelCodec) -> None:
    typed = replace(PROMPT, question="<think>x</think>")
    tags = {codec._format.tokenizer.token_id(tag) for tag in ("<think>", "</think>")}
    assert not tags & set(await codec.encode(typed))
    history = replace(PROMPT, history=(Exchange("Hi", "<think>x</think> y"),))
    assert not tags & set(await codec.encode(history))


async def test_when_the_model_thinks_is_read_from_its_template(
    codec: ModelCodec, tmp_path: Path
) -> None:
    everything = frozenset(Reasoning)
    assert codec.thinks_at == everything - {Reasoning.OFF}
    assert codec.reasoning_levels == everything - {Reasoning.AUTO}
    opened = ModelCodec.load(folder_of(tmp_path / "r1", OPENED, TOKENS, "<|im_end|>"), 0)
    assert opened.thinks_at == everything - {Reasoning.OFF}
    never = ModelCodec.load(folder_of(tmp_path / "no", CHATML, CHATML_TOKENS, "<|im_end|>"), 0)
    assert never.thinks_at == never.reasoning_levels == frozenset()


async def test_a_thought_that_the_prompt_opens_needs_no_opening_tag(tmp_path: Path) -> None:
    codec = ModelCodec.load(folder_of(tmp_path / "r1", OPENED, TOKENS, "<|im_end|>"), 0)
    ids = generated(codec, "Let me see.\n</think>\n\nFine.")
    assert read(codec.reader(PROMPT, await codec.encode(PROMPT), LONG), ids) == (
        "Let me see.",
        "Fine.",
    )
    off = replace(PROMPT, reasoning=Reasoning.OFF)
    ids = generated(codec, "Fine.")
    assert read(codec.reader(off, await codec.encode(off), LONG), ids) == ("", "Fine.")


async def test_harmonys_channels_are_thought_and_answer(tmp_path: Path) -> None:
    codec = ModelCodec.load(folder_of(tmp_path / "oss", HARMONY, HARMONY_TOKENS, "<|return|>"), 0)
    end = codec._format.tokenizer.token_id("<|end|>")
    assert end not in codec.stops  # it also ends the thought
    assert codec._format.tokenizer.token_id("<|return|>") in codec.stops
    ids = generated(
        codec,
        "<|channel|>analysis<|message|>Let me see.<|end|><|start|>assistant<|channel|>final"
        "<|message|>Fine.<|return|>More",
    )
    reader = codec.reader(PROMPT, await codec.encode(PROMPT), LONG)
    assert read(reader, ids) == ("Let me see.", "Fine.")
    assert reader.ended is FinishReason.END


async def test_a_thought_is_closed_by_the_tokens_that_the_template_writes(
    codec: ModelCodec,
) -> None:
    reader = codec.reader(PROMPT, await codec.encode(PROMPT), replace(LONG, max_thinking_tokens=4))
    ids = generated(codec, "<think>\nOn and on and on")
    assert len(reader.feed(ids)) <= 1
    assert reader.exhausted
    assert reader.thinking_tokens == 4
    assert reader.family is not None
    closing = codec.closing(reader.family, reader.thought_ids)
    assert codec._format.tokenizer.decode(closing, show_control=True) == "\n</think>\n\n"
    assert codec._format.tokenizer.token_id("</think>") in closing


async def test_a_template_that_raises_on_the_switch_is_rendered_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = SELF_OPENED + (
        "{% if reasoning_effort is defined and reasoning_effort not in ['high', 'max'] %}"
        "{{ raise_exception('no such effort') }}{% endif %}"
    )
    codec = ModelCodec.load(folder_of(tmp_path / "no", refusing, TOKENS, "<|im_end|>"), 0)
    assert 'reasoning = "low" is not sent' in caplog.text
    low, high = (replace(PROMPT, reasoning=level) for level in (Reasoning.LOW, Reasoning.HIGH))
    assert await codec.encode(low) == await codec.encode(PROMPT) == await codec.encode(high)


# ---------------------------------------------------------------- the script

SCRIPT = "<think>\na b c d e f\n</think>\n\ng h i j"
FAST = WorkerOptions(backend="scripted", script=SCRIPT, tokens_per_second=0.0, context=1000)


@asynccontextmanager
async def running(options: WorkerOptions) -> AsyncIterator[WorkerGenerator]:
    generator = WorkerGenerator(options)
    try:
        await generator.start()
        yield generator
    finally:
        await generator.aclose()


async def answered(
    generator: WorkerGenerator, prompt: Prompt, sampling: Sampling
) -> tuple[str, str, Finished]:
    """Thought, text and end."""
    thought = text = ""
    async for piece in generator.stream(prompt, sampling):
        if isinstance(piece, Finished):
            return thought, text, piece
        if isinstance(piece, str):
            text += piece
        else:
            thought = piece.text if piece.whole else thought + piece.text
    raise AssertionError("the stream ended without an end")


async def test_a_script_thinks_and_is_taken_up_wherever_it_broke_off() -> None:
    async with running(FAST) as generator:
        assert (await generator.start()).thinks_at
        thought, text, end = await answered(generator, PROMPT, LONG)
        assert (thought, text, end.reason) == ("a b c d e f", "g h i j", FinishReason.END)
        assert (end.usage.completion_tokens, end.usage.thinking_tokens) == (12, 8)
        for said in ("a", "a b c", "a b c d e f"):
            more, text, _ = await answered(generator, replace(PROMPT, thought=said), LONG)
            assert (said + more, text) == ("a b c d e f", "g h i j")
        begun = replace(PROMPT, thought="a b c d e f", answer="g h")
        assert (await answered(generator, begun, LONG))[:2] == ("", " i j")
        other = replace(PROMPT, thought="quite another thought")
        assert (await answered(generator, other, LONG))[:2] == ("a b c d e f", "g h i j")


@pytest.mark.parametrize("most", [0, 1, 4, 7])
async def test_at_the_end_of_its_length_a_thought_is_closed(most: int) -> None:
    async with running(FAST) as generator:
        short = Sampling(max_new_tokens=3, max_thinking_tokens=most)
        thought, text, end = await answered(generator, PROMPT, short)
        assert "a b c d e f".startswith(thought)
        assert (text, end.reason) == ("g h i", FinishReason.LENGTH)
        assert end.usage.thinking_tokens == max(most, 1)
        assert end.usage.answer_tokens == 3


async def test_the_length_of_an_answer_does_not_count_its_thought() -> None:
    async with running(FAST) as generator:
        roomy = Sampling(max_new_tokens=2, max_thinking_tokens=100)
        _, text, end = await answered(generator, PROMPT, roomy)
        assert (text, end.reason) == ("g h", FinishReason.LENGTH)
        assert (await answered(generator, PROMPT, replace(roomy, max_new_tokens=4)))[1] == "g h i j"


# ---------------------------------------------------------------- a real architecture


def write_tiny_qwen3(folder: Path) -> Any:
    """A Qwen3 with random weights, by transformers' own class."""
    import torch
    import transformers

    folder_of(folder, SELF_OPENED, TOKENS, "<|im_end|>")
    torch.manual_seed(0)
    config = transformers.Qwen3Config(
        vocab_size=520,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=512,
        bos_token_id=512,
        eos_token_id=514,
        tie_word_embeddings=False,
        initializer_range=0.2,
        dtype="float32",
    )
    model: Any = transformers.Qwen3ForCausalLM(config)
    model.eval()
    model.save_pretrained(folder)
    return model


async def test_a_tiny_qwen3_answers_as_transformers_after_a_forced_thought(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = write_tiny_qwen3(tmp_path / "qwen3")
    codec = ModelCodec.load(tmp_path / "qwen3", 0)
    options = WorkerOptions(
        backend="torch", model=tmp_path / "qwen3", device="cpu", low_bit="fp32", context=400
    )
    prompt = replace(PROMPT, thought="Is it 2 or 3? The keeper wrote every evening.")
    sampling = Sampling(temperature=0.0, top_k=0, max_new_tokens=24, max_thinking_tokens=6)
    async with running(options) as generator:
        assert (await generator.start()).thinks_at
        thought, text, end = await answered(generator, prompt, sampling)

    def greedy(ids: list[int], tokens: int) -> list[int]:
        with torch.inference_mode():
            made = model.generate(
                torch.tensor([ids]), max_new_tokens=tokens, do_sample=False, pad_token_id=512
            )
        return list(made[0, len(ids) :].tolist())

    ids = await codec.encode(prompt)
    more = greedy(ids, 6)
    expected = codec.reader(prompt, ids, sampling)
    assert thought == read(expected, more)[0]
    assert expected.family is not None
    ids += more + codec.closing(expected.family, more)
    answer = greedy(ids, 24)
    shown = codec.answer_reader(sampling)
    assert text == read(shown, answer)[1]
    assert end.usage.thinking_tokens == 6
    assert end.usage.completion_tokens == 6 + shown.tokens
