"""What is saved where, and what happens to a file that people wrote."""

import stat
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.checks import State
from bot.config import Settings
from bot.errors import ConfigError
from parley.setup.session import SECRETS, secret_in
from parley.setup.toml_edit import CONFIG_HEADER
from tests.parley.setup.script import session

TOKEN = ("discord", "token")
NAME = ("model", "name")


async def test_a_first_save_writes_both_files_and_the_settings_are_in_effect(
    tmp_path: Path,
) -> None:
    config = tmp_path / "sub" / "config.toml"
    made, _, screen = session(config)
    assert made.is_new
    assert await made.save({NAME: "org/model"}, {TOKEN: "secret-token"})
    assert config.read_text() == f'{CONFIG_HEADER}\n[model]\nname = "org/model"\n'
    assert "secret-token" in made.secrets_file.read_text()
    assert "secret-token" not in config.read_text() + screen.text
    if sys.platform != "win32":
        assert stat.S_IMODE(made.secrets_file.stat().st_mode) == 0o600
    assert made.settings.model.name == "org/model"
    assert made.settings.discord.token.get_secret_value() == "secret-token"


async def test_a_file_that_setup_wrote_is_edited_without_a_question(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    made, asker, _ = session(config)
    await made.save({NAME: "one"})
    await made.save({NAME: "two"})
    assert 'name = "two"' in config.read_text()
    assert asker.asked == []


async def test_a_file_that_somebody_wrote_is_changed_after_its_diff_was_shown(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.toml"
    mine = "# mine\n[model]\nname = 'old'  # why not\n"
    config.write_text(mine)
    made, _, screen = session(config, ("Change it so?", False), ("Change it so?", True))
    assert not await made.save({NAME: "new"})
    assert config.read_text() == mine
    assert "-name = 'old'  # why not" in screen.text
    assert '+name = "new"  # why not' in screen.text
    assert await made.save({NAME: "new"})
    assert config.read_text() == mine.replace("'old'", '"new"')


async def test_nothing_is_asked_or_written_where_nothing_changes(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[model]\nname = 'old'\n")
    made, asker, _ = session(config)
    before = config.stat().st_mtime_ns
    assert await made.save({NAME: "old"})
    assert (asker.asked, config.stat().st_mtime_ns) == ([], before)


async def test_a_variable_that_counts_before_what_was_saved_is_named(tmp_path: Path) -> None:
    environment = {"PARLEY_DISCORD__TOKEN": "other", "PARLEY_MODEL__NAME": "other"}
    made, _, screen = session(tmp_path / "config.toml", environment=environment)
    await made.save({NAME: "mine"}, {TOKEN: "mine"})
    warned = " ".join(screen.of(State.WARNING))
    assert "PARLEY_DISCORD__TOKEN is set" in warned
    assert "PARLEY_MODEL__NAME is set" in warned


def test_wrong_settings_and_a_place_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[model]\nnam = 'x'\n")
    with pytest.raises(ConfigError, match=r"config\.toml:2: \[model\] nam is not a setting"):
        session(config)
    with pytest.raises(ConfigError, match=r"cannot be written .*parley setup --config FILE"):
        session(config / "config.toml")


def test_every_secret_of_the_settings_is_kept_apart() -> None:
    def secrets(section: object, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        found = set()
        for name in type(section).model_fields:  # type: ignore[attr-defined]
            value = getattr(section, name)
            if isinstance(value, SecretStr):
                found.add((*path, name))
            elif hasattr(type(value), "model_fields"):
                found |= secrets(value, (*path, name))
        return found

    assert secrets(Settings()) == set(SECRETS)
    assert secret_in(Settings(), TOKEN) == ""


BACKEND, SERVERS = ("model", "backend"), ("model", "openai", "base_urls")
CLOSED, OPEN = ["http://me:s3cret@10.0.0.2/v1"], ["http://10.0.0.3/v1"]


async def test_an_address_with_a_password_is_a_secret(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    made, _, screen = session(config)
    await made.save({BACKEND: "openai", SERVERS: OPEN})
    assert await made.save({BACKEND: "openai", SERVERS: CLOSED})
    assert made.settings.model.openai.base_urls == tuple(CLOSED)
    assert "base_urls" not in config.read_text()
    assert "s3cret" in made.secrets_file.read_text()
    assert "s3cret" not in screen.text
    if sys.platform != "win32":
        assert stat.S_IMODE(made.secrets_file.stat().st_mode) == 0o600
    # An address without a password counts again: no other is left in the file of secrets.
    assert await made.save({BACKEND: "openai", SERVERS: OPEN})
    assert made.settings.model.openai.base_urls == tuple(OPEN)
    assert "base_urls" not in made.secrets_file.read_text()
    assert screen.of(State.WARNING) == []


async def test_an_address_with_a_password_is_not_saved_where_the_change_is_not_wanted(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config.toml"
    mine = '[model.openai]\nbase_urls = ["http://old:pw@host/v1"]\n'
    config.write_text(mine)
    made, _, screen = session(config, ("Change it so?", False))
    assert not await made.save({SERVERS: CLOSED})
    assert (config.read_text(), made.secrets_file.exists()) == (mine, False)
    assert '-base_urls = ["http://****@host/v1"]' in screen.text


def test_secrets_whose_config_file_was_deleted_are_read_again(tmp_path: Path) -> None:
    config, secrets = tmp_path / "config.toml", tmp_path / "secrets.toml"
    secrets.write_text('[discord]\ntoken = "kept"\n')
    made, _, _ = session(config)
    assert made.secret(TOKEN) == "kept"
    assert config.read_text() == CONFIG_HEADER
    config.unlink()
    secrets.write_text("garbage [")
    with pytest.raises(ConfigError, match=r"secrets\.toml:1: this is not valid TOML"):
        session(config)


async def test_a_setting_that_the_file_of_secrets_overrides_is_named(tmp_path: Path) -> None:
    config, secrets = tmp_path / "config.toml", tmp_path / "secrets.toml"
    config.write_text("")
    secrets.write_text('[model]\nname = "other/model"\n')
    made, _, screen = session(config)
    await made.save({NAME: "org/model"})
    assert made.settings.model.name == "other/model"
    (line,) = screen.of(State.WARNING)
    assert line.startswith(f"{secrets} sets [model] name too, and counts before")
    secrets.write_text("")
    made, _, screen = session(config)
    await made.save({NAME: "org/new"})
    assert screen.of(State.WARNING) == []
