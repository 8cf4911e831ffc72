"""Which service manager this machine has, and whose service it is to be."""

import getpass
import os
import sys
from pathlib import Path

from bot.errors import ConfigError
from parley.runtime import log_file
from parley.service.manager import ServiceManager
from parley.service.plan import Account
from parley.service.systemd import Systemd
from parley.service.windows import ScheduledTask

RUNNING_SYSTEMD = Path("/run/systemd/system")
"""Exists where systemd is the init (sd_booted(3))."""


def service_manager(*, system: bool | None) -> ServiceManager:
    """The manager of the service. `system`: of the system's or of the user's own; None for the one
    that is installed, the user's first. Raises ConfigError, with the way on, where there is none.
    """
    if sys.platform == "win32":
        if system:
            raise ConfigError("--system is for Linux. On Windows the service is a scheduled task.")
        return ScheduledTask(log_file().with_name("run.log"))
    if sys.platform == "darwin":
        raise ConfigError(
            "Services are not supported on macOS. Keep “parley run” running in a terminal (tmux), "
            "or write a launchd agent that starts it."
        )
    require_systemd()
    if system is not None:
        return Systemd(system=system)
    own, whole = Systemd(system=False), Systemd(system=True)
    return whole if whole.installed and not own.installed else own


def require_systemd(running: Path = RUNNING_SYSTEMD) -> None:
    """Raises ConfigError, with the way on, where systemd is not the init of this machine."""
    if running.is_dir():
        return
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        way = "In a container its restart policy does this: see docs/container.md."
    elif "microsoft" in os.uname().release.lower():
        way = "In WSL write [boot] systemd=true into /etc/wsl.conf, then: wsl --shutdown"
    else:
        way = "Let the init of this machine start: parley run"
    raise ConfigError(f"systemd does not run here, so no service can be installed. {way}")


def own_account() -> Account:
    """The account that runs this program."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError) as exc:
        raise ConfigError("this user has no name here, so it can have no service.") from exc
    if sys.platform == "win32":
        domain = os.environ.get("USERDOMAIN", "")
        return Account(f"{domain}\\{name}" if domain else name, Path.home())
    return account_named(name)


def account_named(name: str) -> Account:
    """An account of this machine. Raises ConfigError where there is none of that name."""
    import pwd  # Unix only

    try:
        entry = pwd.getpwnam(name)
    except KeyError as exc:
        raise ConfigError(
            f"--user {name}: there is no such account. Make one, for example with: useradd "
            f"--create-home {name}"
        ) from exc
    groups = frozenset(os.getgrouplist(name, entry.pw_gid))
    return Account(name, Path(entry.pw_dir), entry.pw_uid, entry.pw_gid, groups)


def service_account(*, system: bool, user: str) -> Account:
    """The account for the service. A system service runs as `user`, or as who called sudo, and
    never as root. Raises ConfigError."""
    if sys.platform == "win32":
        return own_account()
    root = os.geteuid() == 0
    if not system:
        if user:
            raise ConfigError("--user names the account of a system service: add --system.")
        if root:
            raise ConfigError(
                "root does not need a service of its own. Add --system, or run this without sudo."
            )
        return own_account()
    if not root:
        raise ConfigError(
            f"a system service needs root: sudo {sys.executable} -m parley service install --system"
        )
    name = user or os.environ.get("SUDO_USER", "")
    if name in ("", "root"):
        raise ConfigError("name the account as which the service runs (not root): --user NAME")
    return account_named(name)
