"""Top-level Markdown blocks of a text that is still streamed."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.console.blocks import blocks, stable_length
from tests.adapters.console.test_growing import BLOCKS

LINES = st.lists(st.sampled_from("\n\n".join(BLOCKS).splitlines()), max_size=12).map("\n".join)


@given(LINES)
def test_nothing_but_white_space_is_between_two_blocks(text: str) -> None:
    end = 0
    for block in blocks(text):
        assert text[block.start : block.end] == block.source
        assert not text[end : block.start].strip()
        end = block.end
    assert not text[end:].strip()


@given(LINES, st.integers(min_value=0))
def test_a_stable_block_does_not_change_whatever_is_appended(text: str, cut: int) -> None:
    before = text[: cut % (len(text) + 1)]
    end = stable_length(before)
    now = [block for block in blocks(before) if block.end <= end]
    later = [block for block in blocks(text) if block.end <= end]
    assert [(b.source.rstrip(), b.code, b.language) for b in now] == [
        (b.source.rstrip(), b.code, b.language) for b in later
    ]


def test_an_incomplete_line_makes_no_block_stable() -> None:
    assert stable_length("one\n\n```py``` is inline after all") == 0
    assert stable_length("one\n\ntwo\n") == len("one\n\n")


def test_a_fence_tells_its_code_and_its_language() -> None:
    (block,) = blocks("```python title=x\nprint(1)\n```")
    assert (block.code, block.language) == ("print(1)\n", "python")


def test_the_target_of_a_link_is_a_block_of_its_own() -> None:
    text = "See [it][1].\n\n[1]: http://example.com\n\nEnd."
    assert [block.source.strip() for block in blocks(text)] == text.split("\n\n")
