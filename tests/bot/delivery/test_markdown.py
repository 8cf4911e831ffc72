"""The kind of a line, and the code fence that is open after it."""

import pytest

from bot.delivery.markdown import Context, Fence, Kind, closing, read_line


def kinds(text: str) -> list[Kind]:
    context, found = Context(), []
    for line in text.splitlines(keepends=True):
        kind, context = read_line(line, context)
        found.append(kind)
    return found


def open_after(text: str) -> Fence | None:
    context = Context()
    for line in text.splitlines(keepends=True):
        _, context = read_line(line, context)
    return context.fence


def test_lines_are_told_apart() -> None:
    text = "# Title\n\nText\n- item\n3. item\n> quote\n| a |\n```py\n# code\n\n```\n"
    item, code = Kind.ITEM, Kind.CODE
    assert kinds(text) == [
        *(item, Kind.BLANK, Kind.TEXT, item, item, item, Kind.ROW),
        *(Kind.OPEN, code, code, Kind.CLOSE),
    ]


@pytest.mark.parametrize(
    ("line", "marker", "language"),
    [
        ("```python\n", "```", "python"),
        ("~~~~ c++ numbered\n", "~~~~", "c++"),
        ("   ```\n", "```", ""),
        ("> ```sh\n", "```", "sh"),
        ("- ```sh\n", "```", "sh"),
        ("~~~a`b\n", "~~~", "a`b"),
    ],
)
def test_a_fence_opens_with_its_marker_and_language(line: str, marker: str, language: str) -> None:
    fence = open_after(line)
    assert fence is not None
    assert (fence.marker, fence.language) == (marker, language)


@pytest.mark.parametrize("line", ["``\n", "```a`b\n", "    ```\n", "text ```\n", "`~~~\n"])
def test_what_only_looks_like_a_fence_opens_none(line: str) -> None:
    assert open_after(line) is None


@pytest.mark.parametrize("line", ["```\n", "````  \n", "   ```\r\n"])
def test_a_fence_is_closed_by_as_many_signs_or_more(line: str) -> None:
    assert open_after(f"```py\nx\n{line}") is None


@pytest.mark.parametrize("line", ["``\n", "~~~\n", "``` py\n", "    ```\n", "x```\n"])
def test_other_lines_leave_a_fence_open(line: str) -> None:
    assert open_after(f"```py\nx\n{line}") is not None


def test_a_fence_may_be_indented_as_deep_as_the_list_it_stands_in() -> None:
    fence = open_after("10. Run this:\n\n    ```sh\n    ls\n")
    assert fence is not None
    assert fence.closer == "    ```"
    assert open_after("10. Run this:\n\n    ```sh\n    ls\n    ```\n") is None


def test_a_list_ends_with_the_first_line_that_is_not_indented() -> None:
    assert open_after("- item\n\nText\n\n      ```\n") is None


def test_a_fence_in_a_quotation_ends_with_it() -> None:
    assert open_after("> ```\n> code\n") == Fence("> ", "```", "", nested=True)
    assert open_after("> ```\n> code\nText\n") is None


def test_a_bullet_before_a_fence_is_spaces_when_it_is_closed() -> None:
    fence = open_after("- ```py\n")
    assert fence is not None
    assert fence.closer == "  ```"
    assert fence.opener == "  ```py\n"


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("no fence", ""),
        ("```py\nx", "\n```"),
        ("```py\nx\n", "```"),
        ("```py\nx\n``", "`"),
        ("```py\nx\n```", ""),
        ("~~~~\nx\n~~~", "~"),
        ("> ```\n> x", "\n> ```"),
        ("> ```\n> x\n> `", "``"),
        ("`" * 90 + "\nx", ""),
    ],
)
def test_what_closes_a_text_leaves_no_fence_open(text: str, closed: str) -> None:
    assert closing(text) == closed


@pytest.mark.parametrize("sign", ["> ", "- ", " ", "- > ", "1. "])
def test_a_long_line_takes_linear_time(sign: str) -> None:
    """Were it more, the test would not come to its end."""
    read_line(sign * 50_000 + "```x`y", Context())
