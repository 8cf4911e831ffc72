"""Which files of a repository are taken."""

import pytest

from bot.errors import ModelError
from bot.models.hub import HubFile, needed


def chosen(*paths: str) -> set[str]:
    files = [HubFile(path, 1, path, large=False) for path in paths]
    return {file.path for file in needed("org/model", files)}


def test_of_several_forms_of_the_weights_one_is_taken() -> None:
    assert chosen(
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "consolidated.safetensors",
        "pytorch_model-00001-of-00002.bin",
        "original/model.safetensors",
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


def test_programs_are_never_taken_and_terms_always() -> None:
    taken = chosen("config.json", "a.safetensors", "modeling.py", "LICENSE", "USE_POLICY.md")
    assert taken == {"config.json", "a.safetensors", "LICENSE", "USE_POLICY.md"}


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (("config.json", "pytorch_model.bin"), r"no safetensors weights \(only \.bin\)"),
        (("config.json",), "no safetensors weights: choose"),
        (("adapter_model.safetensors", "adapter_config.json"), "no safetensors weights"),
        (("model.safetensors",), "no config.json"),
    ],
)
def test_what_parley_cannot_use_is_refused_before_anything_is_fetched(
    paths: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        chosen(*paths)
