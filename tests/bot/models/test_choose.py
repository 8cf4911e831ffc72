"""Settings of other backends than the one that is used are found."""

import pytest

from bot.config import ModelSettings
from bot.models.choose import without_effect

SECTION = ModelSettings.model_validate(
    {
        "torch": {"compile": "on"},
        "llamacpp": {"gpu_layers": 20, "arguments": ["--threads", "8"]},
        "ipex": {"optimize_model": True},
    }
)
TORCH = "[model.torch] compile: without effect, because the backend is {}"
LLAMACPP = "[model.llamacpp] gpu_layers, arguments: without effect, because the backend is {}"


@pytest.mark.parametrize(
    ("backend", "lines"),
    [
        ("torch", (LLAMACPP,)),
        ("llamacpp", (TORCH,)),
        ("openvino", (TORCH, LLAMACPP)),
        ("openai", (TORCH, LLAMACPP)),
        ("auto", ()),
    ],
)
def test_what_differs_from_the_defaults_of_other_backends_is_named(
    backend: str, lines: tuple[str, ...]
) -> None:
    assert without_effect(SECTION, backend) == tuple(line.format(backend) for line in lines)


def test_with_defaults_there_is_nothing_to_name() -> None:
    assert without_effect(ModelSettings(), "openvino") == ()
