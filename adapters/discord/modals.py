"""The two windows in which people type something longer."""

import discord

from adapters.common import texts as commands
from adapters.discord.desk import Desk
from adapters.discord.interactions import Interaction, ask_aloud, carry_out
from adapters.discord.places import Place
from adapters.discord.reading import quoting
from bot.messages import Person

LONGEST_QUESTION = 2000


class MessageQuestion(discord.ui.Modal, title="Ask Parley about this"):
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
        asked = self.question.value.strip() or "What do you make of this?"
        text = quoting(self._message, asked, me)
        await ask_aloud(self._desk, interaction, text, self._message.attachments)


class SystemPrompt(discord.ui.Modal, title="Who am I in this channel?"):
    """The system prompt of a conversation."""

    def __init__(self, desk: Desk, now: str) -> None:
        super().__init__()
        self._desk = desk
        self.prompt: discord.ui.TextInput[SystemPrompt] = discord.ui.TextInput(
            label="System prompt (empty: the default)",
            style=discord.TextStyle.paragraph,
            default=now,
            required=False,
            max_length=commands.LONGEST_SYSTEM_PROMPT,
        )
        self.add_item(self.prompt)

    async def on_submit(self, interaction: Interaction, /) -> None:
        async def work(place: Place, person: Person) -> str:
            engine = self._desk.engine
            changed = commands.with_system_prompt(
                await engine.settings(place.key), self.prompt.value
            )
            await engine.change_settings(place.key, person, changed)
            return "I'll be that from the next question on."

        await carry_out(self._desk, interaction, work)
