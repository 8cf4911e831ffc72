"""The systemd unit of `parley run`, as text.

What each line means is documented in
https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html and systemd.exec.html,
the quoting in systemd.syntax.html. docs/service.md explains the choices.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.errors import ConfigError
from parley.service.plan import Plan

NAME = "parley.service"
MARK = "# Written by: parley service install"
"""The first line of a unit that may be replaced. Own changes belong into ``systemctl edit``."""
GROWING_DELAYS = 254
"""The version of systemd that can lengthen the delay between restarts."""

_GPU_GROUPS = ("render", "video")

_SERVICE = """\
Type=notify
NotifyAccess=main
Restart=on-failure
SuccessExitStatus=143
TimeoutStartSec=120
TimeoutStopSec=60
WatchdogSec=90
KillMode=mixed
OOMPolicy=continue
SyslogIdentifier=parley
LimitCORE=0
UMask=0077"""

_ALWAYS = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM"""

_SYSTEM = """\
CapabilityBoundingSet=
AmbientCapabilities=
DevicePolicy=closed
DeviceAllow=char-drm rw
DeviceAllow=char-accel rw
DeviceAllow=char-nvidia* rw
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible"""


@dataclass(frozen=True, slots=True)
class Host:
    """What the unit has to know of the machine."""

    system: bool
    """A unit of the system, not of the user's own service manager."""
    version: int
    """systemd's version; 0 if unknown."""
    namespaces: bool
    """Whether the service manager can give a service its own view of the file system."""
    groups: frozenset[str] = frozenset()
    """The groups of this machine. Naming one that does not exist would make the start fail."""


def unit_text(plan: Plan, host: Host) -> str:
    """The unit's text. Raises ConfigError where a path has a character that a unit cannot have."""
    sections = {
        "Unit": _unit(host),
        "Service": [*_start(plan), *_SERVICE.splitlines(), *_delays(host)],
        "Install": [f"WantedBy={'multi-user' if host.system else 'default'}.target"],
    }
    sections["Service"] += [*_account(plan, host), *_ALWAYS.splitlines(), *_protection(plan, host)]
    parts = ["\n".join([f"[{name}]", *lines]) for name, lines in sections.items()]
    return "\n\n".join([f"{MARK}\n{_advice(host)}", *parts]) + "\n"


def _advice(host: Host) -> str:
    option = "" if host.system else "--user "
    edit = f"systemctl {option}edit {NAME}"
    return f"# Installing again replaces this file. Add your own lines with: {edit}"


def _unit(host: Host) -> list[str]:
    lines = ["Description=Parley, a chatbot with a local language model"]
    if host.system:  # a user's service manager does not know the target
        lines += ["Wants=network-online.target", "After=network-online.target"]
    return [*lines, "StartLimitIntervalSec=0"]


def _start(plan: Plan) -> list[str]:
    program, *arguments = plan.program
    words = [_quoted(program), *(_quoted(word).replace("$", "$$") for word in arguments)]
    variables = [_quoted(f"{name}={value}") for name, value in sorted(plan.environment.items())]
    return [f"ExecStart={' '.join(words)}", *(f"Environment={each}" for each in variables)]


def _delays(host: Host) -> list[str]:
    """5 s before the first restart, and up to 5 minutes after repeated failures."""
    if host.version >= GROWING_DELAYS:
        return ["RestartSec=5", "RestartSteps=6", "RestartMaxDelaySec=300"]
    return ["RestartSec=15"]


def _account(plan: Plan, host: Host) -> list[str]:
    if not host.system:
        return []
    groups = [name for name in _GPU_GROUPS if name in host.groups]
    of_gpu = [f"SupplementaryGroups={' '.join(groups)}"] if groups else []
    return [f"User={plan.account.name}", *of_gpu]


def _protection(plan: Plan, host: Host) -> list[str]:
    """The view of the machine that the service has. Without namespaces there is none of its own."""
    lines = _SYSTEM.splitlines() if host.system else []
    if not host.namespaces:
        return lines
    private = [] if host.system else ["PrivateUsers=yes"]
    writable = " ".join(_quoted(f"-{folder}") for folder in plan.writable)
    return [
        *lines,
        *private,
        *namespace_options(in_home=plan.in_home),
        f"ReadWritePaths={writable}",
    ]


def namespace_options(*, in_home: bool) -> Iterable[str]:
    """The options that need a namespace of the file system."""
    return (
        "ProtectSystem=strict",
        f"ProtectHome={'read-only' if in_home else 'yes'}",
        "PrivateTmp=yes",
    )


def _quoted(word: str) -> str:
    """One word, as a unit's settings take it: a percent sign is doubled, quotes and backslashes are
    escaped. Raises ConfigError for control characters."""
    if any(ord(character) < 32 or ord(character) == 127 for character in word):
        raise ConfigError(
            f"{word!r}: a unit of systemd cannot hold a control character; use another path."
        )
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
