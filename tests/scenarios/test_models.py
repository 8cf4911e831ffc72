"""Several models on every platform: who may choose one, and who answers then."""

from dataclasses import replace

from bot.ports import ConversationSettings
from tests.scenarios.acting import answered, ask, newest, repeating, with_two_models
from tests.scenarios.driver import Can, Command, GroupPlatform, Where, Who
from tests.scenarios.platforms import on_all_that_can

REFUSED = "Only an admin can choose the model of this conversation."
CHOSEN = "From the next question on, the model large answers here."
ONLY_ONE = (
    "There is nothing to choose: I have one model, scripted. Whoever runs me can add others that "
    "run on model servers."
)


def shown(*, large: bool) -> str:
    here = ("", " (answers here)") if large else (" (answers here)", "")
    return (
        "The models here:\n"
        f"- default: scripted{here[0]}\n"
        f"- large: scripted, context window 5,000 tokens{here[1]}\n"
        "Admins choose one by its name."
    )


@on_all_that_can()
async def test_an_admin_chooses_the_model_that_answers_and_takes_it_back(
    group: GroupPlatform,
) -> None:
    async with with_two_models(group) as (chat, model, large):
        await ask(chat, model, Who.ADA, "Hello")
        assert await (await chat.command(Who.ADA, Command.MODEL)).text() == shown(large=False)
        told = await chat.command(Who.ADA, Command.MODEL, {"name": "Large"})
        assert await told.text() == CHOSEN
        await ask(chat, large, Who.ADA, "Hello again")
        assert chat.answers()[-1].text == "LARGE"
        assert [past.answer for past in large.prompts[0].history] == [
            f"On {model.prompts[0].question}"
        ]
        assert (await newest(group.store)).usage.model == "large"
        assert await (await chat.command(Who.ADA, Command.MODEL)).text() == shown(large=True)
        told = await chat.command(Who.ADA, Command.MODEL, {"name": "default"})
        assert await told.text() == "From the next question on, the model default answers here."
        await ask(chat, model, Who.ADA, "And again")


@on_all_that_can(Can.SETTINGS)
async def test_nobody_else_chooses_but_everybody_sees(group: GroupPlatform) -> None:
    async with with_two_models(group) as (chat, model, _):
        await ask(chat, model, Who.ANA, "Hello")
        told = await chat.command(Who.ANA, Command.MODEL, {"name": "large"})
        assert await told.text() == REFUSED
        assert await group.store.settings(chat.key) == ConversationSettings()
        assert await (await chat.command(Who.ANA, Command.MODEL)).text() == shown(large=False)
        await ask(chat, model, Who.ANA, "Hello again")


@on_all_that_can()
async def test_with_one_model_the_command_says_why_there_is_no_choice(
    group: GroupPlatform,
) -> None:
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ADA, "Hello")
        for changes in (None, {"name": "large"}):
            told = await chat.command(Who.ADA, Command.MODEL, changes)
            assert await told.text() == ONLY_ONE


@on_all_that_can()
async def test_a_name_that_is_none_is_told_with_those_that_are(group: GroupPlatform) -> None:
    async with with_two_models(group) as (chat, model, _):
        await ask(chat, model, Who.ADA, "Hello")
        told = await chat.command(Who.ADA, Command.MODEL, {"name": "huge"})
        assert await told.text() == "There is no model 'huge'. Choose default or large."
        assert await group.store.settings(chat.key) == ConversationSettings()


@on_all_that_can(Can.OTHERS)
async def test_a_mention_chooses_too_and_only_the_names_of_models_are_choices(
    group: GroupPlatform,
) -> None:
    async with with_two_models(group) as (chat, model, large):
        await ask(chat, model, Who.ANA, "model trains")
        refused = await chat.say(Who.BEN, "@bot model large")
        assert await refused.told.text() == REFUSED
        chosen = await chat.say(Who.ADA, "@bot model large.")
        assert await chosen.told.text() == CHOSEN
        await chat.say(Who.BEN, "@bot Who are you?")
        await answered(chat, large, 1)
        assert chat.answers()[-1].text == "LARGE"


@on_all_that_can(Can.SETTINGS)
async def test_the_settings_show_the_model_and_one_that_is_gone(group: GroupPlatform) -> None:
    async with with_two_models(group) as (chat, model, _):
        await ask(chat, model, Who.ANA, "Hello")
        for name, said in (
            (None, "Model: default"),
            ("large", "Model: large"),
            ("old", "Model: old, which is not there any more: the default answers"),
        ):
            await group.store.change_settings(chat.key, ConversationSettings(model=name))
            told = await chat.command(Who.ANA, Command.SETTINGS)
            assert said in (await told.text()).split("\n")
        await ask(chat, model, Who.ANA, "Hello again")
        assert chat.answers()[-1].note.startswith("The model old is not there any more")


@on_all_that_can(Can.OTHERS)
async def test_a_choice_is_the_places_own(group: GroupPlatform) -> None:
    async with with_two_models(group) as (chat, model, large):
        await ask(chat, model, Who.ADA, "Hello")
        await (await chat.command(Who.ADA, Command.MODEL, {"name": "large"})).text()
        await chat.say(Who.ADA, "@bot And here?", where=Where.ELSEWHERE)
        await answered(chat, model, 2)
        assert large.prompts == []


@on_all_that_can(Can.OTHERS)
async def test_a_thread_can_have_the_default_where_its_channel_has_another(
    group: GroupPlatform,
) -> None:
    async with with_two_models(group) as (chat, model, large):
        await chat.say(Who.ADA, "@bot Hello", where=Where.PEOPLES_THREAD)
        await answered(chat, model, 1)
        thread = (await newest(group.store)).question.conversation
        channel = replace(thread, thread="")
        await group.store.change_settings(channel, ConversationSettings(model="large"))
        chosen = await chat.say(Who.ADA, "@bot model default", where=Where.PEOPLES_THREAD)
        await chosen.told.text()
        await chat.say(Who.ADA, "@bot Who are you?", where=Where.PEOPLES_THREAD)
        await answered(chat, model, 2)
        assert large.prompts == []
        assert chat.answers(Where.PEOPLES_THREAD)[-1].note == ""
        shows = await chat.say(Who.ADA, "@bot model", where=Where.PEOPLES_THREAD)
        assert await shows.told.text() == shown(large=False)
