"""Packs a prompt into the context window, by exact token counts.

The system prompt and the question are always in it, room for the answer is reserved, and the rest
of the window holds the newest exchanges. A prompt with the same prefix as the one before is cheap:
its KV cache is still there. So the oldest exchange stays the first one for as long as all since
then fits; when it no longer does, so much is cut at once that the following questions only append
again.

Exchanges without an answer (it failed, or was stopped before its first word) are left out: the
person saw that, and chat formats want question and answer to alternate.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from bot.errors import TooLong
from bot.messages import Exchange, Prompt, Question, Reasoning
from bot.names import clean_name
from bot.ports import StoredExchange

Count = Callable[[Prompt], Awaitable[int]]
"""The tokens that the model reads for a prompt, exactly."""

KEPT_AFTER_CUT = 0.6
"""The share of the prompt's tokens that is kept by a cut. Less would cut less often, and drop
more."""

LEAST_ANSWER = 64
"""Tokens that are reserved for an answer, however long the question is."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A prompt that fits the context window."""

    prompt: Prompt
    tokens: int
    """Of the prompt; with ``max_new_tokens`` and ``max_thinking_tokens`` it never exceeds the
    window."""
    keep_from: int | None
    """The position of the first exchange in it; None where it holds none."""
    dropped: bool
    """Older exchanges are known to be left out."""
    max_new_tokens: int
    """The longest answer that fits: what was wanted, or less after a long question."""
    window: int
    """The context window that it was packed for, in tokens."""
    max_thinking_tokens: int = 0
    """The longest thought that fits besides the answer."""
    questions: tuple[int, ...] = ()
    """The ids of the questions in its history, oldest first."""
    asked: str | None = None
    """The question without what people said before it, which is stored nowhere; None where the
    prompt has nothing of that."""
    note: str = ""
    """For the person: what the prompt lacks."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """The thought that may come before the answer."""

    reasoning: Reasoning = Reasoning.AUTO
    most: int = 0
    """The longest one, in tokens."""
    reserved: bool = False
    """Whether room is kept for it: the model is known to think. Else it gets what is left."""


async def pack(
    *,
    system: str,
    question: str,
    pages: AsyncIterable[Sequence[StoredExchange]],
    count: Count,
    window: int,
    wanted: int,
    answer: str = "",
    thought: str = "",
    begun: str = "",
    thinking: Thinking | None = None,
    keep_from: int | None = None,
    show_names: bool = False,
) -> Packed:
    """The prompt for `question`, with as much history as fits.

    `pages` yields the exchanges before the question, newest first; no page is read that is not
    needed. `window`: the tokens of prompt and answer together. `wanted`: the longest answer, in
    tokens; history leaves that much room (half the window where more is wanted), but a long
    question may shrink it, down to `least_answer`. `answer` and `thought`: those so far of an
    answer that goes on. `begun`: the part of `answer` with which it was continued; what was
    written since takes the room that was left for it, so that the same history fits. `thinking`:
    for a model that may think; None without. `keep_from`: that of the previous prompt of this
    conversation, None where unknown.

    Raises TooLong, with the numbers, where the question alone does not fit.
    """
    thinking = thinking or Thinking()
    alone = Prompt(system, (), question, answer, thought=thought, reasoning=thinking.reasoning)
    room = _Room(alone, count, show_names)
    tokens = await room.count(())
    written = await room.written_since(begun)
    least = least_answer(window, wanted)
    longest = window - max(least - written, 1)
    if tokens > longest:
        raise await _too_long(room.alone, tokens, longest, count)
    most_thought = 0 if answer else thinking.most
    reserved = most_thought if thinking.reserved else 0
    at_first = thinking.most if thinking.reserved and not begun else 0
    most = window - max(least, min(wanted + at_first, window // 2))
    limit = min(longest, most + written)
    loaded, older, fits = await _load(room, pages, limit, keep_from)
    kept = loaded if fits else await _cut(room, loaded, limit)
    if kept:
        tokens = await room.count(kept)
    left = window - tokens
    longest_answer = min(wanted, max(left - reserved, left // 2))
    return Packed(
        prompt=room.prompt(kept),
        tokens=tokens,
        keep_from=kept[-1].position if kept else None,
        questions=tuple(stored.question_id for stored in reversed(kept)),
        dropped=older or len(kept) < len(loaded),
        max_new_tokens=longest_answer,
        window=window,
        max_thinking_tokens=min(most_thought, left - longest_answer),
    )


def least_answer(window: int, wanted: int) -> int:
    """Tokens below which no answer is begun: a sixteenth of the window and at least
    `LEAST_ANSWER`, but not more than was wanted."""
    return min(wanted, max(LEAST_ANSWER, window // 16))


# ---------------------------------------------------------------- which exchanges


@dataclass(frozen=True, slots=True)
class _Room:
    """The question without history, and how to count it with some."""

    alone: Prompt
    counter: Count
    show_names: bool

    def prompt(self, newest_first: Sequence[StoredExchange]) -> Prompt:
        history = (as_exchange(s, show_names=self.show_names) for s in reversed(newest_first))
        return replace(self.alone, history=tuple(history))

    async def count(self, newest_first: Sequence[StoredExchange]) -> int:
        return await self.counter(self.prompt(newest_first))

    async def written_since(self, begun: str) -> int:
        """The tokens that the answer and its thought have grown by since `begun`."""
        thought = self.alone.thought if begun else ""
        before = replace(self.alone, answer=begun, thought=thought)
        if before == self.alone:
            return 0
        return await self.counter(self.alone) - await self.counter(before)


async def _load(
    room: _Room,
    pages: AsyncIterable[Sequence[StoredExchange]],
    limit: int,
    keep_from: int | None,
) -> tuple[list[StoredExchange], bool, bool]:
    """The answered exchanges since `keep_from`, newest first, or as many as overflow `limit`;
    whether older ones were seen; whether all of them fit."""
    loaded: list[StoredExchange] = []
    first = True
    async for page in pages:
        if first and page and keep_from is not None and page[0].position < keep_from:
            keep_from = None  # an older question is answered again: that cut is not about it
        first = False
        since = [s for s in page if keep_from is None or s.position >= keep_from]
        answered = [s for s in since if s.answer.strip()]
        loaded += answered
        if answered and await room.count(loaded) > limit:
            return loaded, True, False
        if len(since) < len(page):
            return loaded, True, True
    return loaded, False, True


async def _cut(room: _Room, loaded: list[StoredExchange], limit: int) -> list[StoredExchange]:
    """The newest of `loaded` that fill `KEPT_AFTER_CUT` of `limit`; the newest one, at least,
    where it fits at all."""
    target = int(limit * KEPT_AFTER_CUT)
    kept, more = 0, 1
    # Doubling first: the oldest of a long conversation are then never counted.
    while more < len(loaded) and await room.count(loaded[:more]) <= target:
        kept, more = more, more * 2
    more = min(more, len(loaded))
    while more - kept > 1:
        middle = (kept + more) // 2
        if await room.count(loaded[:middle]) <= target:
            kept = middle
        else:
            more = middle
    if not kept and await room.count(loaded[:1]) <= limit:
        kept = 1
    return loaded[:kept]


# ---------------------------------------------------------------- questions as the model sees them


def as_exchange(stored: StoredExchange, *, show_names: bool) -> Exchange:
    """What the store has, as it stands in a prompt."""
    return Exchange(as_question(stored.question, show_names=show_names), stored.answer)


def as_question(question: Question, *, show_names: bool) -> str:
    """The question's text, with ``Name: `` in front where several people take part."""
    name = "" if question.direct or not show_names else clean_name(question.author.name)
    return f"{name}: {question.text}" if name else question.text


# ---------------------------------------------------------------- refusals


async def _too_long(alone: Prompt, tokens: int, longest: int, count: Count) -> TooLong:
    fresh = replace(alone, answer="", thought="")
    empty = await count(replace(fresh, question=""))
    asked = tokens if fresh == alone else await count(fresh)
    remedy = "Raise [model] context, where the model and its memory allow it."
    if empty >= longest:
        return TooLong(
            "My instructions leave no room for a question.",
            remedy=f"The system prompt takes {empty:,} of {max(longest, 0):,} tokens. Shorten "
            "[conversation] system_prompt or raise [model] context.",
        )
    if asked <= longest:
        return TooLong(
            f"This answer is {tokens - asked:,} tokens long, and after its question only "
            f"{longest - asked:,} fit: it cannot be continued.",
            remedy=remedy,
        )
    return TooLong(
        f"This question is {asked - empty:,} tokens long; with the system prompt only "
        f"{longest - empty:,} fit. Please shorten it.",
        remedy=remedy,
    )
