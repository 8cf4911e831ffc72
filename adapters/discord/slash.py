"""The slash commands and the message command. Texts and checks: `adapters.common.texts`."""

import logging
from collections.abc import Callable
from dataclasses import replace

import discord
from discord import app_commands

from adapters.common import texts as commands
from adapters.discord.desk import Desk
from adapters.discord.interactions import (
    DEFECT,
    Interaction,
    ask_aloud,
    carry_out,
    who_and_where,
)
from adapters.discord.modals import MessageQuestion, SystemPrompt
from adapters.discord.places import Place
from bot.errors import NotAllowed, ParleyError
from bot.messages import Person

logger = logging.getLogger(__name__)

LONGEST_QUESTION = 6000
"""Characters. The most that Discord takes in an option."""

OUTDATED = "This command is out of date. Whoever runs me has to tell Discord of the new ones."

Tree = app_commands.CommandTree[discord.Client]
DeskNow = Callable[[], Desk]
"""Gives the desk when a command is used; to tell Discord of the commands none is needed."""


def new_tree(client: discord.Client, desk: DeskNow) -> Tree:
    """All commands: for servers that the bot is in, and direct messages with it. Discord learns
    of them by `parley discord sync`."""
    tree = app_commands.CommandTree(
        client,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True),
    )
    _add_asking(tree, desk)
    _add_stopping(tree, desk)
    _add_settings(tree, desk)
    _add_personal(tree, desk)
    tree.error(_failed)
    return tree


def _add_asking(tree: Tree, desk: DeskNow) -> None:
    @tree.command(name="ask", description="Ask me something.")
    @app_commands.describe(question="What do you want to know?", file="A text file to go with it")
    async def ask(
        interaction: Interaction,
        question: app_commands.Range[str, 1, LONGEST_QUESTION],
        file: discord.Attachment | None = None,
    ) -> None:
        await ask_aloud(desk(), interaction, question, [file] if file else [])

    @tree.context_menu(name="Ask Parley about this")
    async def ask_about(interaction: Interaction, message: discord.Message) -> None:
        await interaction.response.send_modal(MessageQuestion(desk(), message))


def _add_stopping(tree: Tree, desk: DeskNow) -> None:
    @tree.command(name="stop", description="Stop my answer to you. Admins: everybody's.")
    @app_commands.describe(everyone="Stop all answers in this channel (admins)")
    async def stop(interaction: Interaction, everyone: bool = False) -> None:
        async def work(place: Place, person: Person) -> str:
            if not everyone:
                return commands.stopped_text(await desk().stop(place, person))
            count = await desk().engine.stop(place.key, person, everyone=True)
            return commands.stopped_text(count)

        await carry_out(desk(), interaction, work)

    @tree.command(name="reset", description="Forget this conversation (admins).")
    async def reset(interaction: Interaction) -> None:
        async def work(place: Place, person: Person) -> str:
            return commands.reset_text(await desk().engine.reset(place.key, person))

        await carry_out(desk(), interaction, work)


def _add_settings(tree: Tree, desk: DeskNow) -> None:
    @tree.command(name="system", description="Say who I am in this channel (admins).")
    async def system(interaction: Interaction) -> None:
        try:
            place, person = who_and_where(desk(), interaction)
            if not person.admin:
                raise NotAllowed("Only an admin can change who I am here.")
            now = await desk().engine.settings(place.key)
        except ParleyError as error:
            await interaction.response.send_message(error.user_text, ephemeral=True)
        else:
            await interaction.response.send_modal(SystemPrompt(desk(), now.system_prompt or ""))

    @tree.command(name="settings", description="Show or change how I answer here (admins).")
    @app_commands.describe(
        temperature="0 is exact, 2 is wild; or default",
        length="The longest answer, in tokens; or default",
        names="Whether I am told who asks: on, off or default",
    )
    async def settings(
        interaction: Interaction,
        temperature: str | None = None,
        length: str | None = None,
        names: str | None = None,
    ) -> None:
        async def work(place: Place, person: Person) -> str:
            before = await desk().engine.settings(place.key)
            after = commands.with_changes(
                before, temperature=temperature, length=length, names=names
            )
            if after != before:
                await desk().engine.change_settings(place.key, person, after)
            return commands.settings_text(after)

        await carry_out(desk(), interaction, work)

    async def set_muted(interaction: Interaction, *, muted: bool) -> None:
        async def work(place: Place, person: Person) -> str:
            now = await desk().engine.settings(place.key)
            await desk().engine.change_settings(place.key, person, replace(now, muted=muted))
            return commands.muted_text(muted=muted)

        await carry_out(desk(), interaction, work)

    @tree.command(name="mute", description="Let me be quiet in this channel (admins).")
    async def mute(interaction: Interaction) -> None:
        await set_muted(interaction, muted=True)

    @tree.command(name="unmute", description="Let me answer in this channel again (admins).")
    async def unmute(interaction: Interaction) -> None:
        await set_muted(interaction, muted=False)


def _add_personal(tree: Tree, desk: DeskNow) -> None:
    @tree.command(name="status", description="Which model answers, on what, and how busy it is.")
    async def status(interaction: Interaction) -> None:
        async def work(_place: Place, _person: Person) -> str:
            return commands.status_text(desk().engine.status)

        await carry_out(desk(), interaction, work)

    @tree.command(name="privacy", description="What I keep, where, and for how long.")
    async def privacy(interaction: Interaction) -> None:
        async def work(_place: Place, _person: Person) -> str:
            return commands.privacy_text(desk().rules.retention_days)

        await carry_out(desk(), interaction, work)

    forget: app_commands.Group = app_commands.Group(name="forget", description="Let me forget.")

    @forget.command(name="me", description="Delete all that you ever asked me, for good.")
    async def forget_me(interaction: Interaction) -> None:
        async def work(_place: Place, person: Person) -> str:
            return commands.forgotten_text(await desk().engine.forget(person))

        await carry_out(desk(), interaction, work)

    tree.add_command(forget)


async def _failed(interaction: Interaction, error: app_commands.AppCommandError) -> None:
    """A command failed by a defect, or by Discord itself."""
    cause = error.__cause__ or error
    if isinstance(cause, discord.HTTPException):
        logger.warning("a command could not be answered: %s", cause)
        return
    if isinstance(cause, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        logger.warning("Discord knows other commands than Parley has. Run: parley discord sync")
        text = OUTDATED
    else:
        logger.error("a command failed by a defect of Parley", exc_info=cause)
        text = DEFECT
    if not interaction.response.is_done():
        await interaction.response.send_message(text, ephemeral=True)
