"""Settings, system prompt, mute, forgetting and facts, on every platform."""

from dataclasses import replace

import pytest

from bot.ports import ConversationSettings
from tests.scenarios.acting import ask, begin, counting, given, questions, repeating
from tests.scenarios.driver import Can, Command, GroupPlatform, Who
from tests.scenarios.platforms import on_all_that_can
from tests.until import until

TEMPERATURE = (
    "The temperature is a number from 0 (always the likeliest token) to 2 (most varied), such as "
    "0.7."
)
ADMINS_SET = "Only an admin can change the settings of this conversation."
ADMINS_SEE = "Only an admin can see or change the system prompt of this conversation."


# ---------------------------------------------------------------- settings


@on_all_that_can(Can.SETTINGS)
async def test_a_changed_setting_leaves_the_others_and_the_model_gets_them(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Hello")
        assert model.prompts[-1].question == "Ana: Hello"
        kept = ConversationSettings()
        for changes, changed in (
            ({"temperature": "0.2"}, replace(kept, temperature=0.2)),
            ({"length": "5"}, replace(kept, temperature=0.2, max_new_tokens=5)),
            (
                {"names": "off"},
                replace(kept, temperature=0.2, max_new_tokens=5, show_names=False),
            ),
        ):
            told = await chat.command(Who.ADA, Command.SETTINGS, changes)
            assert "Temperature: 0.2\n" in await told.text()
            assert await group.store.settings(chat.key) == changed
        assert await told.text() == (
            "Temperature: 0.2\nLongest answer: 5 tokens\nThinking: default\n"
            "Names shown to the model: off\nSystem prompt: default\nMuted: no"
        )
        await ask(chat, model, Who.ANA, "One two three four five six")
        assert model.prompts[-1].question == "One two three four five six"
        assert (model.samplings[-1].temperature, model.samplings[-1].max_new_tokens) == (0.2, 5)
        assert chat.answers()[-1].text == "On One two three four"


@on_all_that_can(Can.SETTINGS)
async def test_several_settings_are_changed_at_once_and_one_is_returned_to_its_default(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Hello")
        both = {"temperature": "1,5", "length": "300"}
        await (await chat.command(Who.ADA, Command.SETTINGS, both)).text()
        assert await group.store.settings(chat.key) == ConversationSettings(
            temperature=1.5, max_new_tokens=300
        )
        default = {"temperature": "default"}
        told = await chat.command(Who.ADA, Command.SETTINGS, default)
        assert "Temperature: default\nLongest answer: 300 tokens" in await told.text()
        shown = await chat.command(Who.ANA, Command.SETTINGS)
        assert await shown.text() == await told.text()


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("temperature", "hot", TEMPERATURE),
        ("length", "-1", "The length is a number of tokens from 1 to 32,768."),
        ("names", "perhaps", "Names are on, off or default."),
    ],
)
@on_all_that_can(Can.SETTINGS)
async def test_a_wrong_value_is_told_and_changes_nothing(
    group: GroupPlatform, name: str, value: str, why: str
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Hello")
        before = ConversationSettings(temperature=0.5, max_new_tokens=50, show_names=True)
        await group.store.change_settings(chat.key, before)
        told = await chat.command(Who.ADA, Command.SETTINGS, {name: value})
        assert await told.text() == why
        assert await group.store.settings(chat.key) == before


@on_all_that_can(Can.SETTINGS)
async def test_only_admins_change_settings(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Hello")
        for command, changes in (
            (Command.SETTINGS, {"length": "9"}),
            (Command.MUTE, None),
            (Command.UNMUTE, None),
        ):
            told = await chat.command(Who.ANA, command, changes)
            assert await told.text() == ADMINS_SET
        assert await group.store.settings(chat.key) == ConversationSettings()


# ---------------------------------------------------------------- the system prompt


@on_all_that_can()
async def test_the_system_prompt_is_set_seen_by_the_model_shown_and_taken_back(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "Hello")
        assert model.prompts[-1].system == "Be kind."
        assert await chat.system_prompt(Who.ADA) == ""
        told = await chat.set_system_prompt(Who.ADA, "Answer like a pirate.")
        assert await told.text() == "The system prompt is set, from the next question on."
        await ask(chat, model, Who.ADA, "Hello again")
        assert model.prompts[-1].system == "Answer like a pirate."
        assert await chat.system_prompt(Who.ADA) == "Answer like a pirate."
        told = await chat.set_system_prompt(Who.ADA, "")
        assert await told.text() == (
            "The default system prompt is back, from the next question on."
        )
        await ask(chat, model, Who.ADA, "And again")
        assert model.prompts[-1].system == "Be kind."
        assert await chat.system_prompt(Who.ADA) == ""


@on_all_that_can(Can.SETTINGS)
async def test_admins_see_what_was_answered_here_and_nobody_else_does(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        told = await chat.command(Who.ADA, Command.STATS)
        assert await told.text() == "Nothing was answered here in the last 7 days."
        await ask(chat, model, Who.ANA, "Hello")
        text = await (await chat.command(Who.ADA, Command.STATS)).text()
        assert "1 answer, " in text
        assert "Who asked most:\nAna: 1 answer" in text
        refused = await chat.command(Who.ANA, Command.STATS)
        assert await refused.text() == "Only an admin can see the statistics of this place."


@on_all_that_can(Can.SETTINGS)
async def test_only_admins_see_and_set_the_system_prompt(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Hello")
        secret = ConversationSettings(system_prompt="A secret.", temperature=0.3)
        await group.store.change_settings(chat.key, secret)
        told = await chat.set_system_prompt(Who.ANA, "Be rude.")
        assert await told.text() == ADMINS_SEE
        assert await group.store.settings(chat.key) == secret
        await (await chat.set_system_prompt(Who.ADA, "Be terse.")).text()
        assert await group.store.settings(chat.key) == replace(secret, system_prompt="Be terse.")


# ---------------------------------------------------------------- mute


@on_all_that_can(Can.SETTINGS)
async def test_a_muted_place_answers_admins_only_until_it_is_unmuted(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Hello")
        told = await chat.command(Who.ADA, Command.MUTE)
        assert await told.text() == "I am muted here now; admins can still ask me."
        refused = await chat.say(Who.BEN, "@bot Do you hear me?")
        assert await refused.told.text() == "I am muted here."
        await ask(chat, model, Who.ADA, "And me?")
        assert given(model.prompts[-1]) == ["Ana: Hello", "Ada: And me?"]
        told = await chat.command(Who.ADA, Command.UNMUTE)
        assert await told.text() == "I answer here again."
        await ask(chat, model, Who.BEN, "And now?")
        assert given(model.prompts[-1]) == ["Ana: Hello", "Ada: And me?", "Ben: And now?"]
        assert len(chat.answers()) == 3


@on_all_that_can(Can.SETTINGS)
async def test_muting_keeps_every_other_setting(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Hello")
        before = ConversationSettings("Be terse.", 0.25, 123, show_names=False)
        await group.store.change_settings(chat.key, before)
        await (await chat.command(Who.ADA, Command.MUTE)).text()
        assert await group.store.settings(chat.key) == replace(before, muted=True)
        await (await chat.command(Who.ADA, Command.UNMUTE)).text()
        assert await group.store.settings(chat.key) == before


# ---------------------------------------------------------------- reset and forget


@on_all_that_can()
async def test_reset_restarts_the_conversation_and_deletes_nothing(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "My name is Ada.")
        told = await chat.command(Who.ADA, Command.RESET)
        assert await told.text() == (
            "Conversation restarted. I no longer see the earlier question. It stays stored; "
            f"{chat.names.forget} deletes what you asked."
        )
        await ask(chat, model, Who.ADA, "Who am I?")
        assert model.prompts[-1].history == ()
        assert await questions(group.store) == ["My name is Ada.", "Who am I?"]


@on_all_that_can(Can.OTHERS)
async def test_only_admins_reset(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "My name is Ana.")
        told = await chat.command(Who.ANA, Command.RESET)
        assert await told.text() == "Only an admin can reset this conversation."
        await ask(chat, model, Who.ANA, "Who am I?")
        assert given(model.prompts[-1]) == ["Ana: My name is Ana.", "Ana: Who am I?"]


@on_all_that_can(Can.SETTINGS)
async def test_forget_me_deletes_what_one_person_asked_and_nothing_of_others(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "My secret is 42.")
        await ask(chat, model, Who.BEN, "What is a llama?")
        told = await chat.command(Who.ANA, Command.FORGET_ME)
        assert "1 question of yours" in await told.text()
        assert await questions(group.store) == ["What is a llama?"]
        await ask(chat, model, Who.BEN, "What is the secret?")
        assert given(model.prompts[-1]) == ["Ben: What is a llama?", "Ben: What is the secret?"]
        assert not any("42" in exchange.answer for exchange in model.prompts[-1].history)


@on_all_that_can(Can.SETTINGS)
async def test_forget_me_stops_what_is_being_answered(group: GroupPlatform) -> None:
    model = counting()
    async with group.running(model) as chat:
        await begin(chat, model, Who.ANA)
        await until(lambda: [answer.text for answer in chat.answers()] not in ([], [""]))
        await (await chat.command(Who.ANA, Command.FORGET_ME)).text()
        # nothing is left that buttons could act on
        await until(lambda: not any(answer.buttons for answer in chat.answers()))
        model.let(100)
        await chat.settled()
        assert model.steps == 3
        assert await questions(group.store) == []


# ---------------------------------------------------------------- facts


@on_all_that_can()
async def test_status_says_what_answers_and_how_busy_it_is(group: GroupPlatform) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "Hello")
        told = await chat.command(Who.ADA, Command.STATUS)
        words = len(f"On {model.prompts[0].question}".split())
        assert await told.text() == (
            "Model: scripted (quantization none)\n"
            "Context window: 100,000 tokens\n"
            "Runs on: none, by test\n"
            "Now: 0 answers being written, 0 questions waiting\n"
            "Speed of the last answer: not known yet\n"
            f"Generated since the start: {words} tokens"
        )


@on_all_that_can(Can.SETTINGS)
async def test_privacy_tells_reset_from_forget_by_the_platforms_own_commands(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Hello")
        told = await (await chat.command(Who.ANA, Command.PRIVACY)).text()
        assert "until somebody deletes it" in told
        assert f"{chat.names.reset} (admins) restarts the conversation" in told
        assert "it stays stored" in told
        export = chat.names.forget.replace("forget", "export")
        assert f"{export} gives you all that is stored of you. {chat.names.forget} deletes" in told
