"""Commands and buttons: who pressed what where, and how they are answered.

Discord wants a first response within three seconds, and what it is fixes whether only the person
sees it. So the first response comes before any work, and what the work says follows, seen by the
person alone.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import discord

from adapters.discord.desk import Asked, Desk
from adapters.discord.places import Place, place_of
from adapters.discord.rendering import TEXT_UNITS, cut_to
from adapters.discord.threads import open_thread
from bot.errors import NotAllowed, ParleyError, Refusal
from bot.messages import Person

logger = logging.getLogger(__name__)

Interaction = discord.Interaction[discord.Client]
Work = Callable[[Place, Person], Awaitable[str]]
"""What a command does; its text is for the person, "" says nothing."""

DEFECT = "Something went wrong on my side. The operator's log says what."


def who_and_where(desk: Desk, interaction: Interaction) -> tuple[Place, Person]:
    """The place and the person, as they are now. Raises NotAllowed."""
    channel_id = interaction.channel_id or 0
    place = place_of(interaction.channel, channel_id, interaction.guild_id)
    if not desk.speaks_in(place):
        raise NotAllowed("I don't speak in this channel.")
    return place, desk.person(interaction.user, place, interaction.permissions)


async def carry_out(desk: Desk, interaction: Interaction, work: Work) -> None:
    """Do the work of a command or a button; only the person sees what comes of it."""
    with _too_late_is_logged(interaction):
        if interaction.type is discord.InteractionType.component:
            await interaction.response.defer()
        else:
            await interaction.response.defer(ephemeral=True, thinking=True)
        if text := await _explained(desk, interaction, work):
            await interaction.followup.send(cut_to(text, TEXT_UNITS), ephemeral=True)


async def ask_aloud(
    desk: Desk, interaction: Interaction, text: str, files: Sequence[discord.Attachment] = ()
) -> None:
    """Show the question to the channel and have it answered below. A refusal takes the question
    back and tells only the person."""
    with _too_late_is_logged(interaction):
        try:
            place, _ = who_and_where(desk, interaction)
            _check_may_write(interaction, place)
        except NotAllowed as error:
            await interaction.response.send_message(error.user_text, ephemeral=True)
            return
        shown = await interaction.response.send_message(_quoted(text, files), suppress_embeds=True)
        asked = Asked(interaction.id, shown.message_id or interaction.id, text, files)

        async def work(place: Place, person: Person) -> str:
            return await _ask_below(desk, interaction, asked, place, person)

        if said := await _explained(desk, interaction, work):
            await interaction.followup.send(cut_to(said, TEXT_UNITS), ephemeral=True)


async def _ask_below(
    desk: Desk, interaction: Interaction, asked: Asked, place: Place, person: Person
) -> str:
    """Have a question answered that the channel sees already; notes for the person."""
    channel = interaction.channel
    async with desk.order(place.key):
        if desk.rules.thread_per_question and isinstance(channel, discord.TextChannel):
            message = channel.get_partial_message(asked.message_id)
            place = await open_thread(message, place, asked.text)
        try:
            return "\n".join(await desk.ask(asked, place, person))
        except ParleyError:
            await interaction.delete_original_response()
            raise


@contextmanager
def _too_late_is_logged(interaction: Interaction) -> Iterator[None]:
    """Discord takes no answer any more: three seconds were over, or the same event came twice."""
    try:
        yield
    except discord.HTTPException as error:
        where = interaction.channel_id
        logger.warning("channel %s: a command or button could not be answered: %s", where, error)


async def _explained(desk: Desk, interaction: Interaction, work: Work) -> str:
    """What the work says, or why it could not be done."""
    try:
        place, person = who_and_where(desk, interaction)
        return await work(place, person)
    except ParleyError as error:
        if not isinstance(error, Refusal):
            logger.error("%s: %s", interaction.channel_id, error)
        return error.user_text


def _check_may_write(interaction: Interaction, place: Place) -> None:
    """Raises NotAllowed where the answer could not be posted."""
    may = interaction.app_permissions
    in_thread = bool(place.key.thread)
    allowed = may.send_messages_in_threads if in_thread else may.send_messages
    if place.direct or (may.view_channel and allowed):
        return
    logger.warning(
        "%s: Parley was asked but may not write there. Give its role View Channel, Send "
        "Messages, Send Messages in Threads and Read Message History.",
        place.key,
    )
    raise NotAllowed("I may not write in this channel. An admin here can allow it.")


def _quoted(text: str, files: Sequence[discord.Attachment]) -> str:
    lines = [f"> {line}" for line in text.strip().splitlines()]
    names = [f"-# {file.filename}" for file in files]
    return cut_to("\n".join([*lines, *names]), TEXT_UNITS) or "> …"
