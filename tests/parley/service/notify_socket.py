"""The end of the notification socket at which systemd would listen."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotifySocket:
    """A real datagram socket that collects what a service says."""

    def __init__(self, address: str) -> None:
        self.environment = {"NOTIFY_SOCKET": address}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.heard: list[str] = []

    def messages(self) -> list[str]:
        """Every message since the beginning."""
        while True:
            try:
                self.heard.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return self.heard

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator["NotifySocket"]:
        listener = cls(str(folder / "notify"))
        try:
            yield listener
        finally:
            listener._socket.close()
