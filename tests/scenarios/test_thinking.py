"""Models that think before they answer, on every platform."""

import pytest

from bot.engine.runner import ONLY_THOUGHT_LENGTH
from bot.errors import WorkerLost
from bot.messages import Reasoning
from bot.ports import AnswerState, ConversationSettings
from tests.scenarios.acting import (
    COUNT,
    answered,
    archived,
    ask,
    newest,
    only,
    stopped,
)
from tests.scenarios.driver import Answer, Can, Command, Group, GroupPlatform, Press, Where, Who
from tests.scenarios.platforms import on_all_that_can
from tests.scripted_generator import ScriptedGenerator
from tests.until import until

THOUGHT = " ".join(f"hm{n}" for n in range(20))
WORDS = len(THOUGHT.split())


def thinking(*, paced: bool = False, prefills: bool = True) -> ScriptedGenerator:
    return ScriptedGenerator(
        lambda _: COUNT, context=100_000, paced=paced, thought=THOUGHT, prefills=prefills
    )


async def begin_to_think(chat: Group, model: ScriptedGenerator, who: Who) -> None:
    """Ask a paced model; it has thought three words."""
    await chat.say(who, "@bot Count.")
    model.let(3)
    await until(lambda: model.steps == 3)


# ---------------------------------------------------------------- what people see


@on_all_that_can()
async def test_people_see_the_answer_alone(group: GroupPlatform) -> None:
    model = thinking()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "Count.")
        assert only(chat).text == COUNT
        assert Press.THINKING not in only(chat).buttons
        await ask(chat, model, Who.ADA, "Again.")
    assert [one.thought for one in await archived(group.store)] == [THOUGHT, THOUGHT]
    assert [exchange.thought for exchange in model.prompts[1].history] == [""]
    assert model.prompts[1].history[0].answer == COUNT


@on_all_that_can()
async def test_the_status_counts_the_thought(group: GroupPlatform) -> None:
    model = thinking()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "Count.")
        told = await (await chat.command(Who.ADA, Command.STATUS)).text()
    assert "Thinks before it answers: yes" in told
    assert "Generated since the start: 40 tokens, 20 of them thinking" in told


@on_all_that_can()
async def test_tags_that_a_person_types_and_tags_in_code_are_text(group: GroupPlatform) -> None:
    asked = "What do <think>this</think> and `</think>` mean?"
    answer = "Well: `<think>` and `</think>` enclose it, as in ```<think></think>``` here."
    model = ScriptedGenerator(lambda _: answer, context=100_000, thought=THOUGHT)
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, asked)
        assert only(chat).text == answer
        await ask(chat, model, Who.ADA, "Again.")
    past = model.prompts[1].history[0]
    assert past.question.endswith(asked)
    assert (past.answer, past.thought) == (answer, "")


@on_all_that_can(Can.OTHERS)
async def test_a_message_says_that_the_model_thinks_and_can_be_stopped(
    group: GroupPlatform,
) -> None:
    model = thinking(paced=True)
    async with group.running(model) as chat:
        await begin_to_think(chat, model, Who.ANA)
        await until(chat.answers)
        shown = only(chat)
        assert shown.text in ("", "…")
        assert shown.note.startswith("Thinking") or not shown.note
        assert shown.buttons == {Press.STOP}
        model.let(100)
        await chat.settled()
        assert only(chat).text == COUNT


@on_all_that_can(Can.OTHERS)
async def test_a_folded_thought_stands_above_its_answer_and_whole_on_a_button(
    group: GroupPlatform,
) -> None:
    group.fold_thoughts()
    model = thinking()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Count.")
        shown = only(chat)
        above, _, text = shown.text.partition("\n\n")
        assert all(line.startswith(">") for line in above.split("\n"))
        assert "hm0 hm1" in above
        assert text == COUNT
        told = await chat.press(Who.BEN, Press.THINKING, shown)
        assert await told.text() == THOUGHT
    stored = await newest(group.store)
    assert (stored.text, stored.thought) == (COUNT, THOUGHT)


@on_all_that_can(Can.OTHERS)
async def test_a_thought_is_shown_in_its_own_place_alone_and_only_where_thoughts_are_shown(
    group: GroupPlatform,
) -> None:
    model = thinking()
    nothing = "There is no thought to show of this answer."
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Count.")
        number = (await newest(group.store)).id
        if not chat.key.thread:  # a forged button stands in the channel itself
            told = await chat.press_elsewhere(Who.ANA, Press.THINKING, number, Where.HERE)
            assert await told.text() == nothing
    group.fold_thoughts()
    async with group.running(model) as chat:
        told = await chat.press_elsewhere(Who.BEN, Press.THINKING, number, Where.ELSEWHERE)
        assert await told.text() == "There is no such answer any more."


@on_all_that_can(Can.OTHERS, Can.SETTINGS)
async def test_an_old_button_shows_the_thought_of_its_own_answer_until_that_is_deleted(
    group: GroupPlatform,
) -> None:
    group.fold_thoughts()
    model = thinking()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Count.")
        first = only(chat)
        await (await chat.command(Who.ADA, Command.RESET)).text()
        told = await chat.press(Who.BEN, Press.THINKING, first)
        assert await told.text() == THOUGHT  # people still see the answer
        number = (await newest(group.store)).id
        await chat.press(Who.ANA, Press.REGENERATE, first)
        await answered(chat, model, 2)
        if not chat.key.thread:  # a forged button stands in the channel itself
            told = await chat.press_elsewhere(Who.BEN, Press.THINKING, number, Where.HERE)
            assert await told.text() == "There is no such answer any more."
        second = only(chat)
        await (await chat.command(Who.ANA, Command.FORGET_ME)).text()
        told = await chat.press(Who.BEN, Press.THINKING, second)
        assert await told.text() == "There is no such answer any more."


@on_all_that_can(Can.OTHERS)
async def test_edited_in_mid_thought_a_question_is_thought_about_anew(
    group: GroupPlatform,
) -> None:
    model = thinking(paced=True)
    async with group.running(model) as chat:
        said = await chat.say(Who.ANA, "@bot Count.")
        model.let(3)
        await until(lambda: model.steps == 3 and chat.answers())
        await chat.edit(said, "@bot Count again.")
        await until(lambda: len(model.prompts) == 2)
        model.let(100)
        await chat.settled()
        assert only(chat).text == COUNT
    assert (model.prompts[1].thought, model.prompts[1].question[-6:]) == ("", "again.")
    assert (await newest(group.store)).thought == THOUGHT


# ---------------------------------------------------------------- stop, loss, restart


@on_all_that_can()
async def test_a_stop_in_mid_thought_shows_an_end_and_no_thought(group: GroupPlatform) -> None:
    model = thinking(paced=True)
    async with group.running(model) as chat:
        await begin_to_think(chat, model, Who.ADA)
        at_terminal = chat.key.platform == "console"  # where nothing is printed yet
        await until(lambda: at_terminal or chat.answers())
        shown = chat.answers() or [Answer("", "", frozenset(), None)]
        await chat.press(Who.ADA, Press.STOP, shown[0])
        await chat.settled()
        model.let(100)
        assert model.steps == 3
        stored = await newest(group.store)
        assert (stored.state, stored.text) == (AnswerState.STOPPED, "")
        assert stored.thought.split() == THOUGHT.split()[:3]
        for answer in chat.answers():
            assert (answer.text, answer.note) in (("", "Stopped."), ("…", "Stopped."))
            assert stopped(answer)


@on_all_that_can(Can.OTHERS)
async def test_continue_after_a_stop_takes_the_thought_up(group: GroupPlatform) -> None:
    model = thinking(paced=True)
    async with group.running(model) as chat:
        await begin_to_think(chat, model, Who.ANA)
        await until(chat.answers)
        await chat.press(Who.ANA, Press.STOP, only(chat))
        await until(lambda: stopped(only(chat)))
        await chat.settled()
        model.let(100)
        await chat.press(Who.ANA, Press.CONTINUE, only(chat))
        await answered(chat, model, 2)
        assert only(chat).text == COUNT
    assert model.prompts[1].thought.split() == THOUGHT.split()[:3]
    assert (await newest(group.store)).thought == THOUGHT


@pytest.mark.parametrize("prefills", [True, False])
@on_all_that_can(Can.OTHERS)
async def test_a_restart_in_mid_thought_takes_it_up_or_begins_anew(
    group: GroupPlatform, prefills: bool
) -> None:
    first, second = thinking(paced=True), thinking(prefills=prefills)
    async with group.running(first) as chat:
        await begin_to_think(chat, first, Who.ANA)
        await until(chat.answers)
    async with group.running(second) as chat:
        await answered(chat, second, 1)
        assert only(chat).text == COUNT
        assert chat.posted() == 1
    assert second.prompts[0].thought.split() == THOUGHT.split()[:3]
    stored = await newest(group.store)
    assert (stored.thought, stored.text) == (THOUGHT, COUNT)
    assert stored.usage.thinking_tokens == (WORDS - 3 if prefills else WORDS)


@pytest.mark.parametrize("after", [0, 5, WORDS, WORDS + 4])
@on_all_that_can()
async def test_a_lost_model_process_is_no_gap(group: GroupPlatform, after: int) -> None:
    model = thinking()
    model.failures.append((after, WorkerLost("the model's process ended")))
    async with group.running(model) as chat:
        await chat.say(Who.ADA, "@bot Count.")
        await answered(chat, model, 2)
        assert only(chat).text == COUNT
    stored = await newest(group.store)
    assert (stored.thought, stored.text) == (THOUGHT, COUNT)
    assert stored.usage.answer_tokens == len(COUNT.split())


@on_all_that_can(Can.OTHERS)
async def test_a_folded_answer_that_a_restart_cut_is_the_same_text(group: GroupPlatform) -> None:
    group.fold_thoughts()
    first, second = thinking(paced=True), thinking()
    async with group.running(first) as chat:
        await chat.say(Who.ANA, "@bot Count.")
        first.let(WORDS + 3)
        await until(lambda: any("word0" in answer.text for answer in chat.answers()))
        await until(lambda: first.steps == WORDS + 3)
    async with group.running(second) as chat:
        await answered(chat, second, 1)
        above, _, text = only(chat).text.partition("\n\n")
        assert "hm0 hm1" in above
        assert text == COUNT
        assert chat.posted() == 1


# ---------------------------------------------------------------- again


@on_all_that_can()
async def test_a_regenerated_answer_is_thought_about_anew(group: GroupPlatform) -> None:
    model = thinking()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "Count.")
        await chat.press(Who.ADA, Press.REGENERATE, only(chat))
        await answered(chat, model, 2)
        assert only(chat).text == COUNT
    assert model.prompts[1].thought == ""
    assert [one.thought for one in await archived(group.store)] == [THOUGHT, THOUGHT]


@on_all_that_can()
async def test_an_answer_that_is_continued_is_not_thought_about_again(
    group: GroupPlatform,
) -> None:
    model = thinking()
    async with group.running(model) as chat:
        place = chat.key
        await group.store.change_settings(place, ConversationSettings(max_new_tokens=5))
        await ask(chat, model, Who.ADA, "Count.")
        assert only(chat).text == " ".join(COUNT.split()[:5])
        await group.store.change_settings(place, ConversationSettings())
        await chat.press(Who.ADA, Press.CONTINUE, only(chat))
        await answered(chat, model, 2)
        assert only(chat).text == COUNT
    assert model.prompts[1].thought == THOUGHT
    assert model.samplings[1].max_thinking_tokens == 0


@on_all_that_can(Can.OTHERS)
async def test_who_waits_for_a_thought_that_takes_all_is_told(group: GroupPlatform) -> None:
    model = ScriptedGenerator(lambda _: COUNT, context=100_000, thought="hm " * 2000, closes=False)
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Count.")
        shown = only(chat)
        assert shown.note == ONLY_THOUGHT_LENGTH
        assert shown.text in ("", "…")
        assert {Press.REGENERATE, Press.CONTINUE} <= shown.buttons


# ---------------------------------------------------------------- the switch


@on_all_that_can(Can.SETTINGS)
async def test_how_much_is_thought_can_be_set_for_a_channel(group: GroupPlatform) -> None:
    model = thinking()
    async with group.running(model) as chat:
        told = await chat.command(Who.ADA, Command.SETTINGS, {"reasoning": "low"})
        assert "Thinking: low" in await told.text()
        await ask(chat, model, Who.ANA, "Count.")
        assert model.prompts[-1].reasoning is Reasoning.LOW
        told = await chat.command(Who.ADA, Command.SETTINGS, {"reasoning": "much"})
        assert "off, low, medium, high" in await told.text()
        told = await chat.command(Who.ADA, Command.SETTINGS, {"reasoning": "default"})
        assert "Thinking: default" in await told.text()
