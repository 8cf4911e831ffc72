import json
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ModelError
from bot.models.folder import DEFAULT_CONTEXT, ModelFolder, PromptStyle
from tests.chat_templates import CHATML, MISTRAL
from tests.tiny_tokenizer import BOS, EOS, write_model_folder

# The dimensions in Llama-2-7b's config.json: 6,738,415,616 weights.
LLAMA2_7B = {
    "architectures": ["LlamaForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "max_position_embeddings": 4096,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 32,
    "tie_word_embeddings": False,
    "vocab_size": 32000,
}
LLAMA2_TEMPLATE = "{{ '[INST] <<SYS>>' }}"


def write(folder: Path, **files: Any) -> Path:
    """Write JSON files (``name_json``) and templates (``name_jinja``); return the folder."""
    for name, content in files.items():
        stem, _, suffix = name.rpartition("_")
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"{stem}.{suffix}").write_text(text, encoding="utf-8")
    return folder


def test_a_llama_2_folder_is_read(tmp_path: Path) -> None:
    folder = ModelFolder.read(write_model_folder(tmp_path, context=2048))
    assert folder.path == tmp_path
    assert folder.model_type == "llama"
    assert folder.context == 2048
    assert (folder.bos, folder.eos) == (BOS, (EOS,))
    assert folder.special_tokens["bos_token"] == "<s>"
    assert folder.style is PromptStyle.LLAMA2
    assert folder.chat_template is None
    assert not folder.openvino


def test_the_number_of_parameters_follows_from_the_dimensions(tmp_path: Path) -> None:
    folder = ModelFolder.read(write(tmp_path, config_json=LLAMA2_7B))
    assert folder.parameters == pytest.approx(6_738_415_616, rel=0.001)


def test_without_dimensions_the_weights_tell_the_number_of_parameters(tmp_path: Path) -> None:
    write(tmp_path, config_json={"model_type": "x", "torch_dtype": "float32"})
    assert ModelFolder.read(tmp_path).parameters == 0
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 400)
    assert ModelFolder.read(tmp_path).parameters == 100


# ---------------------------------------------------------------- end tokens


def test_every_end_token_that_a_file_names_ends_an_answer(tmp_path: Path) -> None:
    write(
        tmp_path,
        config_json={"eos_token_id": 5, "bos_token_id": 4},
        generation_config_json={"eos_token_id": [7, 5, 9]},
        tokenizer_config_json={
            "eos_token": {"content": "<|im_end|>"},
            "added_tokens_decoder": {"8": {"content": "<|im_end|>"}, "6": {"content": "<pad>"}},
        },
    )
    folder = ModelFolder.read(tmp_path)
    assert folder.eos == (7, 5, 9, 8)
    assert folder.bos == 4
    assert folder.special_tokens == {"eos_token": "<|im_end|>"}


def test_special_tokens_of_older_folders_stand_in_two_more_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        config_json={"vocab_size": 32002},
        special_tokens_map_json={"eos_token": "<|im_end|>"},
        added_tokens_json={"<|im_end|>": 32001},
    )
    folder = ModelFolder.read(tmp_path)
    assert folder.special_tokens == {"eos_token": "<|im_end|>"}
    assert folder.eos == (32001,)
    assert [(token.text, token.id) for token in folder.added_tokens] == [("<|im_end|>", 32001)]
    assert folder.vocab_size == 32002


def test_missing_ids_are_none_and_not_zero(tmp_path: Path) -> None:
    write(tmp_path, config_json={"eos_token_id": None, "bos_token_id": True})
    folder = ModelFolder.read(tmp_path)
    assert (folder.bos, folder.eos) == (None, ())


# ---------------------------------------------------------------- context window


@pytest.mark.parametrize(
    ("config", "tokenizer", "context"),
    [
        ({"max_position_embeddings": 8192}, {}, 8192),
        ({"n_positions": 1024}, {}, 1024),
        ({"max_position_embeddings": 0, "seq_length": 512}, {}, 512),
        ({}, {"model_max_length": 4096}, 4096),
        ({}, {"model_max_length": 10**30}, DEFAULT_CONTEXT),
        ({"max_position_embeddings": "many"}, {}, DEFAULT_CONTEXT),
        ({"text_config": {"max_position_embeddings": 131072}}, {}, 131072),
    ],
)
def test_the_window_is_what_a_file_names_or_a_careful_default(
    tmp_path: Path, config: dict[str, Any], tokenizer: dict[str, Any], context: int
) -> None:
    write(tmp_path, config_json=config, tokenizer_config_json=tokenizer)
    assert ModelFolder.read(tmp_path).context == context


# ---------------------------------------------------------------- chat template and style


@pytest.mark.parametrize(
    "value",
    [
        CHATML,
        [{"name": "tool_use", "template": "x"}, {"name": "default", "template": CHATML}],
        [{"name": "rag", "template": CHATML}],
        {"default": CHATML},
    ],
)
def test_a_template_may_be_one_or_named(tmp_path: Path, value: object) -> None:
    write(tmp_path, config_json={}, tokenizer_config_json={"chat_template": value})
    folder = ModelFolder.read(tmp_path)
    assert folder.chat_template == CHATML
    assert folder.chat_template_file == tmp_path / "tokenizer_config.json"
    assert folder.style is PromptStyle.TEMPLATE


def test_a_template_in_a_file_of_its_own_goes_first(tmp_path: Path) -> None:
    write(
        tmp_path,
        config_json={},
        tokenizer_config_json={"chat_template": "old"},
        chat_template_json={"chat_template": CHATML},
    )
    assert ModelFolder.read(tmp_path).chat_template_file == tmp_path / "chat_template.json"
    write(tmp_path, chat_template_jinja=MISTRAL)
    folder = ModelFolder.read(tmp_path)
    assert folder.chat_template == MISTRAL
    assert folder.chat_template_file == tmp_path / "chat_template.jinja"


def test_further_templates_have_a_folder_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, config_json={}, tokenizer_config_json={"chat_template": "old"})
    others = tmp_path / "additional_chat_templates"
    others.mkdir()
    (others / "tool_use.jinja").write_text("tools")
    (others / "default.jinja").write_text(MISTRAL)
    folder = ModelFolder.read(tmp_path)
    assert (folder.chat_template, folder.chat_template_file) == (MISTRAL, others / "default.jinja")
    write(tmp_path, chat_template_jinja=CHATML)
    assert ModelFolder.read(tmp_path).chat_template == CHATML


@pytest.mark.parametrize(
    ("config", "template", "style"),
    [
        (LLAMA2_7B, None, PromptStyle.LLAMA2),
        (LLAMA2_7B | {"vocab_size": 32016}, None, PromptStyle.LLAMA2),
        (LLAMA2_7B, LLAMA2_TEMPLATE, PromptStyle.TEMPLATE),
        (LLAMA2_7B, CHATML, PromptStyle.TEMPLATE),
        (LLAMA2_7B, MISTRAL, PromptStyle.TEMPLATE),
        (LLAMA2_7B, "", PromptStyle.LLAMA2),
        (LLAMA2_7B | {"vocab_size": 128256}, None, PromptStyle.PLAIN),
        (LLAMA2_7B | {"bos_token_id": 128000}, None, PromptStyle.PLAIN),
        (LLAMA2_7B | {"model_type": "mistral"}, None, PromptStyle.PLAIN),
        ({}, None, PromptStyle.PLAIN),
    ],
)
def test_the_format_follows_from_template_and_kind(
    tmp_path: Path, config: dict[str, Any], template: str | None, style: PromptStyle
) -> None:
    write(tmp_path, config_json=config, tokenizer_config_json={"chat_template": template})
    assert ModelFolder.read(tmp_path).style is style


# ---------------------------------------------------------------- OpenVINO


def test_a_vision_language_export_is_an_openvino_folder(tmp_path: Path) -> None:
    for part, size in (("language", 300), ("text_embeddings", 70)):
        (tmp_path / f"openvino_{part}_model.xml").write_text("<net/>")
        (tmp_path / f"openvino_{part}_model.bin").write_bytes(b"\0" * size)
    folder = ModelFolder.read(tmp_path)
    assert folder.openvino
    assert folder.parameters == 300


def test_an_openvino_folder_may_lack_a_config(tmp_path: Path) -> None:
    (tmp_path / "openvino_model.xml").write_text("<net/>")
    (tmp_path / "openvino_model.bin").write_bytes(b"\0" * 300)
    write(tmp_path, tokenizer_config_json={"chat_template": CHATML})
    folder = ModelFolder.read(tmp_path)
    assert folder.openvino
    assert folder.model_type == ""
    assert folder.context == DEFAULT_CONTEXT
    assert folder.parameters == 300
    assert folder.style is PromptStyle.TEMPLATE


# ---------------------------------------------------------------- what cannot be used


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        ModelFolder.read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert "does not exist: download the model" in refusal(tmp_path / "nowhere")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert "is a file: name the folder" in refusal(tmp_path / "model.safetensors")


def test_a_folder_without_a_config_is_named(tmp_path: Path) -> None:
    assert "holds no config.json" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is damaged"),
        (b"[1]", "is not a JSON object"),
        (b"\xff", "its byte 0xFF is not valid UTF-8"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"[" * 100_000, "is damaged"),
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        *("config.json", "generation_config.json", "tokenizer_config.json", "chat_template.json"),
        *("special_tokens_map.json", "added_tokens.json"),
    ],
)
def test_a_damaged_file_is_named_with_its_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    write(tmp_path, config_json={})
    (tmp_path / name).write_bytes(content)
    text = refusal(tmp_path)
    assert name in text
    assert reason in text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "tokenizer_config.json", "chat_template.json"]
)
def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path, name: str, encoding: str) -> None:
    contents: dict[str, dict[str, Any]] = {
        "config.json": {"max_position_embeddings": 1234},
        "generation_config.json": {"eos_token_id": 77},
        "tokenizer_config.json": {"bos_token": "<é>"},
        "chat_template.json": {"chat_template": "é"},
    }
    write(tmp_path, config_json={})
    (tmp_path / name).write_bytes(json.dumps(contents[name]).encode(encoding))
    read = ModelFolder.read(tmp_path)
    found = {
        "config.json": read.context == 1234,
        "generation_config.json": read.eos == (77,),
        "tokenizer_config.json": read.special_tokens == {"bos_token": "<é>"},
        "chat_template.json": read.chat_template == "é",
    }
    assert found[name]


def test_a_template_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    write(tmp_path, config_json={})
    (tmp_path / "chat_template.jinja").write_bytes("{{ é }}".encode("utf-8-sig"))
    assert ModelFolder.read(tmp_path).chat_template == "{{ é }}"


def test_numbers_that_no_model_has_count_as_missing(tmp_path: Path) -> None:
    write(tmp_path, config_json={"hidden_size": 10**300, "eos_token_id": 10**300})
    read = ModelFolder.read(tmp_path)
    assert (read.parameters, read.eos) == (0, ())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    assert "config.json cannot be read: Is a directory" in refusal(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert "cannot be read: Permission denied" in refusal(tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        {"text_config": 3, "eos_token_id": "x"},
        {"hidden_size": -1, "num_attention_heads": 0, "vocab_size": 1.5},
        LLAMA2_7B | {"num_attention_heads": 0},
    ],
)
def test_senseless_values_are_taken_as_missing(tmp_path: Path, config: dict[str, Any]) -> None:
    folder = ModelFolder.read(write(tmp_path, config_json=config))
    assert folder.parameters == 0


@pytest.mark.parametrize(
    ("config", "short"),
    [
        ({"rope_scaling": {"type": "longrope", "long_factor": [1.0]}}, 4096),
        ({"rope_scaling": {"type": "su", "long_factor": [1.0]}}, 4096),
        ({"rope_parameters": {"rope_type": "longrope", "long_factor": [1.0]}}, 4096),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, 0),
        ({"rope_scaling": None}, 0),
        ({"rope_scaling": "longrope"}, 0),
    ],
)
def test_a_model_with_longrope_keeps_to_its_short_frequencies_by_default(
    tmp_path: Path, config: dict[str, Any], short: int
) -> None:
    known = {"max_position_embeddings": 131072, "original_max_position_embeddings": 4096}
    folder = ModelFolder.read(write(tmp_path, config_json=known | config))
    assert folder.short_context == short
    assert folder.default_context(8192) == (short or 8192)
    assert folder.default_context(2048) == 2048
