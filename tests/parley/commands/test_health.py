"""`parley health`."""

import os
from pathlib import Path

import pytest
import typer
from pydantic import SecretStr

from bot.config import DiscordSettings, Settings, SlackSettings, StorageSettings
from bot.errors import ConfigError
from bot.messages import ModelInfo
from parley.commands.health_work import fault_of, report_health
from parley.locks import instance_lock
from tests.parley.parley_program import Program

LOADED = ModelInfo("tiny", "torch", "xpu (Arc)", "fp16", 4096, "")
CONFIG = """
[storage]
url = "sqlite:///p.sqlite3"
[discord]
token = "x"
[slack]
bot_token = "x"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    return file


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        storage=StorageSettings(url=f"sqlite:///{tmp_path}/p.sqlite3"),
        discord=DiscordSettings(token=SecretStr("x")),
        slack=SlackSettings(bot_token=SecretStr("x")),
    )


def fault(settings: Settings, *, live: bool = False) -> str:
    return fault_of(settings, "Discord", live=live)


def test_each_stage_of_the_start_is_named(settings: Settings) -> None:
    assert fault(settings) == "Discord: parley run is not running"
    with instance_lock(settings, ["Discord"]) as files:
        assert fault(settings) == "Discord: loading the model"
        files.loaded(LOADED)
        assert fault(settings) == "Discord: connecting"
        assert fault(settings, live=True) == ""
        files.connected("Discord", True)
        assert fault(settings) == ""
        files.connected("Discord", False)
        assert fault(settings) == "Discord: connecting"
    assert fault(settings, live=True) == "Discord: parley run is not running"


def test_one_that_gives_no_sign_of_life_is_stuck(settings: Settings, tmp_path: Path) -> None:
    with instance_lock(settings, ["Discord"]) as files:
        files.connected("Discord", True)
        (file,) = tmp_path.glob("*.json")
        os.utime(file, (1, 1))
        for live in (False, True):
            said = fault(settings, live=live)
            assert said.startswith(f"Discord: process {os.getpid()} is stuck: no sign of life for ")
        files.beat()
        assert fault(settings) == ""


def test_every_configured_platform_has_to_be_answered(
    settings: Settings, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with instance_lock(settings, ["Discord"]) as files:
        files.connected("Discord", True)
        with pytest.raises(typer.Exit) as caught:
            report_health(config, live=False)
        assert caught.value.exit_code == 1
        assert capsys.readouterr().out == "Slack: parley run is not running\n"
        with instance_lock(settings, ["Slack"]) as others:
            others.connected("Slack", True)
            report_health(config, live=False)
        assert capsys.readouterr().out == "Discord and Slack: answering\n"


def test_where_it_cannot_be_known_the_remedy_is_said(config: Path) -> None:
    config.write_text(CONFIG.replace("sqlite:///p.sqlite3", "memory://"))
    with pytest.raises(ConfigError, match="memory:// leaves no file"):
        report_health(config, live=False)
    config.write_text("")
    with pytest.raises(ConfigError, match="No platform is configured"):
        report_health(config, live=False)


@pytest.mark.process
def test_it_is_a_command_with_an_exit_code(program: Program) -> None:
    program.settings["PARLEY_DISCORD__TOKEN"] = "x"
    result = program.run("health")
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout == "Discord: parley run is not running\n"
