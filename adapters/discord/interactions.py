"""Commands and buttons: who used what where, and how they are answered.

Discord wants a first response within three seconds, and that response fixes whether only the person
sees the rest. So it is sent before any work, and the text that the work returns follows, seen by
the person alone.
"""

import io
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import discord

from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.common.question import Message, Quoted
from adapters.common.texts import MAY_NOT_WRITE
from adapters.discord.content import attachments_of
from adapters.discord.malformed import Malformed, reading
from adapters.discord.places import may_send, member_of, place_of
from adapters.discord.rendering import TEXT_UNITS, cut_to, utf16_units
from bot.errors import NotAllowed, ParleyError
from bot.messages import Person

logger = logging.getLogger(__name__)

Interaction = discord.Interaction[discord.Client]
Work = Callable[[Place, Person], Awaitable[str]]
"""What a command does; its text is for the person, "" says nothing."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A question that came by a command."""

    text: str
    files: Sequence[discord.Attachment] = ()
    quoted: Quoted | None = None


async def who_and_where(desk: Desk, interaction: Interaction) -> tuple[Place, Person]:
    """The place and the person, as they are now. Raises NotAllowed, and Malformed."""
    with reading("interaction"):
        channel_id = interaction.channel_id or 0
        place = place_of(interaction.channel, channel_id, interaction.guild_id)
        member = member_of(interaction.user, interaction.permissions)
    return place, await desk.person(place, member)


async def carry_out(desk: Desk, interaction: Interaction, work: Work) -> None:
    """Do the work of a command or a button; only the person sees the text that it returns."""

    async def done() -> str:
        return await work(*await who_and_where(desk, interaction))

    with _too_late_is_logged(interaction):
        if interaction.type is discord.InteractionType.component:
            await interaction.response.defer()
        else:
            await interaction.response.defer(ephemeral=True, thinking=True)
        await _tell(interaction, await desk.explained(_where(interaction), done()))


async def ask_aloud(desk: Desk, interaction: Interaction, typed: Typed) -> None:
    """Show the question to the channel and have it answered below. A refusal takes the question
    back and tells only the person."""
    with _too_late_is_logged(interaction):
        try:
            place, person = await who_and_where(desk, interaction)
            _check_may_write(interaction, place)
            with reading("command"):
                files, aloud = attachments_of(typed.files), _shown(typed)
        except (NotAllowed, Malformed) as error:
            if isinstance(error, Malformed):
                logger.warning("%s: %s", _where(interaction), error)
            await refuse_in_private(interaction, error)
            return
        shown = await interaction.response.send_message(aloud, suppress_embeds=True)
        asked = Message(
            event_id=str(interaction.id),
            message_id=str(shown.message_id or interaction.id),
            text=typed.text,
            files=files,
            quoted=typed.quoted,
        )

        async def take_back() -> None:
            with _too_late_is_logged(interaction):
                await interaction.delete_original_response()

        work = desk.ask_shown(place, person, asked, take_back)
        await _tell(interaction, await desk.explained(_where(interaction), work))


async def refuse_in_private(interaction: Interaction, error: ParleyError) -> None:
    """Answer an interaction that was not answered yet with why it cannot be done."""
    await interaction.response.send_message(error.user_text, ephemeral=True)


async def _tell(interaction: Interaction, text: str) -> None:
    """Tell the person; a text that fits into no message, such as a thought, comes as a file."""
    if not text:
        return
    if utf16_units(text) <= TEXT_UNITS:
        await interaction.followup.send(text, ephemeral=True)
        return
    file = discord.File(io.BytesIO(text.encode("utf-8", "replace")), "text.md")
    await interaction.followup.send("-# The text as a file:", file=file, ephemeral=True)


@contextmanager
def _too_late_is_logged(interaction: Interaction) -> Iterator[None]:
    """Discord takes no answer any more: three seconds were over, or the same event came twice."""
    try:
        yield
    except discord.HTTPException as error:
        logger.warning(
            "%s: a command or button could not be answered: %s", _where(interaction), error
        )


def _where(interaction: Interaction) -> str:
    return f"channel {interaction.channel_id}"


def _check_may_write(interaction: Interaction, place: Place) -> None:
    """Raises NotAllowed where the answer could not be posted."""
    may = interaction.app_permissions
    if place.direct or (may.view_channel and may_send(interaction.channel, may)):
        return
    logger.warning(
        "%s: Parley was asked but may not write there. Give its role View Channel, Send "
        "Messages, Send Messages in Threads and Read Message History.",
        place.key,
    )
    raise NotAllowed(MAY_NOT_WRITE)


def _shown(typed: Typed) -> str:
    """The question as the channel sees it: quoted, with the names of its files."""
    whole = Message("", "", typed.text, (), typed.quoted).whole_text
    lines = [f"> {line}" for line in whole.splitlines()]
    names = [file.name for file in typed.quoted.files] if typed.quoted else []
    names += [file.filename for file in typed.files]
    return cut_to("\n".join([*lines, *(f"-# {name}" for name in names)]), TEXT_UNITS) or "> …"
