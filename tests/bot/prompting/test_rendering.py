from typing import Any

import pytest

from bot.prompting.rendering import Rendering
from bot.prompting.spans import Span

LSTRIP = ["lstrip", ["\n"], None]
LAST = ["split", ["</think>", -1], 1]


def read(contents: list[str], **answer: Any) -> Rendering:
    return Rendering.read({"checks": [], "opaque": False, "times": {}} | answer, contents)


def test_a_rendering_is_the_templates_text_with_views_of_contents() -> None:
    parts = [
        ["<user>", True, None],
        ["Hello", False, [0, []]],
        ["<model>", True, None],
        ["So", False, [1, [LAST, LSTRIP]]],
    ]
    made = read(["Hello", "a</think>\nSo"], parts=parts)
    assert made.spans(["Hi", "b</think>\n\nThus"]) == [
        Span("<user>", trusted=True),
        Span("Hi"),
        Span("<model>", trusted=True),
        Span("Thus"),
    ]


def test_trusted_text_around_an_empty_content_is_one_span() -> None:
    made = read(["x"], parts=[["a", True, None], ["x", False, [0, []]], ["b", True, None]])
    assert made.spans([""]) == [Span("ab", trusted=True)]


def test_it_holds_where_all_checks_give_the_same() -> None:
    checks = [
        [[[0, []]], "__contains__", ["</think>"], False],
        [[[1, [LSTRIP]]], "__bool__", [], True],
        [["<", [0, []], [1, []]], "startswith", [["<a", "<b"]], False],
    ]
    made = read(["x", "y"], checks=checks)
    assert made.holds_for(["Hello", "Hi"])
    assert not made.holds_for(["</think>", "Hi"])
    assert not made.holds_for(["Hello", "\n"])
    assert not made.holds_for(["b", "Hi"])


def test_an_opaque_one_holds_for_its_own_contents_alone() -> None:
    made = read(["Hello"], opaque=True, parts=[["HELLO", False, None]])
    assert made.holds_for(["Hello"])
    assert not made.holds_for(["hello"])
    assert made.spans(["Hello"]) == [Span("HELLO")]


@pytest.mark.parametrize(
    "answer",
    [
        {"parts": [["x", False, [0, [["__reduce__", [], None]]]]]},
        {"parts": [["x", False, [0, [["format", ["x"], None]]]]]},
        {"checks": [[[[0, []]], "__init_subclass__", [], True]]},
    ],
)
def test_only_known_methods_are_called(answer: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no "):
        read(["Hello"], **answer)
