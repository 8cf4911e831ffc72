"""An answer that goes on when the model's process is lost, or comes back with a smaller window."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from bot.engine.resume import MOST_RETRIES_IN_ALL, Repack, resuming_stream
from bot.errors import GenerationError, NoRoom, WorkerLost
from bot.messages import Completion, Finished, FinishReason, Prompt, Sampling, Thought
from tests.scripted_generator import ScriptedGenerator

POEM = " ".join(f"word{n}" for n in range(20))
ASKED = Prompt("Be kind.", (), "A poem")
SMALLER = Prompt("", (), "A poem")


async def as_it_was(_: str, __: str) -> None:
    return None


def into(*room: int) -> Repack:
    """Packs anew each time, with so much room for the answer."""
    left = list(room)

    async def repack(text: str, _: str) -> tuple[Prompt, Sampling]:
        prompt = Prompt(SMALLER.system, SMALLER.history, SMALLER.question, text)
        return prompt, Sampling(max_new_tokens=left.pop(0))

    return repack


async def written(
    generator: ScriptedGenerator, repack: Repack, most: int = 100
) -> tuple[str, Finished]:
    texts: list[str] = []
    stream = resuming_stream(generator, ASKED, Sampling(max_new_tokens=most), repack)
    async with aclosing(stream):
        async for piece in stream:
            if isinstance(piece, Finished):
                return "".join(texts), piece
            assert isinstance(piece, str)
            texts.append(piece)
    raise AssertionError("the stream ended without an end")


def failing(*failures: tuple[int, GenerationError]) -> ScriptedGenerator:
    generator = ScriptedGenerator(lambda _: POEM)
    generator.failures = list(failures)
    return generator


@pytest.mark.parametrize("error", [WorkerLost("gone"), NoRoom("it shrank")])
async def test_a_smaller_window_gets_a_prompt_that_was_packed_for_it(
    error: GenerationError,
) -> None:
    generator = failing((7, error))
    text, finished = await written(generator, into(50))
    assert text == POEM
    assert finished.reason is FinishReason.END
    assert finished.usage.completion_tokens == 20
    assert [prompt.system for prompt in generator.prompts] == [ASKED.system, SMALLER.system]
    assert generator.prompts[1].answer.split() == POEM.split()[:7]


async def test_the_room_of_the_smaller_window_is_kept_to() -> None:
    text, finished = await written(failing((7, WorkerLost("gone"))), into(5))
    assert (len(text.split()), finished.reason) == (12, FinishReason.LENGTH)


async def test_no_answer_gets_longer_than_it_was_to_be() -> None:
    text, finished = await written(failing((7, WorkerLost("gone"))), into(100), most=10)
    assert (len(text.split()), finished.reason) == (10, FinishReason.LENGTH)


async def test_a_window_as_large_as_before_gets_the_same_prompt_again() -> None:
    generator = failing((7, WorkerLost("gone")))
    assert (await written(generator, as_it_was))[0] == POEM
    assert generator.prompts[1].system == ASKED.system


async def test_a_prompt_that_does_not_fit_the_same_window_is_not_tried_again() -> None:
    generator = failing((0, NoRoom("2500 tokens, and the window has 2000")))
    with pytest.raises(NoRoom, match="2500 tokens"):
        await written(generator, as_it_was)
    assert len(generator.prompts) == 1


async def test_windows_that_keep_shrinking_end_in_the_reason() -> None:
    generator = failing(*[(0, NoRoom("it shrank"))] * 5)
    with pytest.raises(NoRoom):
        await written(generator, into(50, 40, 30, 20))
    assert len(generator.prompts) == 3


async def test_a_generator_that_is_lost_after_each_word_is_retried_a_bounded_number_of_times() -> (
    None
):
    generator = failing(*[(1, WorkerLost("gone"))] * 100)
    with pytest.raises(WorkerLost):
        await written(generator, as_it_was)
    assert len(generator.prompts) == 1 + MOST_RETRIES_IN_ALL


# ---------------------------------------------------------------- a thought before the answer

THOUGHT = " ".join(f"hm{n}" for n in range(12))


@pytest.mark.parametrize("after", [0, 5, 12, 15])
@pytest.mark.parametrize("prefills", [True, False])
async def test_a_thought_is_taken_up_or_begun_anew_within_its_length(
    after: int,
    prefills: bool,
) -> None:
    generator = ScriptedGenerator(lambda _: POEM, thought=THOUGHT, prefills=prefills)
    generator.failures = [(after, WorkerLost("gone"))]
    sampling = Sampling(max_new_tokens=100, max_thinking_tokens=30)
    thought, text, end = "", "", None
    async with aclosing(resuming_stream(generator, ASKED, sampling, as_it_was)) as stream:
        async for piece in stream:
            if isinstance(piece, Finished):
                end = piece
            elif isinstance(piece, str):
                text += piece
            else:
                thought = piece.text if piece.whole else thought + piece.text
    assert (thought, text) == (THOUGHT, POEM)
    assert end is not None
    assert end.usage.answer_tokens == len(POEM.split())
    spent = after if not prefills and 0 < after <= 12 else 0
    assert end.usage.thinking_tokens == 12 + spent
    assert generator.samplings[1].max_thinking_tokens == 30 - min(after, 12)
    assert generator.samplings[1].max_new_tokens == 100 - max(0, after - 12)


async def test_text_that_turned_out_to_be_a_thought_is_not_sent_as_the_answer() -> None:
    class Late(ScriptedGenerator):
        async def stream(
            self, prompt: Prompt | Completion, sampling: Sampling
        ) -> AsyncGenerator[str | Thought | Finished]:
            del sampling
            assert isinstance(prompt, Prompt)
            self.prompts.append(prompt)
            if len(self.prompts) > 1:
                yield "Fine."
                yield Finished(FinishReason.END)
                return
            yield "Let me see."
            yield Thought("Let me see.", whole=True)
            raise WorkerLost("gone")

    generator = Late()
    stream = resuming_stream(generator, ASKED, Sampling(), as_it_was)
    pieces = [piece async for piece in stream]
    assert pieces[-2] == "Fine."
    assert (generator.prompts[1].thought, generator.prompts[1].answer) == ("Let me see.", "")
