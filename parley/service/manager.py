"""What a service manager of an operating system does for `parley service`."""

from dataclasses import dataclass
from typing import Protocol

from parley.service.plan import Plan


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The service, as its manager sees it. "" and 0 where it does not know."""

    installed: bool
    running: bool = False
    state: str = ""
    """In the manager's own words: "active (running)"."""
    since: str = ""
    """When this state began, as the manager writes it."""
    pid: int = 0
    doing: str = ""
    """What `parley run` says that it does."""
    last_exit: str = ""
    """How the process ended last."""
    restarts: int = 0
    """How often it was started again after a failure."""
    at_start: bool = False
    """Whether it starts with the machine, or when its user logs in."""


class ServiceManager(Protocol):
    """Installs and watches one service. Every method raises ConfigError where the manager refuses
    or cannot be reached."""

    @property
    def name(self) -> str:
        """What it is, for people: "systemd unit /etc/systemd/system/parley.service"."""

    @property
    def log(self) -> str:
        """Where the log is: a command or a file."""

    async def install(self, plan: Plan) -> list[str]:
        """Install, or replace what Parley has installed before, and start it; return what the
        operator should know, a line each. After an error everything is as it was."""

    async def state(self) -> ServiceState:
        """The service now."""

    async def remove(self) -> None:
        """Stop the service and delete its definition. Data, models and settings stay."""

    def show_log(self, *, follow: bool, lines: int) -> tuple[str, ...]:
        """The command that shows the last `lines` lines of the log, and those that come if
        `follow`."""
