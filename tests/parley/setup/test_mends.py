"""What `parley doctor --fix` puts right."""

import stat
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.discord.checkup import COMMANDS
from bot.checks import State
from bot.config import load
from parley.setup.asking import Left
from parley.setup.mends import find_mends, mend_all
from tests.parley.parley_program import Program
from tests.parley.setup.scene import DISCORD_TOKEN, Scene, scene
from tests.parley.setup.script import Scripted, Shown

posix = pytest.mark.skipif(sys.platform == "win32", reason="rights are not in the mode there")


def written(folder: Path, text: str, mode: int = 0o644) -> Path:
    file = folder / "config.toml"
    file.write_text(text)
    file.chmod(mode)
    return file


async def test_a_settings_file_that_is_missing_is_written(tmp_path: Path) -> None:
    file, screen = tmp_path / "config.toml", Shown()
    mended = await mend_all(Scripted(("Write one?", True)), screen, file, {})
    assert (mended.offered, mended.done) == (1, 1)
    assert load(file, {}).file == file
    assert await find_mends(file, {}) == []


async def test_what_nobody_wants_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    mended = await mend_all(Scripted(("Write one?", False)), Shown(), file, {})
    assert (mended.offered, mended.done, file.exists()) == (1, 0, False)
    with pytest.raises(Left):
        await mend_all(Scripted(("Write one?", None)), Shown(), file, {})


@posix
async def test_rights_of_others_to_the_secrets_are_taken_away(tmp_path: Path) -> None:
    file = written(tmp_path, "")
    secrets = tmp_path / "secrets.toml"
    secrets.write_text("")
    secrets.chmod(0o644)
    mended = await mend_all(Scripted(("Take that away?", True)), Shown(), file, {})
    assert mended.done == 1
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600


@posix
async def test_secrets_in_a_settings_file_that_others_can_read_are_moved(tmp_path: Path) -> None:
    text = '# mine\n[slack]\nbot_token = "xoxb-1"\nstreaming = false # so\n'
    file, screen = written(tmp_path, text), Shown()
    mended = await mend_all(Scripted(("Move them to secrets.toml?", True)), screen, file, {})
    assert mended.done == 1
    assert file.read_text() == "# mine\n[slack]\nstreaming = false # so\n"
    assert tomllib.loads((tmp_path / "secrets.toml").read_text())["slack"] == {
        "bot_token": "xoxb-1"
    }
    assert load(file, {}).slack.bot_token.get_secret_value() == "xoxb-1"
    assert "xoxb-1" not in screen.text
    assert await find_mends(file, {}) == []


@posix
async def test_an_address_with_a_password_that_others_can_read_is_moved_too(
    tmp_path: Path,
) -> None:
    url = "postgresql+asyncpg://me:s3cret@host/parley"
    file = written(tmp_path, f'[storage]\nurl = "{url}"\nretention_days = 9\n')
    screen = Shown()
    asker = Scripted(("Move them to secrets.toml?", True))
    assert (await mend_all(asker, screen, file, {})).done == 1
    assert file.read_text() == "[storage]\nretention_days = 9\n"
    assert load(file, {}).storage.url == url
    assert "[storage] url" in screen.text
    assert "s3cret" not in screen.text


@posix
async def test_secrets_that_only_their_owner_can_read_stay(tmp_path: Path) -> None:
    file = written(tmp_path, '[slack]\nbot_token = "xoxb-1"\n', 0o600)
    assert await find_mends(file, {}) == []


async def test_a_model_that_is_not_downloaded_is_offered_and_a_failure_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    file, screen = written(tmp_path, '[model]\nname = "org/missing"\n'), Shown()
    mends = await find_mends(file, {})
    assert [mend.question for mend in mends] == ["Download it?"]
    assert "org/missing" in mends[0].fault
    for text in ("[model]\nname = 'demo'\n", "[model]\nbackend = 'scripted'\nname = 'a/b'\n"):
        assert await find_mends(written(tmp_path, text), {}) == []
    del screen


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        yield made


async def test_commands_that_discord_does_not_know_are_registered(stage: Scene) -> None:
    file, screen = written(stage.home, f'[discord]\ntoken = "{DISCORD_TOKEN}"\n', 0o600), Shown()
    asker = Scripted(("Register them?", True))
    assert (await mend_all(asker, screen, file, stage.environment)).done == 1
    assert screen.of(State.OK) == [f"{len(COMMANDS)} slash commands are registered."]
    assert stage.discord.rest.synced == [""]
    assert await find_mends(file, stage.environment) == []


def with_readable_secrets(program: Program) -> Path:
    folder = program.folder / "config" / "parley"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("")
    secrets = folder / "secrets.toml"
    secrets.write_text("[slack]\napp_token = 'xapp-1'\n")
    secrets.chmod(0o644)
    return secrets


@posix
@pytest.mark.process
def test_doctor_puts_right_without_questions_and_checks_again(program: Program) -> None:
    secrets = with_readable_secrets(program)
    shown = "".join(program.run("doctor", "--fix", "--yes").stdout.split())
    finding, _, rest = shown.partition("Whatcanbeputright")
    assert "otherusersofthismachinecanread" in finding
    assert f"✓Onlyyoucanread{secrets}now." in rest
    assert f"onlyyoucanread{secrets}" in rest, "it is checked again"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    again = program.run("doctor", "--fix", "--yes")
    assert "Nothing: the remedies above are yours to carry out." in again.stdout


@posix
@pytest.mark.process
def test_each_command_says_in_one_line_that_others_can_read_the_secrets(program: Program) -> None:
    secrets = with_readable_secrets(program)
    ended = program.run("slack", "manifest")
    assert ended.returncode == 0
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith(f"parley: {secrets}: other users of this machine can read")


@pytest.mark.process
def test_doctor_asks_nobody_in_a_pipe_and_says_so(program: Program) -> None:
    ended = program.run("doctor", "--fix")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "add --yes" in ended.stderr
    assert program.run("doctor", "--fix", "--json").returncode == 2
