"""Installing and watching a unit, with stand-ins for systemd's programs."""

import getpass
from pathlib import Path

import pytest

from bot.errors import ConfigError
from parley.service.systemd import Systemd
from parley.service.unit import MARK
from tests.parley.service.fake_programs import FakePrograms, posix_only
from tests.parley.service.plans import plan

pytestmark = [pytest.mark.process, posix_only]

VERSION = "systemctl|--user|show|--property=Version"
SHOWN = """\
LoadState=loaded
ActiveState=active
SubState=running
ActiveEnterTimestamp=Fri 2026-11-27 20:00:00 UTC
InactiveEnterTimestamp=Fri 2026-11-27 19:00:00 UTC
MainPID=42
StatusText=Answering on Discord
Result=success
ExecMainCode=0
ExecMainStatus=0
NRestarts=3
UnitFileState=enabled
"""


@pytest.fixture
def unit(tmp_path: Path, programs: FakePrograms) -> Path:
    programs.prints("systemctl", "Version=255 (255.4-1)\n")
    return tmp_path / "units" / "parley.service"


def user_service(unit: Path) -> Systemd:
    return Systemd(system=False, folder=unit.parent)


async def test_it_is_written_enabled_started_and_runs_without_a_login(
    unit: Path, programs: FakePrograms
) -> None:
    notes = await user_service(unit).install(plan())
    user = getpass.getuser()
    assert [call for call in programs.calls if not call.startswith(("systemd-run", VERSION))] == [
        "systemctl|--user|daemon-reload",
        "systemctl|--user|enable|parley.service",
        "systemctl|--user|restart|--no-block|parley.service",
        f"loginctl|enable-linger|{user}",
        f"loginctl|show-user|{user}|--property=Linger",
    ]
    text = unit.read_text()
    assert text.startswith(MARK)
    assert "RestartMaxDelaySec=300" in text
    assert "ProtectSystem=strict" in text
    assert unit.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in unit.parent.iterdir()] == ["parley.service"]
    assert notes == [f"It also runs while {user} is not logged in (loginctl enable-linger)."]


async def test_a_system_unit_needs_no_login_and_no_trial(
    unit: Path, programs: FakePrograms
) -> None:
    assert await Systemd(system=True, folder=unit.parent).install(plan()) == []
    assert not [call for call in programs.calls if call.startswith(("loginctl", "systemd-run"))]
    assert "systemctl|restart|--no-block|parley.service" in programs.calls
    assert "User=ana" in unit.read_text()


async def test_where_lingering_is_not_allowed_the_way_on_is_said(
    unit: Path, programs: FakePrograms
) -> None:
    programs.fails("loginctl", "enable-linger", "Could not enable linger: Access denied")
    notes = await user_service(unit).install(plan())
    assert notes[-1].endswith(f"To change that: sudo loginctl enable-linger {getpass.getuser()}")
    programs.prints("loginctl", "Linger=yes\n")
    notes = await user_service(unit).install(plan())
    assert notes[-1].startswith("It also runs while"), "an administrator has allowed it before"


async def test_where_users_get_no_namespaces_the_unit_does_without(
    unit: Path, programs: FakePrograms
) -> None:
    programs.fails("systemd-run", "--user", "")
    notes = await user_service(unit).install(plan())
    assert "ProtectSystem" not in unit.read_text()
    assert notes[0].startswith("This machine lets no user's service have its own view")


@pytest.mark.parametrize("word", ["daemon-reload", "enable", "restart"])
async def test_a_failure_leaves_nothing_behind(
    unit: Path, programs: FakePrograms, word: str
) -> None:
    programs.fails("systemctl", word, "Unit is masked.\nmore")
    with pytest.raises(ConfigError, match=f"systemctl --user {word}.* failed: Unit is masked.$"):
        await user_service(unit).install(plan())
    assert list(unit.parent.iterdir()) == []


async def test_a_failure_keeps_the_unit_that_was_there(unit: Path, programs: FakePrograms) -> None:
    unit.parent.mkdir()
    unit.write_text(f"{MARK}\nbefore")
    programs.fails("systemctl", "enable", "no")
    with pytest.raises(ConfigError):
        await user_service(unit).install(plan())
    assert unit.read_text() == f"{MARK}\nbefore"


async def test_a_unit_that_is_not_parleys_is_left_alone(unit: Path, programs: FakePrograms) -> None:
    unit.parent.mkdir()
    unit.write_text("[Unit]\n")
    with pytest.raises(ConfigError, match="was not written by parley service install"):
        await user_service(unit).install(plan())
    assert unit.read_text() == "[Unit]\n"
    assert "systemctl|--user|daemon-reload" not in programs.calls


async def test_a_manager_that_does_not_answer_is_one_line_with_the_way_on(
    unit: Path, programs: FakePrograms
) -> None:
    programs.fails("systemctl", "show", "Failed to connect to bus: No medium found")
    with pytest.raises(ConfigError, match=r"No medium found\. After su or sudo .* --system$"):
        await user_service(unit).install(plan())
    assert not unit.exists()
    unit.parent.mkdir()
    unit.write_text(MARK)
    with pytest.raises(ConfigError, match=r"^systemd does not answer: Failed to connect"):
        await Systemd(system=True, folder=unit.parent).state()


async def test_where_nothing_is_installed_nobody_is_asked(
    unit: Path, programs: FakePrograms
) -> None:
    assert not (await user_service(unit).state()).installed
    assert programs.calls == []


async def test_the_state_is_what_systemd_says(unit: Path, programs: FakePrograms) -> None:
    await user_service(unit).install(plan())
    programs.prints("systemctl", SHOWN)
    state = await user_service(unit).state()
    assert state.installed
    assert (state.running, state.state, state.pid) == (True, "active (running)", 42)
    assert (state.since, state.doing) == ("Fri 2026-11-27 20:00:00 UTC", "Answering on Discord")
    assert (state.last_exit, state.restarts, state.at_start) == ("", 3, True)


async def test_one_that_waits_for_its_restart_does_not_run(
    unit: Path, programs: FakePrograms
) -> None:
    await user_service(unit).install(plan())
    shown = SHOWN.replace("=active", "=activating").replace("=running", "=auto-restart")
    shown = shown.replace("MainPID=42", "MainPID=0").replace("Result=success", "Result=exit-code")
    shown = shown.replace("ExecMainCode=0\nExecMainStatus=0", "ExecMainCode=1\nExecMainStatus=1")
    programs.prints("systemctl", shown)
    state = await user_service(unit).state()
    assert (state.running, state.last_exit) == (False, "exit code 1")
    shown = shown.replace("Code=1", "Code=3").replace("Status=1", "Status=6")
    programs.prints("systemctl", shown.replace("Result=exit-code", "Result=watchdog"))
    assert (await user_service(unit).state()).last_exit == "signal 6 (watchdog)"


async def test_removing_stops_it_and_deletes_its_unit(unit: Path, programs: FakePrograms) -> None:
    await user_service(unit).install(plan())
    before = len(programs.calls)
    await user_service(unit).remove()
    assert not unit.exists()
    assert programs.calls[before + 1 :] == [
        "systemctl|--user|disable|--now|parley.service",
        "systemctl|--user|daemon-reload",
        "systemctl|--user|reset-failed|parley.service",
    ]


def test_the_log_is_the_journals(unit: Path) -> None:
    user, system = user_service(unit), Systemd(system=True, folder=unit.parent)
    assert user.log == "journalctl --user-unit parley.service --lines 100 --no-pager"
    assert system.show_log(follow=True, lines=5) == (
        "journalctl", "--unit", "parley.service", "--lines", "5", "--follow"
    )  # fmt: skip
