"""Where no service can be installed, the way on is said."""

import getpass
import os
import sys
from pathlib import Path

import pytest

from bot.errors import ConfigError
from parley.service.choose import account_named, require_systemd, service_account

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="accounts of Linux")


def test_without_systemd_the_way_on_is_said(tmp_path: Path) -> None:
    require_systemd(tmp_path)
    with pytest.raises(ConfigError, match=r"^systemd does not run here, so no service .*\. \w+"):
        require_systemd(tmp_path / "nothing")


def test_a_users_service_is_the_users_and_not_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert service_account(system=False, user="").name == getpass.getuser()
    with pytest.raises(ConfigError, match="add --system"):
        service_account(system=False, user="ana")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ConfigError, match="run this without sudo"):
        service_account(system=False, user="")


def test_a_system_service_needs_root_and_an_account_that_is_not_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match=r"^a system service needs root: sudo .* --system$"):
        service_account(system=True, user="")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("SUDO_USER", raising=False)
    for user in ("", "root"):
        with pytest.raises(ConfigError, match="--user NAME"):
            service_account(system=True, user=user)
    monkeypatch.setenv("SUDO_USER", "nobody")
    assert service_account(system=True, user="").name == "nobody"
    assert service_account(system=True, user="daemon").name == "daemon"


def test_an_account_that_does_not_exist_is_said() -> None:
    with pytest.raises(ConfigError, match="--user no-such-account: there is no such account"):
        account_named("no-such-account")
    root = account_named("root")
    assert (root.uid, root.home) == (0, Path("/root"))
