"""The protocol of sd_notify, over real datagram sockets."""

import os
import socket
import sys
from pathlib import Path

import pytest

from parley.service.notify import Notifier
from tests.parley.service.notify_socket import NotifySocket

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")


def test_each_message_is_a_datagram_as_the_protocol_has_it(tmp_path: Path) -> None:
    with NotifySocket.open(tmp_path) as systemd:
        notifier = Notifier({**systemd.environment, "WATCHDOG_USEC": "90000000"})
        assert notifier.on
        assert notifier.watchdog == 90.0
        notifier.extend(60)
        notifier.status("Loading “x”")
        notifier.ready()
        notifier.alive()
        notifier.stopping()
        assert systemd.messages() == [
            "EXTEND_TIMEOUT_USEC=60000000",
            "STATUS=Loading “x”",
            "READY=1",
            "WATCHDOG=1",
            "STOPPING=1",
        ]


def test_a_status_cannot_smuggle_in_another_message_and_is_sent_once(tmp_path: Path) -> None:
    with NotifySocket.open(tmp_path) as systemd:
        notifier = Notifier(systemd.environment)
        notifier.status("a\nREADY=1")
        notifier.status("a READY=1")
        notifier.status("b")
        assert systemd.messages() == ["STATUS=a READY=1", "STATUS=b"]


def test_an_abstract_socket_is_reached() -> None:
    name = f"parley-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert systemd.recv(100) == b"READY=1"


def test_without_a_watchdog_no_sign_of_life_is_sent(tmp_path: Path) -> None:
    with NotifySocket.open(tmp_path) as systemd:
        for variables in (
            {},
            {"WATCHDOG_USEC": "x"},
            {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},  # it watches another process
        ):
            notifier = Notifier({**systemd.environment, **variables})
            assert notifier.watchdog == 0
            notifier.alive()
        assert systemd.messages() == []
        own = {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}
        assert Notifier({**systemd.environment, **own}).watchdog == 1.0


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "/nowhere/notify"])
def test_a_socket_that_is_not_there_harms_nothing(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address} if address else {})
    notifier.ready()
    notifier.status("x")
    assert notifier.on is (address == "/nowhere/notify")


def test_a_full_socket_does_not_block(tmp_path: Path) -> None:
    with NotifySocket.open(tmp_path) as systemd:
        notifier = Notifier({**systemd.environment, "WATCHDOG_USEC": "1000000"})
        for _ in range(10_000):  # more than any queue of datagrams holds
            notifier.alive()
        assert 0 < len(systemd.messages()) < 10_000
