"""The catalogue's rows are complete, consistent and have sources."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bot.models.catalogue import FILE, Route, Thinking, load_catalogue, parse
from bot.models.find import HUB_NAME, split_name
from bot.models.unsuited import base_name


def row(**changes: object) -> dict[str, Any]:
    with FILE.open("rb") as file:
        content = tomllib.load(file)
    return {"seen": content["seen"], "models": [content["models"][0] | changes]}


DOCUMENT = Path(__file__).parents[3] / "docs" / "models.md"
ROUTES = {"openvino": "export", "gguf": "GGUF", "converter": "converted"}


def expected_table() -> list[str]:
    """The catalogue as docs/models.md shows it."""
    return [
        "| Model | Parameters | Download | Memory | Context | Thinks | Licence | Form |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| `{model.name}` | {model.parameters:g} B"
            + (f" ({model.active:g} active)" if model.active < model.parameters else "")
            + f" | {model.download / 1e9:.1f} GB | {model.memory / 1e9:.1f} GB"
            f" | {model.context:,} | {model.thinking.value}"
            f" | {model.licence}{', gated' if model.gated else ''} | {ROUTES[model.route]} |"
            for model in load_catalogue().models
        ),
    ]


def test_the_documentation_shows_the_catalogue_as_it_is() -> None:
    assert "\n".join(expected_table()) in DOCUMENT.read_text(encoding="utf-8")


def test_there_are_models_from_half_a_billion_to_thirty_billion_parameters() -> None:
    models = load_catalogue().models
    assert len(models) >= 12
    assert min(model.parameters for model in models) < 1
    assert max(model.parameters for model in models) >= 30
    assert {model.route for model in models} == set(Route)
    assert {model.thinking for model in models} == set(Thinking)


def test_names_can_be_pulled_and_only_gguf_rows_name_a_quantization() -> None:
    for model in load_catalogue().models:
        name, wanted = split_name(model.name)
        assert HUB_NAME.fullmatch(name)
        assert not wanted or model.route is Route.GGUF
        assert re.sub(r"\W", "", model.base.lower()) in re.sub(r"\W", "", base_name(name).lower())


def test_weights_are_of_the_size_that_the_parameters_let_expect() -> None:
    for model in load_catalogue().models:
        bits = model.weights * 8 / (model.parameters * 1e9)
        assert 3.5 < bits < 9, model.name


def test_a_model_needs_more_memory_than_its_weights() -> None:
    for model in load_catalogue().models:
        assert model.weights < model.memory < model.weights * 1.05 + 5e9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sources": []}, "it needs a source"),
        ({"sources": [{"url": "a friend", "says": "so"}]}, "it needs a source"),
        ({"route": "magic"}, "'magic' is not a valid Route"),
        ({"active": 99.0}, "more than there are"),
        ({"context": 0}, "not positive"),
        ({"surprise": 1}, "unexpected keyword argument"),
    ],
)
def test_a_wrong_row_is_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=f"OpenVINO/Qwen3-0.6B-int8-ov: .*{said}"):
        parse(row(**changes))


def test_a_name_stands_once() -> None:
    content = row()
    content["models"] *= 2
    with pytest.raises(ValueError, match="twice"):
        parse(content)
