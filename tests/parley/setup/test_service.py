"""The service is offered where this version can install one."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.checks import State
from bot.errors import ConfigError
from parley.setup import service
from parley.setup.answers import Answers
from tests.parley.setup import fake_service
from tests.parley.setup.script import session


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(service, "WORK", fake_service.__name__)
    fake_service.installed.clear()
    yield
    fake_service.fails.clear()
    fake_service.absent.clear()


async def test_a_service_is_installed_for_the_settings_that_were_written(tmp_path: Path) -> None:
    made, _, _ = session(tmp_path / "config.toml", ("as a service", True))
    assert await service.offer_service(made)
    assert fake_service.installed == [tmp_path / "config.toml"]


async def test_secrets_of_the_terminal_are_saved_for_it_if_that_is_wanted(tmp_path: Path) -> None:
    environment = {"PARLEY_DISCORD__TOKEN": "secret-token"}
    script = (("as a service", True), ("Save their values in secrets.toml", True))
    made, _, screen = session(tmp_path / "config.toml", *script, environment=environment)
    assert await service.offer_service(made)
    saved = tomllib.loads((tmp_path / "secrets.toml").read_text())
    assert saved == {"discord": {"token": "secret-token"}}
    assert "PARLEY_DISCORD__TOKEN" in screen.text
    assert "secret-token" not in screen.text


async def test_no_service_is_installed_unless_it_is_wanted(tmp_path: Path) -> None:
    made, _, screen = session(tmp_path / "config.toml", ("as a service", False))
    assert not await service.offer_service(made)
    made, asker, _ = session(tmp_path / "config.toml", answers=Answers(service=False))
    assert not await service.offer_service(made)
    assert (asker.asked, fake_service.installed) == ([], [])
    assert screen.of(State.SKIPPED) == ["No service. Install it later: parley service install"]


async def test_a_service_that_cannot_be_installed_is_shown_or_ends_a_script(
    tmp_path: Path,
) -> None:
    fake_service.fails.append("there is no systemd here")
    made, _, screen = session(tmp_path / "config.toml", ("as a service", True))
    assert not await service.offer_service(made)
    assert screen.of(State.FAILED) == ["there is no systemd here"]
    fake_service.fails.append("there is no systemd here")
    made, _, _ = session(tmp_path / "config.toml", answers=Answers(yes=True, service=True))
    with pytest.raises(ConfigError, match="no systemd"):
        await service.offer_service(made)


async def test_where_there_can_be_no_service_nothing_is_asked_and_the_way_on_is_shown(
    tmp_path: Path,
) -> None:
    fake_service.absent.append("systemd does not run here. Let the init start: parley run")
    made, asker, screen = session(tmp_path / "config.toml")
    assert not await service.offer_service(made)
    assert asker.asked == []
    (line,) = screen.of(State.SKIPPED)
    assert line.startswith("No service: systemd does not run here.")
    assert "parley run" in line


async def test_a_version_without_services_says_so_only_where_one_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "WORK", "parley.commands.no_such_module")
    made, asker, screen = session(tmp_path / "config.toml")
    assert not await service.offer_service(made)
    assert (asker.asked, screen.lines) == ([], [])
    made, _, screen = session(tmp_path / "config.toml", answers=Answers(service=True))
    assert not await service.offer_service(made)
    assert screen.of(State.WARNING) == ["This version cannot install a service."]
