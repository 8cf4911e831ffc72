"""The buttons below an answer. Their ids say what they do, so that they work after a restart."""

import re
from typing import Any, Self

import discord

from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.discord.interactions import Interaction, carry_out
from adapters.discord.rendering import CUSTOM_ID, custom_id
from bot.messages import Person

Button = discord.ui.Button[discord.ui.View]


def answer_button(desk: Desk) -> type[discord.ui.DynamicItem[Button]]:
    """The class of which discord.py makes an instance for each press."""

    class AnswerButton(discord.ui.DynamicItem[Button], template=CUSTOM_ID):
        def __init__(self, action: str, answer_id: int, tag: str) -> None:
            super().__init__(discord.ui.Button(custom_id=custom_id(action, answer_id, tag)))
            self.action = action
            self.answer_id = answer_id
            self.tag = tag

        @classmethod
        async def from_custom_id(
            cls, _interaction: Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
        ) -> Self:
            return cls(match["action"], int(match["answer"]), match["tag"] or "")

        async def callback(self, interaction: Interaction) -> None:
            async def work(place: Place, person: Person) -> str:
                return await desk.press(place, person, self.action, self.answer_id, self.tag)

            await carry_out(desk, interaction, work)

    return AnswerButton
