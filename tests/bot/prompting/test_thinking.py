import pytest

from bot.prompting.spans import Span
from bot.prompting.thinking import ThinkingTags, ThoughtPlace, answer_message

TAGS = ThinkingTags("<think>", "</think>", "<think>\n", "\n</think>\n\n", opened=False)


@pytest.mark.parametrize(
    ("tail", "inside"),
    [
        ("<|assistant|>", False),
        ("<|assistant|><think>\n", True),
        ("<|assistant|><think>\n\n</think>\n\n", False),
        ("</think><|user|><think>", True),
    ],
)
def test_a_prompt_is_inside_a_thought_from_the_opening_to_the_closing_tag(
    tail: str, inside: bool
) -> None:
    assert TAGS.is_open(tail) is inside


@pytest.mark.parametrize(
    "tail",
    ["<|assistant|>", "<|assistant|><think>\n", "<|assistant|><think>\n\n</think>\n\n"],
)
def test_a_thought_begins_once_whatever_the_prompt_has(tail: str) -> None:
    assert TAGS.begun(tail) == "<|assistant|><think>\n"


def test_only_an_empty_thought_is_skipped() -> None:
    assert TAGS.skipped("a<think>\n</think>") == "a"
    assert TAGS.skipped("a<think>b</think>") == "a<think>b</think>"
    assert TAGS.skipped("a</think><think>") == "a</think><think>"


@pytest.mark.parametrize("place", ThoughtPlace)
def test_an_answer_without_a_thought_is_its_text_alone(place: ThoughtPlace) -> None:
    message = answer_message("Hello", "", place)
    assert (message.content, message.thought) == ((Span("Hello"),), "")


def test_a_thought_stands_where_the_template_looks_for_it() -> None:
    field = answer_message("Hello", "Well", ThoughtPlace.FIELD)
    assert (field.content, field.thought) == ((Span("Hello"),), "Well")
    inside = answer_message("Hello", "Well", ThoughtPlace.CONTENT)
    assert "".join(span.text for span in inside.content) == "<think>\nWell\n</think>\n\nHello"
    assert [span.text for span in inside.content if not span.trusted] == ["Well", "Hello"]
    nowhere = answer_message("Hello", "Well", ThoughtPlace.NOWHERE)
    assert (nowhere.content, nowhere.thought) == ((Span("Hello"),), "")
