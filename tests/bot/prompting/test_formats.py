import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ModelError
from bot.messages import Completion, Exchange, Prompt
from bot.models.folder import ModelFolder, PromptStyle
from bot.prompting import formats as prompts
from bot.prompting.formats import Llama2Format, PlainFormat, TemplateFormat, format_for
from tests.chat_templates import CHATML, CHATML_TOKENS, LLAMA2, LLAMA2_LIKE, VICUNA
from tests.tiny_tokenizer import BOS, EOS, VOCAB_SIZE, byte_level_spec, write_model_folder


def read(folder: Path) -> ModelFolder:
    return ModelFolder.read(folder)


def byte_level_folder(folder: Path, template: str | None) -> ModelFolder:
    (folder / "tokenizer.json").write_text(json.dumps(byte_level_spec(CHATML_TOKENS)))
    config = {"eos_token": "<|im_end|>", "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2", "eos_token_id": 512}))
    return read(folder)


def test_llama_2_gets_its_own_format(tmp_path: Path) -> None:
    ours = format_for(read(write_model_folder(tmp_path)))
    assert isinstance(ours, Llama2Format)
    assert ours.ends == {EOS}
    assert ours.encode(Prompt("", (), "the"))[0] == BOS


def test_llama_2s_end_tokens_are_found_where_only_the_tokenizer_names_them(tmp_path: Path) -> None:
    config = json.loads((write_model_folder(tmp_path) / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"eos_token_id": None}))
    folder = replace(read(tmp_path), style=PromptStyle.LLAMA2)
    ours = format_for(folder)
    assert isinstance(ours, Llama2Format)
    assert ours.ends == {EOS}
    assert ours.encode(Prompt("", (), "the"))[0] == BOS


def test_llama_2_without_end_tokens_is_refused(tmp_path: Path) -> None:
    folder = replace(byte_level_folder(tmp_path, None), style=PromptStyle.LLAMA2)
    with pytest.raises(ModelError, match="bos_token_id"):
        format_for(folder)


@pytest.mark.process
def test_llama_2s_format_is_used_where_the_template_writes_it(tmp_path: Path) -> None:
    meta = format_for(read(write_model_folder(tmp_path / "meta", chat_template=LLAMA2)))
    other = format_for(read(write_model_folder(tmp_path / "other", chat_template=LLAMA2_LIKE)))
    assert isinstance(meta, Llama2Format)
    assert isinstance(other, TemplateFormat)
    prompt = Prompt("", (Exchange("Hi", "Hello."),), "Why?")
    assert "Hello. </s><s> [INST]" in meta.tokenizer.decode(meta.encode(prompt), show_control=True)
    assert "Hello.</s><s> [INST]" in meta.tokenizer.decode(other.encode(prompt), show_control=True)


@pytest.mark.process
def test_a_model_with_a_template_gets_that(tmp_path: Path) -> None:
    assert isinstance(format_for(byte_level_folder(tmp_path, CHATML)), TemplateFormat)
    folder = read(write_model_folder(tmp_path / "vicuna", chat_template=VICUNA))
    assert isinstance(format_for(folder), TemplateFormat)


# ---------------------------------------------------------------- folders of other tools

NAMED = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.content }}{{ eos_token }}{% endfor %}"
)


def older_folder(folder: Path, **files: dict[str, Any]) -> Path:
    """A folder whose further tokens stand in other files than those of the tokenizer."""
    write_model_folder(folder)
    config = {"model_type": "llama", "vocab_size": VOCAB_SIZE + 2}
    defaults = {
        "config": config,
        "tokenizer_config": {"tokenizer_class": "PreTrainedTokenizerFast"},
        "special_tokens_map": {"bos_token": "<s>", "eos_token": {"content": "<|im_end|>"}},
        "added_tokens": {"<|im_start|>": VOCAB_SIZE, "<|im_end|>": VOCAB_SIZE + 1},
    }
    for name, content in (defaults | files).items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    (folder / "chat_template.jinja").write_text(NAMED)
    return folder


@pytest.mark.process
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "files",
    [
        {
            "special_tokens_map": {
                "bos_token": "<s>",
                "eos_token": {"content": "<|im_end|>", "lstrip": False},
                "extra_special_tokens": ["<|im_start|>"],
            }
        },
        {
            "special_tokens_map": {},
            "tokenizer_config": {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": "<s>",
                "eos_token": "<|im_end|>",
                "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
            },
        },
        {
            "added_tokens": {},
            "tokenizer_config": {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": {"__type": "AddedToken", "content": "<s>"},
                "eos_token": {"__type": "AddedToken", "content": "<|im_end|>"},
                "added_tokens_decoder": {
                    str(number): {
                        "content": text,
                        "special": True,
                        "lstrip": False,
                        "rstrip": False,
                        "normalized": False,
                        "single_word": False,
                    }
                    for number, text in [
                        (0, "<unk>"),
                        (BOS, "<s>"),
                        (EOS, "</s>"),
                        (VOCAB_SIZE, "<|im_start|>"),
                        (VOCAB_SIZE + 1, "<|im_end|>"),
                    ]
                },
            },
        },
    ],
    ids=["special_tokens_map and added_tokens", "tokenizer_config", "added_tokens_decoder"],
)
def test_special_tokens_are_found_where_transformers_finds_them(
    tmp_path: Path, files: dict[str, Any]
) -> None:
    from transformers import AutoTokenizer

    ours = format_for(read(older_folder(tmp_path, **files)))
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    messages = [{"role": "user", "content": "Hi"}]
    expected = theirs.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert ours.encode(Prompt("", (), "Hi")) == expected
    assert expected[:2] == [BOS, VOCAB_SIZE]
    assert VOCAB_SIZE + 1 in ours.ends
    (tmp_path / "tokenizer.json").unlink()  # tokenizer.model is left
    assert format_for(read(tmp_path)).encode(Prompt("", (), "Hi")) == expected


@pytest.mark.process
def test_the_beginning_and_the_end_of_a_text_are_named_by_the_ids_of_the_configuration(
    tmp_path: Path,
) -> None:
    config = {"vocab_size": VOCAB_SIZE + 2, "bos_token_id": BOS, "eos_token_id": VOCAB_SIZE + 1}
    folder = older_folder(tmp_path, special_tokens_map={}, config=config)
    ours = format_for(read(folder))
    shown = ours.tokenizer.decode(ours.encode(Prompt("", (), "the")), show_control=True)
    assert shown.replace(" ", "") == "<s><|im_start|>the<|im_end|>"


@pytest.mark.process
def test_a_token_that_a_file_sets_to_null_is_not_named_by_its_id(tmp_path: Path) -> None:
    config = {"vocab_size": VOCAB_SIZE + 2, "bos_token_id": BOS, "eos_token_id": VOCAB_SIZE + 1}
    ours = format_for(
        read(
            older_folder(
                tmp_path, special_tokens_map={}, config=config, tokenizer_config={"bos_token": None}
            )
        )
    )
    assert BOS not in ours.encode(Prompt("", (), "the"))


# ---------------------------------------------------------------- models without a chat format


def test_a_model_without_a_chat_format_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folder = byte_level_folder(tmp_path, None)
    with pytest.raises(ModelError, match=r"no chat template.*instruct variant"):
        format_for(folder)


def test_a_model_without_a_chat_format_can_complete_texts(tmp_path: Path) -> None:
    ours = format_for(byte_level_folder(tmp_path, None), chat=False)
    assert isinstance(ours, PlainFormat)
    ids = ours.encode_completion("Q: <|im_end|>")
    assert ours.tokenizer.decode(ids) == "Q: <|im_end|>"
    assert not ours.ends.intersection(ids)
    with pytest.raises(ModelError, match="no chat template"):
        ours.count(Prompt("", (), "the"))


# ---------------------------------------------------------------- without blocking the event loop


class Watched(PlainFormat):
    """A format that records the threads in which it is called."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def encode(self, prompt: Prompt) -> list[int]:
        self.threads.append(threading.current_thread())
        return [1, 2, 3]

    def encode_completion(self, text: str) -> list[int]:
        return self.encode(Prompt("", (), text))


@pytest.mark.parametrize("kind", [lambda text: Prompt("", (), text), Completion])
async def test_long_texts_are_tokenized_in_another_thread(kind: type[Completion]) -> None:
    watched = Watched()
    assert await prompts.encode(watched, kind("short")) == [1, 2, 3]
    assert await prompts.count(watched, kind("short")) == 3
    assert set(watched.threads) == {threading.current_thread()}
    watched.threads.clear()
    assert await prompts.encode(watched, kind("x" * prompts.LONG_TEXT)) == [1, 2, 3]
    assert await prompts.count(watched, kind("x" * prompts.LONG_TEXT)) == 3
    assert threading.current_thread() not in watched.threads


@pytest.mark.process
async def test_a_template_is_rendered_off_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = format_for(byte_level_folder(tmp_path, CHATML))
    threads: list[threading.Thread] = []
    encode = TemplateFormat.encode

    def watched(self: TemplateFormat, prompt: Prompt) -> list[int]:
        threads.append(threading.current_thread())
        return encode(self, prompt)

    monkeypatch.setattr(TemplateFormat, "encode", watched)
    long = Prompt("", (Exchange("Hi", "Ho"),) * 40, "And?")
    for _ in range(2):
        await prompts.encode(ours, long)
        await prompts.count(ours, long)
    main = threading.main_thread()
    assert threads[0] is not main, "the template was not rendered for so many turns before"
    assert threads[1:] == [main] * 3
