"""Slash commands and the window for the system prompt, through the real Bolt app."""

import pytest

from bot.engine.models import ModelSlots
from bot.messages import ConversationKey, Person
from bot.ports import ConversationSettings
from tests.adapters.slack.bench import Bench, bench
from tests.scripted_generator import ScriptedGenerator
from tests.slack_loopback import ApiError, Someone, Used
from tests.until import until

CHANNEL = ConversationKey("slack", "C1", workspace="T1")


async def told(b: Bench, used: Used) -> str:
    """What a command said to the person."""
    await until(lambda: used.told)
    (text,) = used.told
    return text


async def test_ask_shows_the_question_and_answers_below_it() -> None:
    async with bench() as b:
        used = await b.ana.command("/ask", "What is 2 + 2?", "C1")
        await b.answered()
        question, answer = b.team.answers("C1")
    assert question.shown == "**Ana asks:** What is 2 + 2?"
    assert answer.shown == "[Be kind.] [] Ana: What is 2 + 2?"
    assert used.told == []


async def test_what_was_asked_by_command_is_remembered_beside_mentions() -> None:
    async with bench() as b:
        await b.ana.command("/ask", "My name is Ana.", "C1")
        await b.answered()
        await b.ana.mention("C1", "Who am I?")
        await b.answered()
        assert b.team.answers("C1")[-1].shown == (
            "[Be kind.] [Ana: My name is Ana.] Ana: Who am I?"
        )


async def test_ask_is_acknowledged_while_the_model_is_busy_and_silent() -> None:
    async with bench(paced=True, engine={"slots": 1}) as b:
        await b.ana.mention("C1", "A question that takes for ever")
        await until(lambda: b.scripted.writing == 1)
        used = await b.ana.command("/ask", "And another", "C1")
        assert used.envelope.ack == {}
        assert b.scripted.steps == 0
        await until(lambda: "One question is before yours." in _small_print(b))
        b.scripted.let(1000)
        await b.answered()
        assert b.team.answers("C1")[-1].shown.endswith("Ana: And another")


def _small_print(b: Bench) -> str:
    return " ".join(message.small_print for message in b.team.answers("C1"))


async def test_ask_opens_a_thread_below_the_shown_question_with_the_scope_thread() -> None:
    async with bench(conversation={"scope": "thread"}) as b:
        await b.ana.command("/ask", "Hello", "C1")
        await b.answered()
        (question,) = b.team.answers("C1")
        assert b.joined("C1", question.ts) == "[Be kind.] [] Ana: Hello"


async def test_ask_with_nothing_shows_help() -> None:
    async with bench() as b:
        used = await b.ana.command("/ask", "  ", "C1")
        assert "by mentioning me" in await told(b, used)
        assert b.team.answers("C1") == []


async def test_ask_works_in_a_public_channel_that_the_bot_has_not_joined() -> None:
    async with bench() as b:
        b.team.channel("C5", joined=False)
        await b.ana.command("/ask", "Hello", "C5")
        await b.answered()
        assert b.team.answers("C5")[-1].shown == "[Be kind.] [] Ana: Hello"


async def test_in_a_private_channel_without_the_bot_the_person_is_told_to_invite_it() -> None:
    async with bench() as b:
        used = await b.ana.command("/ask", "Hello", "G1")
        assert "Invite me with `/invite`" in await told(b, used)
        await b.ana.command("/ask", "The rest goes on", "C1")
        await b.answered()
        assert b.joined("C1").endswith("Ana: The rest goes on")


async def test_a_question_that_is_refused_leaves_no_message_behind() -> None:
    async with bench(engine={"question_characters": 10}) as b:
        used = await b.ana.command("/ask", "much longer than ten characters", "C1")
        assert "the most I take is 10" in await told(b, used)
        assert b.team.answers("C1") == []


async def test_a_command_that_comes_twice_is_done_once() -> None:
    async with bench() as b:
        used = await b.ana.command("/ask", "Hello", "C1")
        await b.slack.redeliver(used.envelope)
        await b.answered()
        assert len(b.team.answers("C1")) == 2
        assert len(b.scripted.prompts) == 1
        assert "chat.delete" not in [method for method, _ in b.team.calls]


@pytest.mark.parametrize("scope", ["channel", "thread"])
async def test_deleting_the_shown_question_stops_its_answer_and_forgets_it(scope: str) -> None:
    async with bench(paced=True, conversation={"scope": scope}) as b:
        await b.ana.command("/ask", "one two three", "C1")
        await until(lambda: b.scripted.writing == 1)
        question = b.team.answers("C1")[0]
        await b.ada.delete(question)
        await b.answered()
        thread = question.ts if scope == "thread" else ""
        assert await b.store.exchanges(ConversationKey("slack", "C1", thread, "T1")) == []


async def test_a_question_pings_nobody() -> None:
    async with bench() as b:
        await b.ana.command("/ask", "tell &lt;!channel&gt; and <!here> and <@U2|ada>", "C1")
        await b.answered()
        shown = b.team.answers("C1")[0].shown
        assert "<!" not in shown.replace("<!\u2060", "")
        assert "@Ada" in shown


# ---------------------------------------------------------------- /stop and /reset


@pytest.mark.parametrize("scope", ["channel", "thread"])
async def test_stop_stops_ones_own_answers_in_the_channel_and_its_threads(scope: str) -> None:
    async with bench(paced=True, conversation={"scope": scope}) as b:
        await b.ana.mention("C1", "one two three four")
        b.scripted.let(2)
        await until(lambda: b.scripted.steps == 2)
        stranger = Someone(b.slack, "U9", "Stranger")
        refused = await stranger.command("/stop", "", "C1")
        assert "Nothing is being answered" in await told(b, refused)
        assert b.scripted.writing == 1
        used = await b.ana.command("/stop", "", "C1")
        assert await told(b, used) == "Stopped."
        await b.answered()
        assert b.scripted.steps == 2


async def test_an_admin_without_answers_of_their_own_stops_those_of_others() -> None:
    async with bench(paced=True) as b:
        await b.ana.mention("C1", "one two three four")
        await until(lambda: b.scripted.writing == 1)
        used = await b.ada.command("/stop", "", "C1")
        assert await told(b, used) == "Stopped."
        await b.answered()


async def test_stop_all_is_for_admins() -> None:
    async with bench(paced=True) as b:
        await b.ana.mention("C1", "one two three four")
        await b.ada.mention("C1", "five six seven")
        await until(lambda: b.scripted.writing == 2)
        refused = await b.ana.command("/stop", "all", "C1")
        assert "Only who asked, or an admin" in await told(b, refused)
        used = await b.ada.command("/stop", "all", "C1")
        assert await told(b, used) == "Stopped 2 answers."
        await b.answered()


async def test_words_stop_and_reset_in_a_thread_where_no_commands_exist() -> None:
    async with bench(paced=True) as b:
        first = await b.ana.say("C1", "thread")
        await b.ana.mention("C1", "one two three", thread=first.ts)
        await until(lambda: b.scripted.writing == 1)
        await b.ana.mention("C1", "stop", thread=first.ts)
        await b.answered()
        assert b.scripted.steps == 0
        await b.ada.mention("C1", "Reset!", thread=first.ts)
        await b.answered()
        assert "no longer see the earlier question" in b.team.ephemeral("U2")[0]


async def test_reset_is_for_admins_and_for_everybody_in_their_direct_messages() -> None:
    async with bench() as b:
        await b.ana.mention("C1", "Remember this")
        await b.ana.say("D1", "Remember that")
        await b.answered()
        assert await told(b, await b.ana.command("/reset", "", "C1")) == (
            "Only an admin can reset this conversation."
        )
        assert "no longer see the earlier question" in await told(
            b, await b.ana.command("/reset", "", "D1")
        )
        assert "no longer see the earlier question" in await told(
            b, await b.ada.command("/reset", "", "C1")
        )


async def test_whom_the_configuration_names_is_an_admin() -> None:
    async with bench(slack={"admin_people": ["U1"]}) as b:
        await b.ana.mention("C1", "Remember this")
        await b.answered()
        assert "no longer see the earlier question" in await told(
            b, await b.ana.command("/reset", "", "C1")
        )


# ---------------------------------------------------------------- /parley


async def test_settings_apply_to_the_channel_and_only_admins_change_them() -> None:
    async with bench() as b:
        refused = await b.ana.command("/parley", "settings temperature=0.1", "C1")
        assert "Only an admin" in await told(b, refused)
        used = await b.ada.command("/parley", "settings temperature=0.1 length=50 names=off", "C1")
        assert "Temperature: 0.1" in await told(b, used)
        shown = await told(b, await b.ana.command("/parley", "settings", "C1"))
        assert "Longest answer: 50 tokens" in shown
        await b.ana.mention("C1", "Hello")
        await b.answered()
        assert b.joined("C1") == "[Be kind.] [] Hello"


@pytest.mark.parametrize("text", ["settings warmth=3", "settings temperature=hot", "dance"])
async def test_what_is_no_command_is_answered_with_what_is(text: str) -> None:
    async with bench() as b:
        said = await told(b, await b.ada.command("/parley", text, "C1"))
        assert "/parley" in said or "temperature" in said


async def test_mute_and_unmute() -> None:
    async with bench() as b:
        await told(b, await b.ada.command("/parley", "mute", "C1"))
        await b.ana.mention("C1", "Hello")
        await b.answered()
        assert b.team.ephemeral("U1") == ["I am muted here."]
        await told(b, await b.ada.command("/parley", "unmute", "C1"))
        await b.ana.mention("C1", "Hello")
        await b.answered()
        assert b.joined("C1")


async def test_the_system_prompt_is_set_in_a_window_or_in_the_command() -> None:
    async with bench() as b:
        await b.ada.command("/parley", "system", "C1")
        await until(lambda: b.team.views)
        (view,) = b.team.views
        values = {"text": {"text": {"type": "plain_text_input", "value": "Be a pirate."}}}
        await b.ada.submit(view, values)
        await until(lambda: b.team.ephemeral("U2"))
        assert (await b.engine.settings(CHANNEL)).system_prompt == "Be a pirate."
        await told(b, await b.ada.command("/parley", "system Be short.", "C1"))
        assert (await b.engine.settings(CHANNEL)).system_prompt == "Be short."
        await told(b, await b.ada.command("/parley", "system default", "C1"))
        assert await b.engine.settings(CHANNEL) == ConversationSettings()


async def test_only_admins_get_the_window() -> None:
    async with bench() as b:
        used = await b.ana.command("/parley", "system", "C1")
        assert "Only an admin" in await told(b, used)
        assert b.team.views == []


async def test_a_window_that_comes_too_late_is_said_plainly() -> None:
    async with bench() as b:
        b.team.fail("views.open", ApiError("expired_trigger_id"))
        used = await b.ada.command("/parley", "system", "C1")
        assert "took too long" in await told(b, used)


async def test_rights_are_computed_anew_when_a_window_is_submitted() -> None:
    async with bench() as b:
        await b.ada.command("/parley", "system", "C1")
        await until(lambda: b.team.views)
        values = {"text": {"text": {"type": "plain_text_input", "value": "Be rude."}}}
        await b.ana.submit(b.team.views[0], values)
        await until(lambda: b.team.ephemeral("U1"))
        assert "Only an admin" in b.team.ephemeral("U1")[0]
        assert (await b.engine.settings(CHANNEL)).system_prompt is None


async def test_status_privacy_and_help_are_for_everybody() -> None:
    async with bench() as b:
        assert "Model: scripted" in await told(b, await b.ana.command("/parley", "status", "C1"))
        privacy = await told(b, await b.ana.command("/parley", "privacy", "C1"))
        assert "`/parley forget me`" in privacy
        assert "/ask" in await told(b, await b.ana.command("/parley", "", "C1"))


async def test_forget_me_deletes_all_that_the_person_asked() -> None:
    async with bench() as b:
        await b.ana.mention("C1", "My secret")
        await b.ada.mention("C1", "Not mine")
        await b.answered()
        refused = await told(b, await b.ana.command("/parley", "forget", "C1"))
        assert "`/parley forget me`" in refused
        used = await b.ana.command("/parley", "forget me", "C1")
        assert "1 question of yours" in await told(b, used)
        (left,) = await b.store.exchanges(CHANNEL)
        assert left.question.author == Person("slack", "T1.U2", "Ada", admin=True)


async def test_sub_commands_work_as_words_in_a_thread() -> None:
    async with bench() as b:
        first = await b.ana.say("C1", "thread")
        await b.ada.mention("C1", "/parley system Be short.", thread=first.ts)
        await b.answered()  # messages of different people keep no order
        await b.ana.mention("C1", "Hello", thread=first.ts)
        await b.answered()
        answer = b.joined("C1", first.ts)
        assert answer.startswith("[Be short.] []")
        assert answer.endswith(" Ana: Hello")


async def test_the_models_are_shown_with_a_menu_in_which_an_admin_chooses() -> None:
    further = {"large": ModelSlots(ScriptedGenerator(lambda _: "LARGE"), 1)}
    async with bench(further=further) as b:
        shown = await b.ana.command("/parley", "model", "C1")
        assert (await told(b, shown)).startswith("The models here:")
        refused = await b.ana.choose(shown, "large")
        assert await told(b, refused) == "Only an admin can choose the model of this conversation."
        shown = await b.ada.command("/parley", "model", "C1")
        await told(b, shown)
        chosen = await b.ada.choose(shown, "large")
        assert await told(b, chosen) == ("From the next question on, the model large answers here.")
        assert (await b.store.settings(CHANNEL)).model == "large"
        await b.ana.mention("C1", "Hello")
        await b.answered()
        (answer,) = [m for m in b.team.messages.values() if m.bot_id and m.shown == "LARGE"]
        assert answer.channel == "C1"
