"""The slash commands and the message command. What they do is the desk's to decide."""

import logging
from collections.abc import Callable

import discord
from discord import app_commands

from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.common.since import Since
from adapters.common.texts import DEFECT
from adapters.discord.interactions import (
    Interaction,
    Typed,
    ask_aloud,
    carry_out,
    refuse_in_private,
    who_and_where,
)
from adapters.discord.late_replies import LateReply
from adapters.discord.malformed import Malformed, guarded_task
from adapters.discord.modals import MessageQuestion, SystemPrompt
from adapters.discord.transcripts import check_reader
from bot.errors import ParleyError
from bot.messages import Person

logger = logging.getLogger(__name__)

LONGEST_QUESTION = 6000
"""Characters. The most that Discord takes in an option."""

MOST_CHOICES = 25
"""Suggestions that Discord takes for an option."""

OUTDATED = "This command is out of date. Whoever runs me has to tell Discord of the new ones."

Tree = app_commands.CommandTree[discord.Client]
DeskNow = Callable[[], Desk]
"""Returns the desk when a command is used; to register the commands none is needed."""


def new_tree(client: discord.Client, desk: DeskNow) -> Tree:
    """All commands, for servers that the bot is in and for direct messages with it. They are
    registered with Discord at the start (`adapters.discord.commands`) and by `parley discord sync`.
    """
    tree = _Tree(
        client,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True),
    )
    _add_asking(tree, desk)
    _add_conversation(tree, desk)
    _add_settings(tree, desk)
    _add_personal(tree, desk)
    tree.error(_failed)
    return tree


class _Tree(app_commands.CommandTree[discord.Client]):
    """discord.py runs each command in a task of its own, of which nobody hears."""

    async def _call(self, interaction: Interaction) -> None:
        call = guarded_task("command", super()._call, app_commands.AppCommandError)
        await call(interaction)


def _add_asking(tree: Tree, desk: DeskNow) -> None:
    @tree.command(name="ask", description="Ask the model a question.")
    @app_commands.describe(question="What do you want to know?", file="A text file to go with it")
    async def ask(
        interaction: Interaction,
        question: app_commands.Range[str, 1, LONGEST_QUESTION],
        file: discord.Attachment | None = None,
    ) -> None:
        await ask_aloud(desk(), interaction, Typed(question, [file] if file else []))

    @tree.command(name="summarize", description="Sum up what was said here, for you alone.")
    @app_commands.describe(
        since="A time such as 30m, 2h or 3d, or a link to a message; else your last message"
    )
    async def summarize(interaction: Interaction, since: str = "") -> None:
        async def work(place: Place, person: Person) -> str:
            check_reader(interaction.permissions, place)
            return await desk().summarize_typed(place, person, since, LateReply(interaction))

        await carry_out(desk(), interaction, work)

    @tree.context_menu(name="Summarize from here")
    async def summarize_from(interaction: Interaction, message: discord.Message) -> None:
        async def work(place: Place, person: Person) -> str:
            check_reader(interaction.permissions, place)
            since = Since(message=str(message.id))
            return await desk().summarize(place, person, since, LateReply(interaction))

        await carry_out(desk(), interaction, work)

    @tree.context_menu(name="Ask Parley about this")
    async def ask_about(interaction: Interaction, message: discord.Message) -> None:
        await interaction.response.send_modal(MessageQuestion(desk(), message))


def _add_conversation(tree: Tree, desk: DeskNow) -> None:
    @tree.command(name="stop", description="Stop my answers to you here. Admins: everybody's.")
    @app_commands.describe(everyone="Stop all answers in this channel (admins)")
    async def stop(interaction: Interaction, everyone: bool = False) -> None:
        async def work(place: Place, person: Person) -> str:
            return await desk().stop(place, person, everyone=everyone)

        await carry_out(desk(), interaction, work)

    @tree.command(name="reset", description="Restart this conversation (admins).")
    async def reset(interaction: Interaction) -> None:
        await carry_out(desk(), interaction, desk().reset)


def _add_settings(tree: Tree, desk: DeskNow) -> None:
    @tree.command(name="system", description="Set the system prompt of this channel (admins).")
    async def system(interaction: Interaction) -> None:
        try:
            place, person = await who_and_where(desk(), interaction)
            now = await desk().system_prompt(place, person)
        except ParleyError as error:
            if isinstance(error, Malformed):
                logger.warning("%s", error)
            await refuse_in_private(interaction, error)
        else:
            await interaction.response.send_modal(SystemPrompt(desk(), now or ""))

    @tree.command(name="settings", description="Show or change how I answer here (admins).")
    @app_commands.describe(
        temperature="0 always takes the likeliest token, 2 varies most; or default",
        length="The longest answer, in tokens; or default",
        names="Whether the model sees who asks: on, off or default",
        reasoning="How much a thinking model thinks: off, low, medium, high, auto or default",
    )
    async def settings(
        interaction: Interaction,
        temperature: str | None = None,
        length: str | None = None,
        names: str | None = None,
        reasoning: str | None = None,
    ) -> None:
        typed = {
            "temperature": temperature,
            "length": length,
            "names": names,
            "reasoning": reasoning,
        }
        changes = {name: value for name, value in typed.items() if value is not None}

        async def work(place: Place, person: Person) -> str:
            return await desk().settings(place, person, changes)

        await carry_out(desk(), interaction, work)

    @tree.command(name="model", description="Show the models, or choose one for here (admins).")
    @app_commands.describe(name="The model that answers here; nothing shows them all")
    async def model(interaction: Interaction, name: str = "") -> None:
        async def work(place: Place, person: Person) -> str:
            return await desk().model(place, person, name)

        await carry_out(desk(), interaction, work)

    @model.autocomplete("name")
    async def names(_interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        found = [name for name in desk().models if typed.strip().lower() in name]
        return [app_commands.Choice(name=name, value=name) for name in found[:MOST_CHOICES]]

    async def set_muted(interaction: Interaction, *, muted: bool) -> None:
        async def work(place: Place, person: Person) -> str:
            return await desk().mute(place, person, muted=muted)

        await carry_out(desk(), interaction, work)

    @tree.command(name="mute", description="Answer only admins in this channel (admins).")
    async def mute(interaction: Interaction) -> None:
        await set_muted(interaction, muted=True)

    @tree.command(name="unmute", description="Answer everybody in this channel again (admins).")
    async def unmute(interaction: Interaction) -> None:
        await set_muted(interaction, muted=False)


def _add_personal(tree: Tree, desk: DeskNow) -> None:
    @tree.command(name="status", description="Which model answers, where, and how busy it is.")
    async def status(interaction: Interaction) -> None:
        async def work(_place: Place, _person: Person) -> str:
            return desk().status()

        await carry_out(desk(), interaction, work)

    @tree.command(name="stats", description="What was answered here lately (admins).")
    async def stats(interaction: Interaction) -> None:
        await carry_out(desk(), interaction, desk().stats)

    @tree.command(name="privacy", description="What I store, where, and for how long.")
    async def privacy(interaction: Interaction) -> None:
        async def work(_place: Place, _person: Person) -> str:
            return desk().privacy()

        await carry_out(desk(), interaction, work)

    forget: app_commands.Group = app_commands.Group(
        name="forget", description="Delete what is stored of you."
    )

    @forget.command(name="me", description="Delete all that you ever asked me, for good.")
    async def forget_me(interaction: Interaction) -> None:
        async def work(_place: Place, person: Person) -> str:
            return await desk().forget(person)

        await carry_out(desk(), interaction, work)

    tree.add_command(forget)

    export: app_commands.Group = app_commands.Group(
        name="export", description="Send you what is stored of you."
    )

    @export.command(name="me", description="Send you all that is stored of you, as a file.")
    async def export_me(interaction: Interaction) -> None:
        async def work(_place: Place, person: Person) -> str:
            return await desk().export(person)

        await carry_out(desk(), interaction, work)

    tree.add_command(export)


async def _failed(interaction: Interaction, error: app_commands.AppCommandError) -> None:
    """A command failed by a defect, or by Discord itself."""
    cause = error.__cause__ or error
    if isinstance(cause, discord.HTTPException):
        logger.warning("a command could not be answered: %s", cause)
        return
    if isinstance(cause, Malformed):
        logger.warning("%s", cause)
        text = cause.user_text
    elif isinstance(cause, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        logger.warning("Discord knows other commands than Parley has. Run: parley discord sync")
        text = OUTDATED
    else:
        logger.error("a command failed by a defect of Parley", exc_info=cause)
        text = DEFECT
    if not interaction.response.is_done():
        await interaction.response.send_message(text, ephemeral=True)
