"""The systemd unit: what it says, and that systemd understands it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bot.errors import ConfigError
from parley.service.plan import Plan
from parley.service.unit import MARK, Host, unit_text
from tests.parley.service.plans import plan

SYSTEM = Host(system=True, version=255, namespaces=True, groups=frozenset({"render", "ana"}))
USER = Host(system=False, version=255, namespaces=True)

WITH_ODD_PATHS = plan(
    program=("/opt/a b/100%/python", "run", '/x/$HOME ${X} "q" \\n 100%h/c.toml'),
    writable=(Path("/data/a b/100%h"), Path("/var/lib/parley")),
    environment={"XDG_DATA_HOME": "/data/a b/100%h", "HF_HOME": '/m "q" \\'},
)


def lines(host: Host, what: Plan | None = None) -> list[str]:
    return unit_text(what or plan(), host).splitlines()


def test_it_begins_with_the_mark_and_starts_parley_run() -> None:
    text = lines(USER)
    assert text[0] == MARK
    assert (
        'ExecStart="/opt/parley/bin/python" "-P" "-m" "parley" "run" "--config" "/etc/parley.toml"'
        in text
    )
    assert 'Environment="PYTHONUNBUFFERED=1"' in text


def test_paths_are_quoted_as_systemd_wants_it() -> None:
    text = lines(SYSTEM, WITH_ODD_PATHS)
    assert (
        r'ExecStart="/opt/a b/100%%/python" "run" "/x/$$HOME $${X} \"q\" \\n 100%%h/c.toml"' in text
    )
    assert r'Environment="XDG_DATA_HOME=/data/a b/100%%h"' in text
    assert r'Environment="HF_HOME=/m \"q\" \\"' in text
    assert 'ReadWritePaths="-/data/a b/100%%h" "-/var/lib/parley"' in text


def test_a_line_end_in_a_path_cannot_add_a_line() -> None:
    with pytest.raises(ConfigError, match="control character"):
        unit_text(plan(writable=(Path("/a\nUser=root"),)), SYSTEM)


def test_a_system_unit_runs_as_the_account_with_the_groups_that_exist() -> None:
    text = lines(SYSTEM)
    assert "User=ana" in text
    assert "SupplementaryGroups=render" in text
    assert "WantedBy=multi-user.target" in text
    assert "After=network-online.target" in text
    assert not [line for line in lines(Host(True, 255, True)) if line.startswith("Supplementary")]


def test_a_user_unit_has_only_what_a_users_service_manager_knows() -> None:
    text = lines(USER)
    names = {line.partition("=")[0] for line in text}
    assert "PrivateUsers=yes" in text
    assert "ProtectSystem=strict" in text
    assert "WantedBy=default.target" in text
    assert not names & {
        "User",
        "SupplementaryGroups",
        "DeviceAllow",
        "CapabilityBoundingSet",
        "After",
    }


def test_without_namespaces_only_the_protection_is_left_that_needs_none() -> None:
    text = lines(Host(system=False, version=255, namespaces=False))
    names = {line.partition("=")[0] for line in text}
    assert not names & {
        "PrivateUsers",
        "ProtectSystem",
        "ProtectHome",
        "PrivateTmp",
        "ReadWritePaths",
    }
    assert {"NoNewPrivileges=yes", "SystemCallFilter=@system-service"} <= set(text)


@pytest.mark.parametrize(("in_home", "expected"), [(True, "read-only"), (False, "yes")])
def test_homes_are_hidden_unless_something_of_it_is_there(in_home: bool, expected: str) -> None:
    assert f"ProtectHome={expected}" in lines(SYSTEM, plan(in_home=in_home))


def test_delays_grow_where_systemd_can_do_that() -> None:
    assert "RestartMaxDelaySec=300" in lines(USER)
    older = lines(Host(system=False, version=252, namespaces=True))
    assert "RestartSec=15" in older
    assert not [line for line in older if line.startswith(("RestartSteps", "RestartMaxDelay"))]


# ---------------------------------------------------------------- systemd's own opinion


def analyzed(folder: Path, host: Host, *command: str) -> str:
    """What systemd-analyze prints of the unit. The program in it exists, so that it has nothing
    else to complain of."""
    shutil.copy("/bin/true", folder / "pyth on")
    program = (str(folder / "pyth on"), *WITH_ODD_PATHS.program[1:])
    file = folder / "parley.service"
    file.write_text(unit_text(plan(program=program, writable=WITH_ODD_PATHS.writable), host))
    (folder / "run").mkdir(mode=0o700)
    scope = [] if host.system else ["--user"]
    ended = subprocess.run(
        ["systemd-analyze", *scope, *command, str(file)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(folder / "run"), "LC_ALL": "C.UTF-8"},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def version() -> int:
    shown = subprocess.run(
        ["systemd-analyze", "--version"], capture_output=True, text=True, check=True
    )
    return int(shown.stdout.split()[1].split(".")[0])


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@needs_systemd
@pytest.mark.process
@pytest.mark.parametrize("system", [True, False])
def test_systemd_finds_nothing_wrong_in_it(tmp_path: Path, system: bool) -> None:
    host = Host(system, version(), namespaces=True)
    assert analyzed(tmp_path, host, "verify") == ""


@needs_systemd
@pytest.mark.process
def test_systemd_rates_a_system_unit_as_well_protected(tmp_path: Path) -> None:
    host = Host(True, version(), namespaces=True)
    said = analyzed(tmp_path, host, "security", "--offline=true", "--no-pager")
    exposure = float(said.rpartition("exposure level for parley.service:")[2].split()[0])
    assert exposure <= 2.0  # of 10; 9.2 without protection
