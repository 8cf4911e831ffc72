"""Tells systemd what a service does: the protocol of sd_notify.

A message is one datagram of lines ``KEY=value`` to the Unix socket that the variable
``NOTIFY_SOCKET`` names; a leading ``@`` stands for a socket in the abstract namespace. Sources:
https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html and, for the watchdog's
variables, https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html. The
protocol is so small that a package for it would be longer than this module.
"""

import logging
import os
import socket
import sys
from collections.abc import Mapping

logger = logging.getLogger(__name__)

SOCKET, WATCHDOG, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


class Notifier:
    """Sends notifications to systemd, if it has started this process; otherwise nothing happens.

    No method blocks or raises: the service works without systemd's knowledge of it.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get(SOCKET, ""))
        self._last_status = ""
        self.watchdog = _watchdog(environment) if self._address else 0.0
        """Seconds after which systemd kills a process that gave no sign of life; 0 for no limit."""

    @property
    def on(self) -> bool:
        """Whether systemd wants to be told."""
        return bool(self._address)

    def ready(self) -> None:
        """The service is up."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """What the service does now, for ``systemctl status``. A text that was sent last is not
        sent again; line ends become spaces."""
        line = " ".join(text.split())
        if line != self._last_status:
            self._last_status = line
            self._send(f"STATUS={line}")

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        if self.watchdog:
            self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Starting or stopping may take `seconds` more from now, also beyond the unit's limit."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def stopping(self) -> None:
        """The service begins to shut down."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address or sys.platform == "win32":
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), self._address)
        except OSError as exc:  # also a full queue: the next sign of life comes soon
            logger.debug("systemd cannot be told %s: %s", message.partition("=")[0], exc)


def _address(name: str) -> str:
    """The socket's address; "" where there is none, or one of a kind that is not supported (only
    paths and abstract names are)."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _watchdog(environment: Mapping[str, str]) -> float:
    """Seconds; 0 where the watchdog is off or watches another process."""
    if environment.get(WATCHDOG_PID, str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return max(0.0, int(environment.get(WATCHDOG, "0")) / 1_000_000)
    except ValueError:
        return 0.0
