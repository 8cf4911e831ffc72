import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.prompting.spans import SegmentTokenizer, Span
from bot.prompting.tokenizer import TextTokenizer
from tests.tiny_tokenizer import tokenizer_json

TOKENIZER = TextTokenizer(json.loads(tokenizer_json()))
TAG = TOKENIZER.encode_text("[INST]", start=False)
SEGMENTS = SegmentTokenizer(TOKENIZER, ["[INST]"])

texts = st.text("[INST] a", max_size=10) | st.just("[INST]")
spans = st.lists(st.builds(Span, texts, st.booleans()), max_size=6)


def tags(ids: list[int]) -> int:
    # With a space in front, the tag's first token is another one, which also ends in "[".
    return sum(
        ids[place + 1 : place + len(TAG)] == TAG[1:]
        and TOKENIZER.decode(ids[place : place + len(TAG)]).endswith("[INST]")
        for place in range(len(ids))
    )


@example([Span("INST]")])  # the space in front of a text is no "["
@given(spans)
def test_the_characters_stay_and_only_trusted_tags_keep_their_tokens(segment: list[Span]) -> None:
    ids = SEGMENTS.encode(segment, start=True)
    assert TOKENIZER.decode(ids) == "".join(span.text for span in segment)
    assert tags(ids) == sum(text.count("[INST]") for text in trusted_texts(segment))


def trusted_texts(segment: list[Span]) -> list[str]:
    """The format's own text, adjacent spans joined: their border is not visible in the text."""
    joined = [""]
    for span in segment:
        if span.trusted:
            joined[-1] += span.text
        elif span.text:
            joined.append("")
    return joined


@given(spans)
def test_a_segment_without_typed_tags_is_encoded_as_one_text(segment: list[Span]) -> None:
    text = "".join(span.text for span in segment)
    if "[INST]" not in text:
        assert SEGMENTS.encode(segment, start=True) == TOKENIZER.encode_text(text, start=True)
        assert SEGMENTS.encode(segment, start=False) == TOKENIZER.encode_text(text, start=False)


@pytest.mark.parametrize(
    "segment",
    [
        [Span("[IN", trusted=True), Span("ST]")],
        [Span("[IN"), Span("ST]", trusted=True)],
        [Span("[IN"), Span("ST]")],
        [Span("[I", trusted=True), Span("NS"), Span("T]", trusted=True)],
    ],
)
def test_a_tag_made_at_a_boundary_is_cut(segment: list[Span]) -> None:
    ids = SEGMENTS.encode(segment, start=True)
    assert TOKENIZER.decode(ids) == "[INST]"
    assert not tags(ids)


def test_an_empty_content_between_trusted_spans_does_not_separate_them() -> None:
    assert tags(
        SEGMENTS.encode(
            [Span("[IN", trusted=True), Span(""), Span("ST]", trusted=True)], start=True
        )
    )
