"""The two windows in which people type something longer."""

import discord

from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.common.settings import LONGEST_SYSTEM_PROMPT
from adapters.discord.interactions import Interaction, Typed, ask_aloud, carry_out
from adapters.discord.malformed import guarded_task, reading
from adapters.discord.pointed import quoted
from bot.engine.variables import VARIABLES
from bot.messages import Person

LONGEST_QUESTION = 2000
"""Characters."""


class _Window(discord.ui.Modal):
    """A window of which one that cannot be read, or answered, ends alone."""

    async def on_error(  # type: ignore[override]  # as discord.py's own Modal does
        self, _interaction: Interaction, error: Exception, /
    ) -> None:
        async def failed() -> None:
            raise error

        await guarded_task("window", failed)()


class MessageQuestion(_Window, title="Ask Parley about this"):
    """A question about somebody's message."""

    question: discord.ui.TextInput["MessageQuestion"] = discord.ui.TextInput(
        label="Your question",
        style=discord.TextStyle.paragraph,
        placeholder="What do you make of this?",
        required=False,
        max_length=LONGEST_QUESTION,
    )

    def __init__(self, desk: Desk, message: discord.Message) -> None:
        super().__init__()
        self._desk = desk
        self._message = message

    async def on_submit(self, interaction: Interaction, /) -> None:
        me = interaction.client.user
        assert me is not None, "whoever gets interactions is logged in"
        text = self.question.value.strip() or "What do you make of this?"
        with reading("message"):
            about = quoted(self._message, me)
        await ask_aloud(self._desk, interaction, Typed(text, quoted=about))


class SystemPrompt(_Window, title="System prompt of this channel"):
    """The system prompt of a conversation."""

    def __init__(self, desk: Desk, now: str) -> None:
        super().__init__()
        self._desk = desk
        self.prompt: discord.ui.TextInput[SystemPrompt] = discord.ui.TextInput(
            label="System prompt (empty: the default)",
            style=discord.TextStyle.paragraph,
            placeholder=f"Filled in: {' '.join(VARIABLES)}",
            default=now,
            required=False,
            max_length=LONGEST_SYSTEM_PROMPT,
        )
        self.add_item(self.prompt)

    async def on_submit(self, interaction: Interaction, /) -> None:
        async def work(place: Place, person: Person) -> str:
            return await self._desk.set_system_prompt(place, person, self.prompt.value)

        await carry_out(self._desk, interaction, work)
