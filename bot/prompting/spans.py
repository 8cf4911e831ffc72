"""Encodes a prompt's text in runs, in which nobody can type a tag.

A *run* is the text between two control tokens, some of it the format's own words and some of it
content that people or the model wrote. It is encoded as one text, so that the tokens are those
that the model was trained on. Where content spells one of the format's tags (``[INST]``), alone or
together with what stands beside it, the run is cut inside that tag and its parts are encoded each
by itself: the same characters, but never the tokens of the tag.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.prompting.tokenizer import TextTokenizer


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a run. `own`: the format's own words, which may hold tags."""

    text: str
    own: bool = False


class RunEncoder:
    """Encodes runs for one format. Thread-safe.

    A tag that the tokenizer writes character by character anyway cannot be told from a typed one;
    no tokenizer of a chat model does that with the tags of its format.
    """

    def __init__(self, tokenizer: TextTokenizer, tags: Iterable[str]) -> None:
        self._tokenizer = tokenizer
        self._cuts = {tag: self._cut_inside(tag) for tag in tags if len(tag) > 1}

    def encode(self, run: Sequence[Span], *, start: bool) -> list[int]:
        """The ids of a run. `start`: whether its text begins as a text of its own."""
        text = "".join(span.text for span in run)
        ids: list[int] = []
        position = 0
        for cut in sorted(set(self._cuts_in(text, run))):
            ids += self._tokenizer.encode_text(text[position:cut], start=start and not position)
            position = cut
        ids += self._tokenizer.encode_text(text[position:], start=start and not position)
        return ids

    def _cuts_in(self, text: str, run: Sequence[Span]) -> Iterator[int]:
        own = list(_own_ranges(run))
        for tag, inside in self._cuts.items():
            found = text.find(tag)
            while found >= 0:
                end = found + len(tag)
                if not any(begin <= found and end <= stop for begin, stop in own):
                    yield found + inside
                found = text.find(tag, found + 1)

    def _cut_inside(self, tag: str) -> int:
        """Where to cut `tag` so that its parts never make the tokens that the whole makes."""
        whole = self._tokenizer.encode_text
        middle = len(tag) // 2
        for cut in sorted(range(1, len(tag)), key=lambda place: abs(place - middle)):
            if all(
                whole(before + tag + after, start=True)
                != whole(before + tag[:cut], start=True) + whole(tag[cut:] + after, start=False)
                for before in ("", " ", "a", "\n")
                for after in ("", " a", "\n")
            ):
                return cut
        return middle


def _own_ranges(run: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Begin and end of each stretch of the format's own words, neighbours joined."""
    position, begin = 0, None
    for span in run:
        if span.own and begin is None:
            begin = position
        elif not span.own and span.text and begin is not None:
            yield begin, position
            begin = None
        position += len(span.text)
    if begin is not None:
        yield begin, position
