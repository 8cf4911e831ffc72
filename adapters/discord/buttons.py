"""The buttons below an answer. They say by their ids what they do, and work after a restart."""

import re
from typing import Any, Self

import discord

from adapters.discord.desk import Desk
from adapters.discord.interactions import Interaction, carry_out
from adapters.discord.places import Place
from adapters.discord.rendering import CUSTOM_ID, Action
from bot.errors import NothingToDo
from bot.messages import Person

Button = discord.ui.Button[discord.ui.View]


def answer_button(desk: Desk) -> type[discord.ui.DynamicItem[Button]]:
    """The class that discord.py makes of each press. Who may press what is the engine's to say,
    by who the person is at that moment."""

    class AnswerButton(discord.ui.DynamicItem[Button], template=CUSTOM_ID):
        def __init__(self, action: str, answer_id: int) -> None:
            super().__init__(discord.ui.Button(custom_id=f"parley:{action}:{answer_id}"))
            self.action = action
            self.answer_id = answer_id

        @classmethod
        async def from_custom_id(
            cls, _interaction: Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
        ) -> Self:
            return cls(match["action"], int(match["answer"]))

        async def callback(self, interaction: Interaction) -> None:
            async def work(place: Place, person: Person) -> str:
                return await press(desk, self.action, self.answer_id, place, person)

            await carry_out(desk, interaction, work)

    return AnswerButton


async def press(desk: Desk, action: str, answer_id: int, place: Place, person: Person) -> str:
    """Do what the button says. Raises Refusal where the person may not, or it is too late."""
    engine = desk.engine
    match action:
        case Action.STOP:
            await engine.stop(place.key, person, answer_id=answer_id)
        case Action.REGENERATE:
            await engine.regenerate(person, desk.surface(place), answer_id=answer_id)
        case Action.CONTINUE:
            await engine.continue_(person, desk.surface(place), answer_id=answer_id)
        case Action.UP | Action.DOWN:
            await engine.rate(answer_id, person, 1 if action == Action.UP else -1)
            return "Thank you, noted."
        case _:
            raise NothingToDo("I don't know this button any more.")
    return ""
