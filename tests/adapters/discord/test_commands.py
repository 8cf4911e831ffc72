"""The commands are registered at the start where Discord has others, and only there."""

import logging
from typing import Any

import pytest

from adapters.discord.registration import sync_commands
from tests.adapters.discord.scene import Scene, loopback
from tests.until import until


def log_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "adapters.discord.commands"]


async def compared(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """One run of Parley, until the commands were compared, and written where they differ."""
    caplog.set_level(logging.DEBUG, "adapters.discord.commands")
    before = len(log_of(caplog))
    async with scene.running():
        await until(lambda: len(log_of(caplog)) > before)


async def test_commands_that_discord_does_not_have_are_registered_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "adapters.discord.commands")
    async with loopback() as s:
        async with s.running():
            await until(lambda: s.discord.rest.synced == [""])
        assert "ask" in {command["name"] for command in s.discord.world.commands}
        await until(lambda: log_of(caplog))
        assert "Discord: the commands were registered again: Ask Parley about" in caplog.text
        await compared(s, caplog)
        assert s.discord.rest.synced == [""], "what Discord has is the same"


async def test_what_sync_registered_is_not_written_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with loopback() as s:
        await sync_commands(s.settings)
        await compared(s, caplog)
        assert s.discord.rest.synced == [""]


async def _changed(scene: Scene, change: Any) -> list[str]:
    await sync_commands(scene.settings)
    change(scene.discord.world.commands)
    scene.discord.rest.synced.clear()
    async with scene.running():
        await until(lambda: scene.discord.rest.synced)
    return [command["name"] for command in scene.discord.world.commands]


def _option(commands: list[dict[str, Any]]) -> dict[str, Any]:
    (ask,) = [command for command in commands if command["name"] == "ask"]
    option: dict[str, Any] = ask["options"][0]
    return option


@pytest.mark.parametrize(
    "change",
    [
        lambda commands: commands.pop(),
        lambda commands: commands.append(commands[0] | {"name": "old"}),
        lambda commands: commands[0].update(description="Something else."),
        lambda commands: commands[0].update(contexts=[0]),
        lambda commands: commands[0].update(default_member_permissions="8"),
        lambda commands: _option(commands).update(max_length=100),
        lambda commands: _option(commands).update(required=False),
        lambda commands: _option(commands).update(choices=[{"name": "a", "value": "a"}]),
    ],
)
async def test_every_difference_is_registered(change: Any) -> None:
    async with loopback() as s:
        names = await _changed(s, change)
        assert "ask" in names
        assert "old" not in names


async def test_the_entry_point_of_an_activity_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with loopback() as s:
        launch = {"type": 4, "name": "launch", "handler": 1}
        s.discord.world.commands.append(launch)
        async with s.running():
            await until(lambda: s.discord.rest.synced)
        assert {"ask", "launch"} <= {command["name"] for command in s.discord.world.commands}
        await compared(s, caplog)
        assert s.discord.rest.synced == [""], "it is no difference"


@pytest.mark.parametrize("trouble", [{"commands_refused": 403}, {"creates_left": 0}])
async def test_a_failure_is_one_line_and_questions_are_answered(
    trouble: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    async with loopback() as s:
        for name, value in trouble.items():
            setattr(s.discord.rest, name, value)
        async with s.running():
            await until(lambda: log_of(caplog))
            assert "One." in await s.answer(s.general, s.ana, "One.")
    (line,) = log_of(caplog)
    assert "Try again with: parley discord sync" in line
    assert "\n" not in line


async def test_the_operator_can_leave_it_to_sync() -> None:
    async with loopback(register_commands=False) as s:
        async with s.running():
            await s.answer(s.general, s.ana, "One.")
        assert s.discord.rest.synced == []
        assert s.discord.rest.commands_read == 0
