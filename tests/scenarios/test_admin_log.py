"""What admins do leaves a line in the log, on every platform."""

import logging

import pytest

from tests.scenarios.acting import ask, repeating
from tests.scenarios.driver import Can, Command, GroupPlatform, Who
from tests.scenarios.platforms import on_all_that_can

SECRET = "Speak of nothing but penguins."


def acts(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines without the person's key."""
    lines = [r.getMessage() for r in caplog.records if r.name == "bot.admin_log"]
    return [line.split(" ", 2)[2] for line in lines]


@on_all_that_can(Can.SETTINGS)
async def test_acts_of_admins_are_logged_without_a_text(
    group: GroupPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.admin_log")
    model = repeating()
    async with group.running(model) as chat:
        await ask(chat, model, Who.ANA, "Hello")
        await (await chat.command(Who.ADA, Command.SETTINGS, {"temperature": "0.2"})).text()
        await (await chat.set_system_prompt(Who.ADA, SECRET)).text()
        await (await chat.command(Who.ADA, Command.MUTE)).text()
        await (await chat.command(Who.ANA, Command.UNMUTE)).text()
        await (await chat.command(Who.ADA, Command.RESET)).text()
    assert acts(caplog) == [
        "set temperature to 0.2",
        f"set system_prompt to a text of {len(SECRET)} characters",
        "set muted to True",
        "restarted the conversation: 1 question hidden",
    ]
    assert SECRET not in caplog.text
