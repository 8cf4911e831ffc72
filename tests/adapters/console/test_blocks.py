"""Where blocks begin and end while a text grows."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.console.blocks import blocks, finished
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
def test_a_finished_block_stays_as_it_is_whatever_follows(text: str, cut: int) -> None:
    before = text[: cut % (len(text) + 1)]
    end = finished(before)
    now = [block for block in blocks(before) if block.end <= end]
    later = [block for block in blocks(text) if block.end <= end]
    assert [(b.source.rstrip(), b.code, b.language) for b in now] == [
        (b.source.rstrip(), b.code, b.language) for b in later
    ]


def test_a_half_line_finishes_nothing() -> None:
    assert finished("one\n\n```py``` is inline after all") == 0
    assert finished("one\n\ntwo\n") == len("one\n\n")


def test_a_fence_tells_its_code_and_its_language() -> None:
    (block,) = blocks("```python title=x\nprint(1)\n```")
    assert (block.code, block.language) == ("print(1)\n", "python")


def test_the_target_of_a_link_is_a_block_of_its_own() -> None:
    text = "See [it][1].\n\n[1]: http://example.com\n\nEnd."
    assert [block.source.strip() for block in blocks(text)] == text.split("\n\n")
