"""What is understood as the choice of a model, and what people are told of the models."""

import pytest

from adapters.common.model_choice import choices, model_word, models_text, with_model
from adapters.common.texts import status_text
from bot.engine import FurtherStatus, Status
from bot.errors import NotUnderstood
from bot.messages import ModelInfo
from bot.ports import ConversationSettings

SMALL = ModelInfo("small", "openvino", "CPU", "int4", 4096)
BIG = ModelInfo("Qwen3-32B", "openai", "a model server", "as served", 32_768)
ONE = Status(SMALL, 0, 0, 0.0)
THREE = Status(
    SMALL,
    1,
    0,
    0.0,
    further=(
        FurtherStatus("large", BIG, up=True, writing=1, slots=4),
        FurtherStatus("old", None, up=False, writing=0, slots=2),
    ),
)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("model large", "large"),
        ("/model Large!", "large"),
        ("Model", ""),
        ("model trains", "trains"),
        ("model trains are fun", None),
        ("which model", None),
        ("models", None),
        ("", None),
    ],
)
def test_a_message_that_begins_with_model_may_be_a_choice(text: str, chosen: str | None) -> None:
    assert model_word(text) == chosen


def test_what_can_be_chosen_is_the_default_and_the_further_models() -> None:
    assert choices(ONE) == ()
    assert choices(THREE) == ("default", "large", "old")


def test_a_choice_changes_nothing_else() -> None:
    before = ConversationSettings("Be kind.", 0.5, muted=True)
    chosen = with_model(before, " LARGE ", THREE)
    assert chosen.model == "large"
    assert with_model(chosen, "default", THREE) == before


def test_a_long_wrong_name_is_cut_in_the_refusal() -> None:
    with pytest.raises(NotUnderstood) as caught:
        with_model(ConversationSettings(), "x" * 500, THREE)
    assert str(caught.value) == f"There is no model '{'x' * 40}'. Choose default, large or old."


def test_the_models_are_told_with_the_one_that_answers_and_those_that_are_down() -> None:
    assert models_text(ConversationSettings(model="large"), THREE) == (
        "The models here:\n"
        "- default: small\n"
        "- large: Qwen3-32B, context window 32,768 tokens (answers here)\n"
        "- old: its server does not answer\n"
        "Admins choose one by its name."
    )
    gone = models_text(ConversationSettings(model="gone"), THREE)
    assert "The model gone, which was chosen here, is not there any more: the default" in gone


def test_the_status_has_a_line_for_each_further_model() -> None:
    assert status_text(THREE).split("\n")[-2:] == [
        (
            "Model large: Qwen3-32B, context window 32,768 tokens, 1 of at most 4 answers being "
            "written"
        ),
        "Model old: its server does not answer, 0 of at most 2 answers being written",
    ]
    assert "Model large" not in status_text(ONE)
