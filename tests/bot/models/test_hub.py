"""Which files of a repository are taken."""

import pytest

from bot.errors import ModelError
from bot.models.hub import HubFile, needed
from bot.models.kind import kind_of
from bot.models.repository import Repository


def chosen(*paths: str, wanted: str = "") -> set[str]:
    files = [HubFile(path, 1, path, large=False) for path in paths]
    kind = kind_of(Repository("org/model", dict.fromkeys(paths, 1)))
    return {file.path for file in needed("org/model", files, kind, wanted)}


def test_of_several_forms_of_the_weights_one_is_taken() -> None:
    assert chosen(
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "consolidated.safetensors",
        "pytorch_model-00001-of-00002.bin",
        "original/model.safetensors",
        "original/consolidated.00.pth",
        "onnx/model.onnx",
    ) == {
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    }


def test_an_openvino_model_is_taken_whole() -> None:
    names = ("config.json", "openvino_model.xml", "openvino_model.bin", "tokenizer.json")
    assert chosen(*names, "openvino_detokenizer.bin") == set(names)


def test_a_vision_language_export_is_taken_with_all_its_parts() -> None:
    parts = [
        f"openvino_{part}.{ending}"
        for part in ("language_model", "text_embeddings_model", "vision_embeddings_model")
        for ending in ("xml", "bin")
    ]
    assert chosen("config.json", "modeling.py", *parts) == {"config.json", *parts}


def test_one_quantization_of_a_gguf_repository_is_taken() -> None:
    files = ("README.md", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-F16.gguf", "m.imatrix")
    assert chosen(*files) == {"README.md", "m-Q4_K_M.gguf"}
    assert chosen(*files, wanted="q8_0") == {"README.md", "m-Q8_0.gguf"}
    with pytest.raises(ModelError, match="choose one of Q4_K_M, Q8_0"):
        chosen(*files, wanted="Q2_K")


def test_the_parts_of_a_split_gguf_file_are_taken_together() -> None:
    parts = [f"BF16/m-BF16-0000{number}-of-00002.gguf" for number in (1, 2)]
    assert chosen("m-Q4_K_M.gguf", *parts, wanted="BF16") == set(parts)


def test_a_quantization_of_another_format_is_refused() -> None:
    with pytest.raises(ModelError, match="no quantizations to choose from"):
        chosen("config.json", "model.safetensors", wanted="Q4_K_M")


def test_programs_are_never_taken_and_terms_always() -> None:
    taken = chosen("config.json", "a.safetensors", "modeling.py", "LICENSE", "USE_POLICY.md")
    assert taken == {"config.json", "a.safetensors", "LICENSE", "USE_POLICY.md"}


def test_of_what_nothing_runs_all_is_taken_but_programs() -> None:
    assert chosen("config.json", "pytorch_model.bin", "run.py") == {
        "config.json",
        "pytorch_model.bin",
    }


def test_the_chat_templates_of_a_model_with_several_are_taken() -> None:
    others = ("additional_chat_templates/rag.jinja", "additional_chat_templates/tool_use.jinja")
    whole = ("config.json", "model.safetensors", "chat_template.jinja", *others)
    assert chosen(*whole, "additional_chat_templates/x.py", "scripts/a.jinja") == set(whole)
