"""`parley service`, with stand-ins for systemd's programs."""

import io
import json
import sys
from pathlib import Path

import pytest
import typer

from bot.errors import ConfigError
from parley.commands import service_work
from parley.service import choose
from tests.parley.parley_program import Program
from tests.parley.service.fake_programs import FakePrograms, posix_only

pytestmark = [pytest.mark.process, posix_only]

RUNS = """\
ActiveState=active
SubState=running
ActiveEnterTimestamp=Fri 2026-11-27 20:00:00 UTC
MainPID=42
StatusText=Answering on Discord
UnitFileState=enabled
"""


@pytest.fixture
def home(tmp_path: Path, programs: FakePrograms, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with systemd, and the home of a user with a configured bot."""
    monkeypatch.setattr(choose, "require_systemd", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    programs.prints("systemctl", f"Version=255\n{RUNS}")
    (tmp_path / "config.toml").write_text('[discord]\ntoken = "x"\n')
    return tmp_path


async def test_it_is_installed_watched_and_removed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = home / ".config" / "systemd" / "user" / "parley.service"
    await service_work.install(home / "config.toml")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (
        f"Installed and started: user unit {unit}, with the settings of {home / 'config.toml'}"
    )
    assert said[-1] == "See how it does with: parley service status"
    assert f'"--config" "{home / "config.toml"}"' in unit.read_text()

    await service_work.status(system=None, as_json=False)
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert told["State"] == "running: active (running)"
    assert told["Since"] == "Fri 2026-11-27 20:00:00 UTC"
    assert told["Does"] == "Answering on Discord"
    assert told["Starts"] == "by itself"
    assert told["Log"].startswith("journalctl --user-unit parley.service")

    await service_work.remove(system=None, yes=True)
    assert not unit.exists()
    assert "Conversations, models and settings are still there" in capsys.readouterr().out


async def test_removing_asks_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await service_work.install(home / "config.toml")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(ConfigError, match="standard input is no terminal"):
        await service_work.remove(system=None, yes=False)
    assert (home / ".config" / "systemd" / "user" / "parley.service").exists()


async def test_without_a_service_that_is_said(
    home: Path, capsys: pytest.CaptureFixture[str], programs: FakePrograms
) -> None:
    programs.prints("systemctl", "ActiveState=inactive\nSubState=dead\nMainPID=0\n")
    with pytest.raises(typer.Exit) as caught:
        await service_work.status(system=None, as_json=False)
    assert caught.value.exit_code == 1
    await service_work.remove(system=None, yes=False)
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("not installed (parley service install)")
    assert said[1] == "No service is installed."


async def test_programs_read_the_state_as_json(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await service_work.install(home / "config.toml")
    await service_work.status(system=None, as_json=True)
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["running"], found["pid"], found["doing"]) == (True, 42, "Answering on Discord")


async def test_the_log_is_shown_by_journalctl_with_its_exit_code(
    home: Path, programs: FakePrograms
) -> None:
    await service_work.logs(system=True, follow=True, lines=7)
    assert programs.calls[-1] == "journalctl|--unit|parley.service|--lines|7|--follow"
    programs.fails("journalctl", "--unit", "No journal files were opened")
    with pytest.raises(typer.Exit) as caught:
        await service_work.logs(system=True, follow=False, lines=7)
    assert caught.value.exit_code == 1


@pytest.mark.skipif(
    sys.platform != "linux" or choose.RUNNING_SYSTEMD.is_dir(),
    reason="for machines without systemd",
)
@pytest.mark.parametrize("command", ["install", "status", "logs", "remove"])
def test_without_systemd_every_command_is_one_line(program: Program, command: str) -> None:
    ended = program.run("service", command)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("parley: systemd does not run here, so no service can")
    assert ended.stderr.count("\n") == 1
