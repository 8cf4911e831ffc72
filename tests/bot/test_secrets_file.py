"""The file of secrets beside config.toml: what counts before what, and who may read it."""

import sys
from pathlib import Path

import pytest

from bot.config import load, secrets_beside
from bot.errors import ConfigError

TOKEN = "from-the-secrets-file"


def write(folder: Path, secrets: str, config: str = "", *, mode: int = 0o600) -> Path:
    file = folder / "config.toml"
    file.write_text(config, encoding="utf-8")
    beside = secrets_beside(file)
    beside.write_text(secrets, encoding="utf-8")
    beside.chmod(mode)
    return file


def test_the_environment_counts_before_secrets_and_these_before_the_settings(
    tmp_path: Path,
) -> None:
    config = '[discord]\ntoken = "from-config"\nshards = 2\n[slack]\nbot_token = "xoxb-config"\n'
    file = write(tmp_path, f'[discord]\ntoken = "{TOKEN}"\n', config)
    settings = load(file, {})
    assert settings.discord.token.get_secret_value() == TOKEN
    assert settings.discord.shards == 2
    assert settings.slack.bot_token.get_secret_value() == "xoxb-config"
    settings = load(file, {"PARLEY_DISCORD__TOKEN": "from-the-environment"})
    assert settings.discord.token.get_secret_value() == "from-the-environment"


def test_each_settings_file_has_secrets_of_its_own(tmp_path: Path) -> None:
    assert secrets_beside(tmp_path / "config.toml") == tmp_path / "secrets.toml"
    assert secrets_beside(tmp_path / "second.toml") == tmp_path / "second.secrets.toml"
    write(tmp_path, f'[discord]\ntoken = "{TOKEN}"\n')
    second = tmp_path / "second.toml"
    second.write_text("")
    assert load(second, {}).discord.token.get_secret_value() == ""


def test_the_secrets_are_known_for_the_log_to_redact(tmp_path: Path) -> None:
    settings = load(write(tmp_path, f'[discord]\ntoken = "{TOKEN}"\n'), {})
    assert settings.secrets == (TOKEN,)
    assert settings.secrets_file == tmp_path / "secrets.toml"
    assert TOKEN not in repr(settings)


def test_a_fault_in_the_secrets_names_that_file_and_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, "[discord]\ntokn = 'x'\n", "[discord]\nshards = 2\n")
    with pytest.raises(ConfigError, match=r"secrets\.toml:2: \[discord\] tokn is not a setting"):
        load(file, {})
    file = write(tmp_path, "[discord\n")
    with pytest.raises(ConfigError, match=r"secrets\.toml:1: this is not valid TOML"):
        load(file, {})
    file = write(tmp_path, "[discord]\ntoken = 'x'\n", "[discord]\nshards = -1\n")
    with pytest.raises(ConfigError, match=r"config\.toml:2: \[discord\] shards"):
        load(file, {})


@pytest.mark.skipif(sys.platform == "win32", reason="rights are not in the mode there")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_secrets_that_others_can_read_are_one_warning_with_the_remedy(
    tmp_path: Path, mode: int
) -> None:
    file = write(tmp_path, "", mode=mode)
    (warning,) = load(file, {}).warnings
    assert warning.startswith(f"{tmp_path / 'secrets.toml'}: other users")
    assert warning.endswith(f"chmod 600 {tmp_path / 'secrets.toml'}")
    (tmp_path / "secrets.toml").chmod(0o600)
    assert load(file, {}).warnings == ()
