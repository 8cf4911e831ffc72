"""The service on Linux: a unit of systemd, of the system or of the user's own service manager."""

import getpass
import re
from pathlib import Path

from platformdirs import user_config_path

from bot.errors import ConfigError
from bot.files import make_private_folder
from parley.service.manager import ServiceState
from parley.service.plan import Plan
from parley.service.programs import require, run
from parley.service.unit import MARK, NAME, Host, namespace_options, unit_text

SYSTEM_UNITS = Path("/etc/systemd/system")

_PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "ActiveEnterTimestamp", "InactiveExitTimestamp",
    "InactiveEnterTimestamp", "MainPID", "StatusText", "Result", "ExecMainCode", "ExecMainStatus",
    "NRestarts", "UnitFileState",
)  # fmt: skip
_BEGAN = {"active": "ActiveEnterTimestamp", "activating": "InactiveExitTimestamp"}
"""The property with the time at which a state began."""
_EXITED = "1"
"""`ExecMainCode` of a process that exited; 2 and 3 are a signal's (CLD_EXITED of waitid)."""


class Systemd:
    """The unit ``parley.service``; see `ServiceManager`."""

    def __init__(self, *, system: bool, folder: Path | None = None) -> None:
        """`folder`: where the units are, if not at the usual place."""
        self._system = system
        self._scope = () if system else ("--user",)
        usual = SYSTEM_UNITS if system else user_config_path("systemd") / "user"
        self._file = (folder or usual) / NAME

    @property
    def name(self) -> str:
        return f"{'system' if self._system else 'user'} unit {self._file}"

    @property
    def log(self) -> str:
        return " ".join(self.show_log(follow=False, lines=100))

    @property
    def installed(self) -> bool:
        """Whether the unit's file is there."""
        return self._file.exists()

    async def install(self, plan: Plan) -> list[str]:
        await self._require_manager()
        host = await self._host()
        before = self._replaceable()
        self._write(unit_text(plan, host))
        try:
            await require("systemctl", *self._scope, "daemon-reload")
            await require("systemctl", *self._scope, "enable", NAME)
            # The start waits for a model to load, so nobody waits for the start.
            await require("systemctl", *self._scope, "restart", "--no-block", NAME)
        except ConfigError:
            await self._put_back(before)
            raise
        notes = [] if host.namespaces else [_NO_NAMESPACES]
        return [*notes, *([] if self._system else await _let_linger())]

    async def state(self) -> ServiceState:
        if not self.installed:
            return ServiceState(installed=False)
        await self._require_manager()
        shown = await require(
            "systemctl", *self._scope, "show", NAME, f"--property={','.join(_PROPERTIES)}"
        )
        facts = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        return _state_of(facts)

    async def remove(self) -> None:
        await self._require_manager()
        await run("systemctl", *self._scope, "disable", "--now", NAME)
        try:
            self._file.unlink(missing_ok=True)
        except OSError as exc:
            raise _refused(self._file, exc) from exc
        await require("systemctl", *self._scope, "daemon-reload")
        await run("systemctl", *self._scope, "reset-failed", NAME)

    def show_log(self, *, follow: bool, lines: int) -> tuple[str, ...]:
        unit = ("--unit",) if self._system else ("--user-unit",)
        following = ("--follow",) if follow else ("--no-pager",)
        return ("journalctl", *unit, NAME, "--lines", str(lines), *following)

    async def _require_manager(self) -> None:
        """Raises ConfigError where the service manager, the user's or the system's, is silent."""
        asked = await run("systemctl", *self._scope, "show", "--property=Version")
        if asked.code == 0:
            return
        if self._system:
            raise ConfigError(f"systemd does not answer: {asked.reason}")
        raise ConfigError(
            f"your own systemd (systemctl --user) does not answer: {asked.reason}. After su or "
            "sudo it is not reachable: log in as this user, or install a system service with "
            "--system"
        )

    async def _host(self) -> Host:
        shown = await run("systemctl", *self._scope, "show", "--property=Version")
        number = re.search(r"\d+", shown.output)
        return Host(
            system=self._system,
            version=int(number[0]) if number else 0,
            namespaces=self._system or await _user_namespaces(),
            groups=_groups(),
        )

    def _replaceable(self) -> str | None:
        """The text of the unit that is there; None where there is none. Raises ConfigError where it
        is not Parley's."""
        try:
            text = self._file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise _refused(self._file, exc) from exc
        if not text.startswith(MARK):
            raise ConfigError(
                f"{self._file} exists and was not written by parley service install, so it is left "
                "alone. Move it away first."
            )
        return text

    def _write(self, text: str) -> None:
        """Replace the unit atomically. Raises ConfigError."""
        part = self._file.with_name(f".{NAME}.part")
        try:
            make_private_folder(self._file.parent)
            part.write_text(text, encoding="utf-8")
            part.chmod(0o644)  # systemd warns of units that only root can read
            part.replace(self._file)
        except OSError as exc:
            part.unlink(missing_ok=True)
            raise _refused(self._file, exc) from exc

    async def _put_back(self, before: str | None) -> None:
        if before is None:
            await run("systemctl", *self._scope, "disable", NAME)
            self._file.unlink(missing_ok=True)
        else:
            self._write(before)
        await run("systemctl", *self._scope, "daemon-reload")


_NO_NAMESPACES = (
    "This machine lets no user's service have its own view of the file system, so the unit has "
    "less protection than usual: a system service (--system) has all of it."
)


def _refused(file: Path, exc: OSError) -> ConfigError:
    return ConfigError(f"{file}: {exc.strerror}. Make its folder writable for you.")


async def _user_namespaces() -> bool:
    """Whether a user's service can have its own view of the file system: on some machines (Ubuntu
    since 23.10, https://ubuntu.com/blog/ubuntu-23-10-restricted-unprivileged-user-namespaces) it
    fails at its start. Tried with a service that does nothing."""
    options = [
        f"--property={each}" for each in ("PrivateUsers=yes", *namespace_options(in_home=True))
    ]
    tried = await run(
        "systemd-run", "--user", "--quiet", "--wait", "--collect", *options, "/bin/true"
    )
    return tried.code == 0


async def _let_linger() -> list[str]:
    """Let the user's services run without a login; what to do where that is not allowed."""
    user = getpass.getuser()
    asked = await run("loginctl", "enable-linger", user)
    shown = await run("loginctl", "show-user", user, "--property=Linger")
    if asked.code == 0 or shown.output.strip() == "Linger=yes":  # or an administrator did it
        return [f"It also runs while {user} is not logged in (loginctl enable-linger)."]
    way = f"sudo loginctl enable-linger {user}"
    return [f"It runs only while {user} is logged in. To change that: {way}"]


def _groups() -> frozenset[str]:
    import grp  # Unix only

    return frozenset(group.gr_name for group in grp.getgrall())


def _state_of(facts: dict[str, str]) -> ServiceState:
    active = facts.get("ActiveState", "")
    # "activating" is running, too: its model is being loaded, or a platform connected.
    pid = _number(facts, "MainPID")
    began = _BEGAN.get(active, "InactiveEnterTimestamp")
    return ServiceState(
        installed=True,
        running=bool(pid) and active in ("active", "activating", "reloading"),
        state=f"{active} ({facts.get('SubState', '')})" if active else "",
        since=facts.get(began, ""),
        pid=pid,
        doing=facts.get("StatusText", ""),
        last_exit=_last_exit(facts),
        restarts=_number(facts, "NRestarts"),
        at_start=facts.get("UnitFileState", "") == "enabled",
    )


def _last_exit(facts: dict[str, str]) -> str:
    """How the main process ended last; "" where it has not."""
    code, status = facts.get("ExecMainCode", "0"), facts.get("ExecMainStatus", "")
    if code in ("0", ""):
        return ""
    ended = f"exit code {status}" if code == _EXITED else f"signal {status}"
    result = facts.get("Result", "")
    return ended if result in ("", "success", "exit-code", "signal") else f"{ended} ({result})"


def _number(facts: dict[str, str], name: str) -> int:
    try:
        return int(facts.get(name, "0"))
    except ValueError:
        return 0
