"""A text stream that resumes when the worker process is lost."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from bot.errors import GenerationError, NoRoom, WorkerLost
from bot.messages import Finished, FinishReason, Prompt, Sampling, Thought, Usage
from bot.ports import Generator

MOST_RETRIES = 2
"""Retries in a row after the worker process was lost, without any new text in between."""
MOST_RETRIES_IN_ALL = 5
"""Retries of one answer, with or without new text in between, so that a generator that breaks off
after each piece of text does not go on without end."""

Repack = Callable[[str, str], Awaitable[tuple[Prompt, Sampling] | None]]
"""Called with the answer and the thought so far: the prompt and sampling for the present context
window, or None where the window is no smaller than before."""


async def resuming_stream(
    generator: Generator, prompt: Prompt, sampling: Sampling, repack: Repack
) -> AsyncGenerator[str | Thought | Finished]:
    """What `generator` streams, resumed when its worker process is lost.

    The prompt is sent again with the text and thought so far, so that the joined text is one
    answer, and thought and answer are no longer than `sampling` allows; it is packed again where
    the model was restarted with a smaller window, after its memory ran out. Raises GenerationError
    when the model fails by itself, WorkerLost when its process is lost more than `MOST_RETRIES`
    times without new text or more than `MOST_RETRIES_IN_ALL` times, and what `repack` raises.
    """
    so_far = _SoFar([prompt.answer], [prompt.thought])
    spent = Usage()
    most = sampling
    lost = lost_in_all = 0
    while True:
        options = _left(most, sampling, spent)
        if options.max_new_tokens <= 0:
            yield Finished(FinishReason.LENGTH, spent)
            return
        try:
            async with aclosing(generator.stream(prompt, options)) as stream:
                async for piece in stream:
                    if isinstance(piece, Finished):
                        yield Finished(piece.reason, _sum(spent, piece.usage))
                        return
                    lost = 0
                    so_far.add(piece)
                    yield piece
            raise GenerationError("the model's answer broke off without an end")
        except (WorkerLost, NoRoom) as error:
            lost += 1
            lost_in_all += 1
            if lost > MOST_RETRIES or lost_in_all > MOST_RETRIES_IN_ALL:
                raise
            text, thought = "".join(so_far.text), "".join(so_far.thought)
            fresh = await repack(text, thought)
            if fresh is None and isinstance(error, NoRoom):
                raise
        longer = replace(prompt, answer=text, thought=thought)
        spent = _sum(spent, await usage_between(generator, prompt, longer))
        prompt, sampling = fresh or (longer, sampling)


@dataclass(slots=True)
class _SoFar:
    text: list[str]
    thought: list[str]

    def add(self, piece: str | Thought) -> None:
        if isinstance(piece, str):
            self.text.append(piece)
        elif piece.whole:
            self.text, self.thought = [], [piece.text]
        else:
            self.thought.append(piece.text)


def _left(most: Sampling, now: Sampling, spent: Usage) -> Sampling:
    """`now` with the lengths that `spent` leaves of `most`."""
    answer = min(most.max_new_tokens - spent.answer_tokens, now.max_new_tokens)
    thought = min(most.max_thinking_tokens - spent.thinking_tokens, now.max_thinking_tokens)
    return replace(now, max_new_tokens=answer, max_thinking_tokens=max(0, thought))


async def usage_between(generator: Generator, before: Prompt, after: Prompt) -> Usage:
    """The usage of an answer that grew from `before` to `after`: for one that was stopped or whose
    worker was lost, so that no usage was reported."""
    read = await generator.count(before)
    written = max(0, await generator.count(after) - read)
    thought = written
    if after.thought == before.thought:
        thought = 0
    elif after.answer:
        begun = await generator.count(replace(before, answer=""))
        thought = await generator.count(replace(after, answer="")) - begun
    return Usage(
        prompt_tokens=read,
        completion_tokens=written,
        thinking_tokens=max(0, min(thought, written)),
    )


def _sum(first: Usage, second: Usage) -> Usage:
    """The usage of an answer that was generated in two runs."""
    return Usage(
        prompt_tokens=max(first.prompt_tokens, second.prompt_tokens),
        cached_tokens=second.cached_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
        first_token_seconds=first.first_token_seconds or second.first_token_seconds,
        total_seconds=first.total_seconds + second.total_seconds,
        thinking_tokens=first.thinking_tokens + second.thinking_tokens,
    )
