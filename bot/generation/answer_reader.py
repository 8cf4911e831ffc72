"""Reads one answer from its token ids: text and thought apart, each within its own length."""

from collections.abc import Iterable
from typing import Protocol

from bot.generation.thinking import Family, ThoughtFilter
from bot.messages import FinishReason, Sampling, Thought


class Decoder(Protocol):
    """An incremental decoder for one answer."""

    def feed(self, ids: Iterable[int]) -> str:
        """The text that is complete with these ids; "" in the middle of a character."""
        ...

    def flush(self) -> str:
        """The text that is left at the end of the answer."""
        ...

    def hide_control(self) -> None:
        """From now on no control token is written out, not even the tags of a thought."""
        ...


class AnswerReader:
    """The pieces of one answer. `feed` it ids until `ended` or `exhausted` is set, or the model
    ends; then `flush`."""

    def __init__(
        self,
        decoder: Decoder,
        thoughts: ThoughtFilter,
        sampling: Sampling,
        ends: frozenset[int] = frozenset(),
    ) -> None:
        """`ends`: the ids that end the answer itself. While the model thinks they do not, since
        some models end a thought with the token that otherwise ends a turn."""
        self._decoder = decoder
        self._filter = thoughts
        self._sampling = sampling
        self._ends = ends
        if thoughts.answering:
            decoder.hide_control()
        self.tokens = 0
        """Generated tokens."""
        self.thinking_tokens = 0
        """How many of them are the thought, with its tags."""
        self.thought_ids: list[int] = []
        """The ids until the answer began."""
        self.ended: FinishReason | None = None
        """END or LENGTH, where the answer ends although the model goes on."""

    @property
    def family(self) -> Family | None:
        """Whose thought is open."""
        return self._filter.family

    @property
    def thinking(self) -> bool:
        """Whether the model thinks now."""
        return self._filter.thinking

    @property
    def exhausted(self) -> bool:
        """Whether the model still thinks, and has used up the length of a thought."""
        most = self._sampling.max_thinking_tokens
        return self._filter.thinking and self.thinking_tokens >= most

    def feed(self, ids: Iterable[int]) -> list[str | Thought]:
        """The pieces that are certain with these ids. Those after the end are left out."""
        pieces: list[str | Thought] = []
        for token in ids:
            if self.ended is not None or self.exhausted:
                break
            if self._filter.answering and token in self._ends:
                self.ended = FinishReason.END
                break
            self._add(token, pieces)
        return _joined(pieces)

    def _add(self, token: int, pieces: list[str | Thought]) -> None:
        self.tokens += 1
        if not self._filter.answering:
            self.thought_ids.append(token)
        pieces += self._filter.feed(self._decoder.feed((token,)))
        if not self._filter.answering:
            if self._filter.family is not None:
                self.thinking_tokens = self.tokens
            return
        self._decoder.hide_control()
        if self.tokens - self.thinking_tokens >= self._sampling.max_new_tokens:
            self.ended = FinishReason.LENGTH

    def flush(self) -> list[str | Thought]:
        """The rest, at the end of the answer."""
        last = self._decoder.flush()
        return _joined([*(self._filter.feed(last) if last else ()), *self._filter.flush()])


def _joined(pieces: list[str | Thought]) -> list[str | Thought]:
    """`pieces` with neighbours of one kind as one."""
    joined: list[str | Thought] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, str) and isinstance(last, str):
            joined[-1] = last + piece
        elif isinstance(piece, Thought) and isinstance(last, Thought) and not piece.whole:
            joined[-1] = Thought(last.text + piece.text, last.whole)
        else:
            joined.append(piece)
    return joined
