"""Thoughts that servers send in a field of their own, between tags, or both ways."""

import json
from typing import Any

import pytest

from bot.engine.resume import resuming_stream
from bot.generation.openai import OpenAIGenerator, ServerOptions
from bot.generation.openai.payload import WORD_JOINER, neutralize
from bot.messages import (
    Exchange,
    Finished,
    FinishReason,
    ModelInfo,
    Prompt,
    Reasoning,
    Sampling,
    Thought,
)
from tests.raw_server import DONE, STOP, RawServer, Reply, event, in_turn, plain, raw_server, stream

HELLO = Prompt("", (), "How are you?")
BOTH = Sampling(max_new_tokens=20, max_thinking_tokens=100)


def thinks(text: str, field: str = "reasoning_content") -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {field: text}}]}).encode() + b"\n\n"


async def answered(
    server: RawServer, *prompts: Prompt, sampling: Sampling = BOTH
) -> list[tuple[str, str, Finished]]:
    """Thought, text and end of each answer."""
    generator = OpenAIGenerator(ServerOptions((server.url,)))
    found = []
    try:
        await generator.start()
        for prompt in prompts:
            thought = text = ""
            async for piece in generator.stream(prompt, sampling):
                if isinstance(piece, Finished):
                    found.append((thought, text, piece))
                elif isinstance(piece, str):
                    text += piece
                elif piece.whole:
                    thought, text = piece.text, ""
                else:
                    thought += piece.text
    finally:
        await generator.aclose()
    return found


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "reasoning_details"])
async def test_a_thought_in_a_field_of_its_own_is_told_apart(field: str) -> None:
    said: Any = "Let me see."
    if field == "reasoning_details":
        said = [{"type": "reasoning.text", "text": said}]
    reply = stream(thinks(said, field), event("Fine, "), event("thanks."), STOP, DONE)
    async with raw_server(chat=reply) as server:
        ((thought, text, end),) = await answered(server, HELLO)
    assert (thought, text, end.reason) == ("Let me see.", "Fine, thanks.", FinishReason.END)
    assert (end.usage.completion_tokens, end.usage.thinking_tokens) == (3, 1)


async def test_parts_of_the_type_thinking_are_a_thought() -> None:
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    value = {"choices": [{"delta": {"content": [part, {"type": "text", "text": "Fine."}]}}]}
    chunk = b"data: " + json.dumps(value).encode() + b"\n\n"
    async with raw_server(chat=stream(chunk, STOP, DONE)) as server:
        assert [one[:2] for one in await answered(server, HELLO)] == [("Hm.", "Fine.")]


async def test_a_thought_between_tags_is_told_apart_wherever_it_is_cut() -> None:
    whole = "<think>\nLet me see.\n</think>\n\nFine, thanks."
    for cut in range(1, len(whole)):
        pieces = [event(whole[:cut]), event(whole[cut:])]
        async with raw_server(chat=stream(*pieces, STOP, DONE)) as server:
            ((thought, text, _),) = await answered(server, HELLO)
        assert (thought, text) == ("Let me see.", "Fine, thanks.")


async def test_a_server_that_mixes_both_ways_shows_nothing_raw() -> None:
    reply = stream(thinks("Hm. "), event("</think>\n\n"), event("Fine."), STOP, DONE)
    again = stream(thinks("Hm."), event("<think>Well.</think>Fine."), thinks("late"), STOP, DONE)
    async with raw_server(chat=in_turn(reply, again)) as server:
        found = await answered(server, HELLO, HELLO)
    assert [one[:2] for one in found] == [("Hm. ", "Fine."), ("Hm.\n\nWell.", "Fine.")]


async def test_a_lone_closing_tag_is_learned_from() -> None:
    """The first answer turns into a thought when the tag comes; the next begins as one."""
    reply = stream(event("Let me see.\n"), event("</think>\n\n"), event("Fine."), STOP, DONE)
    without = stream(event("Just "), event("fine."), STOP, DONE)
    async with raw_server(chat=in_turn(reply, reply, without)) as server:
        found = await answered(server, HELLO, HELLO, HELLO)
    assert [one[:2] for one in found] == [
        ("Let me see.", "Fine."),
        ("Let me see.", "Fine."),
        ("", "Just fine."),
    ]


def named(name: str) -> Reply:
    return plain({"data": [{"id": name}]})


@pytest.mark.parametrize("name", ["deepseek-r1:8b", "Qwen/QwQ-32B", "Qwen3-4B-Thinking-2507"])
async def test_the_first_answer_of_a_model_whose_name_tells_begins_as_a_thought(
    name: str,
) -> None:
    reply = stream(event("Let me"), event(" see.\n</think>\n\n"), event("Fine."), STOP, DONE)
    without = stream(event("Just "), event("fine."), STOP, DONE)
    async with raw_server(models=named(name), chat=in_turn(reply, without, without)) as server:
        generator = OpenAIGenerator(ServerOptions((server.url,)))
        try:
            await generator.start()
            first, second, third = [
                [piece async for piece in generator.stream(HELLO, BOTH)][:-1] for _ in range(3)
            ]
        finally:
            await generator.aclose()
    assert first == [Thought("Let me"), Thought(" see."), "Fine."]
    assert second == [Thought("Just"), Thought(" fine."), Thought("", whole=True), "Just fine."]
    assert third == ["Just ", "fine."]  # learned that it was wrong


async def test_an_answer_without_thinking_is_shown_as_it_comes_although_others_think() -> None:
    off = Prompt("", (), "Hi", reasoning=Reasoning.OFF)
    reply = stream(event("Let me see.\n</think>\n\nFine."), STOP, DONE)
    without = stream(event("Just "), event("fine."), STOP, DONE)
    async with raw_server(chat=in_turn(reply, without)) as server:
        generator = OpenAIGenerator(ServerOptions((server.url,)))
        try:
            await generator.start()
            _, pieces = [
                [piece async for piece in generator.stream(prompt, BOTH)] for prompt in (HELLO, off)
            ]
        finally:
            await generator.aclose()
    assert pieces[:-1] == ["Just ", "fine."]


async def test_a_lone_closing_tag_after_a_break_makes_all_of_it_a_thought() -> None:
    broken = stream(event("Let me"), end="cut")
    rest = stream(event(" see.\n"), event("</think>\n\nFine."), STOP, DONE)
    async with raw_server(chat=in_turn(broken, rest)) as server:
        generator = OpenAIGenerator(ServerOptions((server.url,)))
        try:
            await generator.start()
            stream_of = resuming_stream(generator, HELLO, BOTH, _never)
            pieces = [piece async for piece in stream_of][:-1]
        finally:
            await generator.aclose()
    assert pieces == ["Let me", " see.\n", Thought("Let me see.", whole=True), "Fine."]


@pytest.mark.parametrize(("name", "thinks_so"), [("granite3.2:8b", True), ("llama3.2", False)])
async def test_a_sentence_is_a_thoughts_beginning_by_the_models_name(
    name: str, thinks_so: bool
) -> None:
    said = "Here is my thought process: 1 and 1. Here is my response: 2"
    async with raw_server(models=named(name), chat=stream(event(said), STOP, DONE)) as server:
        ((thought, text, _),) = await answered(server, HELLO)
    assert (thought, text) == (("1 and 1.", "2") if thinks_so else ("", said))


async def test_thought_and_answer_have_their_own_lengths() -> None:
    long = [thinks("hmmm ")] * 60 + [event("word ")] * 40
    async with raw_server(chat=stream(*long, STOP, DONE)) as server:
        ((_, text, end),) = await answered(server, HELLO)
    assert server.to("/v1/chat/completions")[0].body["max_tokens"] == 120
    assert (len(text.split()), end.reason) == (20, FinishReason.LENGTH)


async def test_a_thought_that_uses_up_all_tokens_ends_without_an_answer() -> None:
    async with raw_server(chat=stream(thinks("hmmm "), end="again")) as server:
        ((_, text, end),) = await answered(server, HELLO)
    assert (text, end.reason) == ("", FinishReason.LENGTH)
    assert end.usage.thinking_tokens == end.usage.completion_tokens == 120


async def test_the_servers_own_count_of_a_thought_counts() -> None:
    usage = {"completion_tokens": 50, "completion_tokens_details": {"reasoning_tokens": 40}}
    count = b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
    async with raw_server(chat=stream(thinks("Hm."), event("Ok"), STOP, count, DONE)) as server:
        ((_, _, end),) = await answered(server, HELLO)
    assert (end.usage.completion_tokens, end.usage.thinking_tokens) == (50, 40)
    assert end.usage.answer_tokens == 10


# ---------------------------------------------------------------- what is known of the model


async def info(server: RawServer) -> ModelInfo:
    generator = OpenAIGenerator(ServerOptions((server.url,)))
    try:
        return await generator.start()
    finally:
        await generator.aclose()


async def test_a_server_tells_whether_its_model_thinks() -> None:
    def listed(*capabilities: str) -> Reply:
        return plain({"data": [{"id": "m", "capabilities": ["completion", *capabilities]}]})

    async with raw_server(models=listed("thinking"), chat=stream(event("Ok"), STOP)) as server:
        assert Reasoning.AUTO in (await info(server)).thinks_at
    async with raw_server(models=listed(), chat=stream(event("Ok"), STOP)) as server:
        assert not (await info(server)).thinks_at
        await answered(server, HELLO)
        assert server.to("/v1/chat/completions")[0].body["max_tokens"] == 20


async def test_llama_servers_template_tells_it_and_its_switch() -> None:
    template = "{%- if enable_thinking is false %}<think>\n\n</think>{% endif %}"
    models = plain({"data": [{"id": "m", "owned_by": "llamacpp"}]})
    async with raw_server(models=models, props=plain({"chat_template": template})) as server:
        told = await info(server)
    assert Reasoning.HIGH in told.thinks_at
    assert Reasoning.OFF in told.reasoning_levels
    plainly = plain({"chat_template": "{{ messages }}"})
    async with raw_server(models=models, props=plainly) as server:
        told = await info(server)
    assert not told.thinks_at
    assert not told.reasoning_levels


async def test_a_model_that_thought_once_is_known_to_think() -> None:
    async with raw_server(chat=stream(thinks("Hm."), event("Ok"), STOP)) as server:
        generator = OpenAIGenerator(ServerOptions((server.url,)))
        try:
            assert not (await generator.start()).thinks_at
            async for _ in generator.stream(HELLO, BOTH):
                pass
            assert (await generator.start()).thinks_at
        finally:
            await generator.aclose()


# ---------------------------------------------------------------- the switch


@pytest.mark.parametrize(
    ("level", "effort", "on"),
    [("off", "none", False), ("low", "low", True), ("high", "high", True)],
)
async def test_the_switch_reaches_the_server(level: str, effort: str, on: bool) -> None:
    prompt = Prompt("", (), "Hi", reasoning=Reasoning(level))
    async with raw_server(chat=stream(event("Ok"), STOP)) as server:
        await answered(server, HELLO, prompt)
        plainly, body = (request.body for request in server.to("/v1/chat/completions"))
    assert "reasoning_effort" not in plainly
    assert "chat_template_kwargs" not in plainly
    assert body["reasoning_effort"] == effort
    assert body["chat_template_kwargs"]["enable_thinking"] is on


@pytest.mark.parametrize(
    ("status", "said", "refused"),
    [
        (400, "Unrecognized argument: chat_template_kwargs", {"chat_template_kwargs"}),
        (400, "Supported levels are low, high, and max.", {"chat_template_kwargs"}),
        (500, "Jinja Exception: thinking_effort is not supported", {"reasoning_effort"}),
        (422, "reasoning_effort: Input should be 'low' or 'high'", {"reasoning_effort"}),
    ],
)
async def test_a_server_that_refuses_the_switch_is_asked_without_it_from_then_on(
    status: int, said: str, refused: set[str]
) -> None:
    good = stream(event("Ok"), STOP, DONE)
    refusal = plain({"error": {"message": said}}, status=status)

    async def reply(received: Any, writer: Any) -> None:
        await (refusal if refused & received.body.keys() else good)(received, writer)

    prompt = Prompt("", (), "Hi", reasoning=Reasoning.OFF)
    async with raw_server(chat=reply) as server:
        found = await answered(server, prompt, prompt)
        asked = len(server.to("/v1/chat/completions"))
    assert [one[1] for one in found] == ["Ok", "Ok"]
    assert asked == 3


# ---------------------------------------------------------------- taken up again


async def test_a_thought_that_breaks_off_is_begun_anew() -> None:
    broken = stream(thinks("Let me"), end="cut")
    whole = stream(thinks("Again."), event("Fine."), STOP, DONE)
    async with raw_server(chat=in_turn(broken, whole)) as server:
        generator = OpenAIGenerator(ServerOptions((server.url,)))
        try:
            await generator.start()
            stream_of = resuming_stream(generator, HELLO, BOTH, _never)
            pieces = [piece async for piece in stream_of]
        finally:
            await generator.aclose()
    assert pieces[:-1] == [
        Thought("Let me"),
        Thought("", whole=True),
        Thought("Again."),
        "Fine.",
    ]


async def test_an_answer_that_goes_on_does_not_think_again() -> None:
    begun = Prompt("", (), "Hi", "Fine,", thought="Hm.")
    replies = in_turn(
        stream(thinks("Hm."), event("Fine,"), STOP, DONE), stream(event(" thanks."), STOP, DONE)
    )
    async with raw_server(chat=replies) as server:
        found = await answered(server, HELLO, begun)
        body = server.to("/v1/chat/completions")[1].body
    assert found[1][:2] == ("", " thanks.")
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["max_tokens"] == 20


async def _never(_: str, __: str) -> None:
    return None


def test_a_typed_tag_of_a_thought_is_no_tag_for_a_server() -> None:
    for tag in ("<think>", "</think>", "[THINK]", "[/THINK]", "<channel|>", "<seed:think>"):
        assert neutralize(tag) == tag[0] + WORD_JOINER + tag[1:]
    assert neutralize("<thinker> [THINKING]") == "<thinker> [THINKING]"


async def test_no_thought_is_sent_with_the_history() -> None:
    prompt = Prompt("", (Exchange("Hi", "Hello.", thought="A secret."),), "And?")
    async with raw_server(chat=stream(event("Ok"), STOP)) as server:
        await answered(server, prompt)
        assert "secret" not in json.dumps(server.to("/v1/chat/completions")[0].body)
