"""Tokenize prompt text so that user input can never produce the template's special tokens.

A *segment* is the text between two special tokens. Some of it is trusted (written by the chat
format itself), the rest is untrusted (written by people or by the model). A segment is tokenized
as one text, because the model was trained on the tokens that arise across the borders of its parts.

Special tokens cannot arise from it at all, because `TextTokenizer.encode_text` has none. What is
left are turn markers that a format writes as plain text, such as ``[INST]``. Where untrusted text
spells such a tag, alone or together with the text beside it, the segment is split inside the tag
and its parts are tokenized separately: the characters stay, but the token sequence is never the
tag's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.prompting.tokenizer import TextTokenizer


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a segment. `trusted` text is the format's own and may contain tags."""

    text: str
    trusted: bool = False


class SegmentTokenizer:
    """Tokenizes segments for one chat format, given the tags that it writes as plain text.

    Guarantees that the ids decode to the segment's text, and that the token sequence of a tag
    occurs only where trusted text contains it. Thread-safe.

    The second guarantee needs a tokenizer that joins at least two characters of each tag into one
    token; one that spells a tag character by character gives no way to tell them apart. The
    tokenizers of chat models do join the tags of their own format.
    """

    def __init__(self, tokenizer: TextTokenizer, tags: Iterable[str]) -> None:
        self._tokenizer = tokenizer
        self._split_points = {tag: self._split_point(tag) for tag in tags if len(tag) > 1}

    def encode(self, segment: Sequence[Span], *, start: bool) -> list[int]:
        """The token ids of a segment, without BOS or EOS. `start` is whether it begins a text, in
        front of which some tokenizers put a space."""
        text = "".join(span.text for span in segment)
        ids: list[int] = []
        position = 0
        for split in sorted(set(self._splits_in(text, segment))):
            ids += self._tokenizer.encode_text(text[position:split], start=start and not position)
            position = split
        ids += self._tokenizer.encode_text(text[position:], start=start and not position)
        return ids

    def _splits_in(self, text: str, segment: Sequence[Span]) -> Iterator[int]:
        """Where to split `text`: inside each tag that is not wholly trusted."""
        trusted = list(_trusted_ranges(segment))
        for tag, inside in self._split_points.items():
            found = text.find(tag)
            while found >= 0:
                end = found + len(tag)
                if not any(begin <= found and end <= stop for begin, stop in trusted):
                    yield found + inside
                found = text.find(tag, found + 1)

    def _split_point(self, tag: str) -> int:
        """Where to split `tag` so that the ids of its two parts differ from those of the whole,
        whatever text is beside it; as near to the middle as possible."""
        encode = self._tokenizer.encode_text
        middle = len(tag) // 2
        for split in sorted(range(1, len(tag)), key=lambda place: abs(place - middle)):
            if all(
                encode(before + tag + after, start=True)
                != encode(before + tag[:split], start=True)
                + encode(tag[split:] + after, start=False)
                for before in ("", " ", "a", "\n")
                for after in ("", " a", "\n")
            ):
                return split
        return middle


def _trusted_ranges(segment: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Begin and end of each trusted stretch of the text; adjacent spans count as one stretch."""
    position, begin = 0, None
    for span in segment:
        if span.trusted and begin is None:
            begin = position
        elif not span.trusted and span.text and begin is not None:
            yield begin, position
            begin = None
        position += len(span.text)
    if begin is not None:
        yield begin, position
