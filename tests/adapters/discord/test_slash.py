"""The slash commands, and who may use them."""

import pytest

from bot.engine.models import ModelSlots
from tests.adapters.discord.scene import Scene, loopback, scene
from tests.adapters.discord.texts import TextGenerator
from tests.discord_loopback import Interaction, User
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


async def moderator(s: Scene) -> User:
    mod = s.discord.world.user("Mo", moderator=True)
    await s.discord.gateway.dispatch("GUILD_UPDATE", s.discord.world.guild())
    return mod


async def said(interaction: Interaction) -> str:
    await until(lambda: interaction.said)
    assert interaction.private
    return interaction.said[-1]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("reset", {}),
        ("mute", {}),
        ("unmute", {}),
        ("settings", {"names": "off"}),
        ("model", {"name": "x"}),
    ],
)
async def test_admins_commands_are_refused_to_others_in_private(
    name: str, options: dict[str, str]
) -> None:
    async with scene() as s:
        refused = await s.discord.command(s.ana, s.general, name, **options)
        assert (await said(refused)).startswith("Only an admin can")


async def test_a_muted_channel_answers_only_admins_until_it_is_unmuted() -> None:
    async with scene() as s:
        mod = await moderator(s)
        await said(await s.discord.command(mod, s.general, "mute"))
        await s.discord.ask(s.general, s.ana, "Hello?")
        await until(lambda: s.discord.world.answers_in(s.general))
        assert s.discord.world.answers_in(s.general)[0].content == "I am muted here."
        refused = await s.discord.command(s.ana, s.general, "ask", question="Hello?")
        await until(lambda: refused.followups)
        assert refused.said == ["I am muted here."]  # the question itself is taken back
        assert await s.answer(s.general, mod, "Hello?")
        await said(await s.discord.command(mod, s.general, "unmute"))
        assert await s.answer(s.general, s.ana, "Hello again?")


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [("", ["default", "large", "tiny", "large-2"]), ("LAR", ["large", "large-2"]), ("x", [])],
)
async def test_the_models_are_suggested_while_a_name_is_typed(
    typed: str, suggested: list[str]
) -> None:
    async with loopback() as s:
        for name in ("large", "tiny", "large-2"):
            s.further[name] = ModelSlots(ScriptedGenerator(), 1)
        async with s.running():
            asked = await s.discord.suggestions(s.ana, s.general, "model", "name", typed)
            await until(lambda: asked.callback)
            assert asked.callback is not None
            choices = asked.callback["data"]["choices"]
            assert [choice["value"] for choice in choices] == suggested


async def test_the_system_prompt_is_set_in_a_window_and_shown_there_again() -> None:
    async with scene() as s:
        mod = await moderator(s)
        opened = await s.discord.command(mod, s.general, "system")
        await until(lambda: opened.callback)
        await said(await s.discord.submit(mod, opened, "Be a pirate."))
        assert (await s.answer(s.general, s.ana, "Who?")).startswith("[Be a pirate.]")
        again = await s.discord.command(mod, s.general, "system")
        await until(lambda: again.callback)
        assert again.callback is not None
        field = again.callback["data"]["components"][0]["components"][0]
        assert field["value"] == "Be a pirate."
        refused = await s.discord.command(s.ana, s.general, "system")
        assert (
            await said(refused)
            == "Only an admin can see or change the system prompt of this conversation."
        )


async def test_whoever_lost_the_right_while_typing_changes_nothing() -> None:
    async with scene() as s:
        mod = await moderator(s)
        opened = await s.discord.command(mod, s.general, "system")
        await until(lambda: opened.callback)
        mod.roles.clear()
        refused = await s.discord.submit(mod, opened, "Be a pirate.")
        assert (await said(refused)).startswith("Only an admin")
        assert (await s.answer(s.general, s.ana, "Who?")).startswith("[Be kind.]")


async def test_settings_are_changed_shown_and_checked() -> None:
    async with scene() as s:
        mod = await moderator(s)
        changed = await s.discord.command(mod, s.general, "settings", temperature="0", names="off")
        assert "Temperature: 0\n" in await said(changed)
        assert await s.answer(s.general, s.ana, "Hello.") == "[Be kind.] [] Hello."
        wrong = await s.discord.command(mod, s.general, "settings", temperature="hot")
        assert "from 0 (always the likeliest token) to 2" in await said(wrong)
        shown = await s.discord.command(s.ana, s.general, "settings")
        assert "Names shown to the model: off" in await said(shown)


async def test_stop_stops_ones_own_answer_and_for_admins_all() -> None:
    model = TextGenerator("one two three", paced=True)
    async with scene(model) as s:
        mod = await moderator(s)
        nothing = await s.discord.command(s.ana, s.general, "stop")
        assert "Nothing is being answered" in await said(nothing)
        for text in ("First.", "Second."):
            await s.discord.ask(s.general, s.ana, text)
        await until(lambda: len(s.discord.world.answers_in(s.general)) == 2)
        refused = await s.discord.command(
            s.discord.world.user("Ben"), s.general, "stop", everyone=True
        )
        assert "Only who asked, or an admin" in await said(refused)
        stopped = await s.discord.command(mod, s.general, "stop", everyone=True)
        assert await said(stopped) == "Stopped 2 answers."
        await s.answered(count=2)


async def test_the_plain_word_stop_works_too() -> None:
    model = TextGenerator("one two three", paced=True)
    async with scene(model) as s:
        await s.discord.ask(s.general, s.ana, "Write.")
        await until(lambda: s.discord.world.answers_in(s.general))
        await s.discord.ask(s.general, s.ana, "stop!")
        answer, reply = await s.answered()
        await until(lambda: reply.content == "Stopped.")
        assert answer.content == "-# Stopped."


async def test_status_and_privacy_answer_everyone_in_private() -> None:
    async with scene() as s:
        status = await said(await s.discord.command(s.ana, s.general, "status"))
        assert "Model: scripted" in status
        privacy = await said(await s.discord.command(s.ana, s.general, "privacy"))
        assert "/forget me" in privacy


async def test_in_a_direct_message_everybody_is_the_admin_of_their_own() -> None:
    async with scene() as s:
        direct = s.discord.world.direct(s.ana)
        done = await s.discord.command(s.ana, direct, "reset")
        assert (await said(done)).startswith("Conversation restarted")


async def test_a_command_that_is_no_more_is_explained_to_both(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scene() as s:
        old = await s.discord.command(s.ana, s.general, "sing")
        assert (await said(old)).startswith("This command is out of date.")
    assert "Run: parley discord sync" in caplog.text
