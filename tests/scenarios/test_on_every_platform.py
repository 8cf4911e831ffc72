"""What Parley promises, on every platform by the same words.

Each scenario runs on the terminal, on Slack (edited, and natively streamed) and on Discord, with
the real adapter and the real engine over a loopback imitation of the platform.
"""

import json
import re
from collections.abc import Callable

import pytest

from bot.errors import GenerationError, WorkerLost
from bot.generation.openai import OpenAIGenerator, ServerOptions
from bot.messages import Prompt
from bot.ports import ConversationSettings
from tests.raw_server import DONE, STOP, event, raw_server, stream
from tests.scenarios.driver import Platform, Press
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

COUNT = " ".join(f"word{n}" for n in range(40))


def counting(*, paced: bool = False) -> ScriptedGenerator:
    return ScriptedGenerator(lambda _: COUNT, context=100_000, paced=paced)


def in_turn(*replies: str) -> Callable[[Prompt], str]:
    left = list(replies)
    return lambda _: left.pop(0)


async def test_an_answer_is_read_whole_and_remembered(platform: Platform) -> None:
    async with platform.running(ScriptedGenerator()) as chat:
        await chat.say("My name is Ana.")
        await chat.settled()
        assert chat.read().endswith("[] My name is Ana.")
        await chat.say("Who am I?")
        await chat.settled()
        assert chat.read().endswith("[My name is Ana.] Who am I?")


async def test_stop_halts_the_model_and_what_it_wrote_stays(platform: Platform) -> None:
    model = counting(paced=True)
    async with platform.running(model) as chat:
        await chat.say("Count.")
        model.let(5)
        await until(lambda: "word4" in chat.read())
        await chat.press(Press.STOP)
        await chat.settled()
        model.let(100)
        assert chat.read() == "word0 word1 word2 word3 word4"
        assert model.steps == 5


async def test_continue_goes_on_from_where_the_length_cut_it(platform: Platform) -> None:
    model = counting()
    async with platform.running(model) as chat:
        short = ConversationSettings(max_new_tokens=25)
        await platform.store.change_settings(chat.key, short)
        await chat.say("Count.")
        await chat.settled()
        assert chat.read() == " ".join(COUNT.split()[:25])
        await chat.press(Press.CONTINUE)
        await until(lambda: len(model.prompts) == 2)
        await chat.settled()
        assert chat.read() == COUNT


async def test_regenerate_puts_another_answer_in_the_place(platform: Platform) -> None:
    model = ScriptedGenerator(in_turn("The first answer.", "The second one."))
    async with platform.running(model) as chat:
        await chat.say("Hello")
        await chat.settled()
        assert chat.read() == "The first answer."
        await chat.press(Press.REGENERATE)
        await until(lambda: len(model.prompts) == 2)
        await chat.settled()
        assert chat.read() == "The second one."


async def test_reset_makes_the_model_forget(platform: Platform) -> None:
    async with platform.running(ScriptedGenerator()) as chat:
        await chat.say("My name is Ana.")
        await chat.settled()
        await chat.reset()
        await chat.say("Who am I?")
        await chat.settled()
        assert chat.read().endswith("[] Who am I?")


@pytest.mark.parametrize("after", [0, 7, 39])
async def test_a_lost_model_process_is_no_gap_in_the_answer(platform: Platform, after: int) -> None:
    model = counting()
    model.failures.append((after, WorkerLost("the model's process ended")))
    async with platform.running(model) as chat:
        await chat.say("Count.")
        await chat.settled()
        assert chat.read() == COUNT


async def test_a_model_that_fails_leaves_what_it_wrote_and_the_chat_goes_on(
    platform: Platform,
) -> None:
    model = counting()
    model.failures.append((7, GenerationError("the model failed")))
    async with platform.running(model) as chat:
        await chat.say("Count.")
        await chat.settled()
        assert chat.read() == " ".join(COUNT.split()[:7])
        await chat.say("Count again.")
        await chat.settled()
        assert chat.read() == COUNT


async def test_an_answer_that_a_restart_cut_goes_on(platform: Platform) -> None:
    first = counting(paced=True)
    async with platform.running(first) as chat:
        await chat.say("Count.")
        first.let(5)
        await until(lambda: "word4" in chat.read())
    second = counting()
    async with platform.running(second) as chat:
        await until(lambda: second.prompts)
        await chat.settled()
        assert chat.read() == COUNT
    assert second.prompts[0].answer.split() == COUNT.split()[:5]


async def test_several_questions_are_answered_in_their_order(platform: Platform) -> None:
    model = ScriptedGenerator(lambda prompt: f"On {prompt.question}")
    async with platform.running(model) as chat:
        for number in range(3):
            await chat.say(f"question {number}")
        await until(lambda: len(model.prompts) == 3)
        await chat.settled()
    asked = [prompt.question for prompt in model.prompts]
    assert asked == [f"question {number}" for number in range(3)]
    assert model.most_writing == 1


async def test_a_long_answer_is_read_whole_over_many_messages(platform: Platform) -> None:
    text = " ".join(f"Sentence {n} says little, but it says it at some length." for n in range(240))
    async with platform.running(ScriptedGenerator(lambda _: text, context=100_000)) as chat:
        await chat.say("Talk.")
        await chat.settled()
        assert re.sub(r"\s+", " ", chat.read()) == text


# ---------------------------------------------------------------- servers whose model thinks

ABOUT_TAGS = "A thought is `<think>`, as in\n\n```\n<think>\nso\n</think>\n```\n\nand no more."


def in_a_field(thought: str) -> bytes:
    delta = {"choices": [{"delta": {"reasoning_content": thought}}]}
    return b"data: " + json.dumps(delta).encode() + b"\n\n"


@pytest.mark.parametrize(
    "thought",
    [
        (in_a_field("Let me "), in_a_field("see.")),
        (event("<thi"), event("nk>\nLet me see.\n</th"), event("ink>\n\n")),
        (event("Let me see."), event("\n</think>\n\n")),
        (in_a_field("Let me see."), event("</think>\n")),
    ],
    ids=["field", "tags", "closing", "both"],
)
async def test_however_a_server_sends_thoughts_the_answer_is_read_alone(
    platform: Platform, thought: tuple[bytes, ...]
) -> None:
    answer = (event(ABOUT_TAGS[:30]), event(ABOUT_TAGS[30:]), STOP, DONE)
    async with raw_server(chat=stream(*thought, *answer)) as server:
        generator = OpenAIGenerator(ServerOptions((server.url,)))
        async with platform.running(generator) as chat:
            for _ in range(2):
                await chat.say("What is a thought?")
                await chat.settled()
                assert "Let me see." not in chat.read() or thought[0] == event("Let me see.")
                assert chat.read().endswith(ABOUT_TAGS)
        await generator.aclose()
        sent = [request.body for request in server.to("/v1/chat/completions")]
    assert "Let me" not in json.dumps(sent)
    stored = await platform.store.answers()
    assert [(one.thought, one.text) for one in stored] == [("Let me see.", ABOUT_TAGS)] * 2
