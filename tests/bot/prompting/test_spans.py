import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.prompting.spans import RunEncoder, Span
from bot.prompting.tokenizer import TextTokenizer
from tests.tiny_tokenizer import tokenizer_json

TOKENIZER = TextTokenizer(json.loads(tokenizer_json()))
TAG = TOKENIZER.encode_text("[INST]", start=False)
RUNS = RunEncoder(TOKENIZER, ["[INST]"])

texts = st.text("[INST] a", max_size=10) | st.just("[INST]")
spans = st.lists(st.builds(Span, texts, st.booleans()), max_size=6)


def tags(ids: list[int]) -> int:
    # With a space in front, the tag's first token is another one.
    return sum(ids[place + 1 : place + len(TAG)] == TAG[1:] for place in range(len(ids)))


@given(spans)
def test_the_characters_stay_and_only_own_tags_keep_their_tokens(run: list[Span]) -> None:
    ids = RUNS.encode(run, start=True)
    assert TOKENIZER.decode(ids) == "".join(span.text for span in run)
    assert tags(ids) == sum(text.count("[INST]") for text in own_texts(run))


def own_texts(run: list[Span]) -> list[str]:
    """The format's own words, neighbours joined, as people cannot tell them apart either."""
    joined = [""]
    for span in run:
        if span.own:
            joined[-1] += span.text
        elif span.text:
            joined.append("")
    return joined


@given(spans)
def test_a_run_without_typed_tags_is_encoded_as_one_text(run: list[Span]) -> None:
    text = "".join(span.text for span in run)
    if "[INST]" not in text:
        assert RUNS.encode(run, start=True) == TOKENIZER.encode_text(text, start=True)
        assert RUNS.encode(run, start=False) == TOKENIZER.encode_text(text, start=False)


@pytest.mark.parametrize(
    "run",
    [
        [Span("[IN", own=True), Span("ST]")],
        [Span("[IN"), Span("ST]", own=True)],
        [Span("[IN"), Span("ST]")],
        [Span("[I", own=True), Span("NS"), Span("T]", own=True)],
    ],
)
def test_a_tag_made_at_a_boundary_is_cut(run: list[Span]) -> None:
    ids = RUNS.encode(run, start=True)
    assert TOKENIZER.decode(ids) == "[INST]"
    assert not tags(ids)


def test_an_empty_content_between_own_words_does_not_part_them() -> None:
    assert tags(RUNS.encode([Span("[IN", own=True), Span(""), Span("ST]", own=True)], start=True))
