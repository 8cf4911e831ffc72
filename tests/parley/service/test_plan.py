"""What a service has to do, found in the settings."""

import os
import sys
from pathlib import Path

import pytest

from bot.errors import ConfigError
from parley.locks import instance_lock
from parley.service.plan import Account, _refuse_passing_installation, make_plan, passed_on

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders of Linux")

CONFIG = '[discord]\ntoken = "x"\n[storage]\nurl = "sqlite:///data/p.sqlite3"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a configuration, and a terminal without variables of Parley's."""
    for name in list(os.environ):
        if name.startswith(("PARLEY_", "XDG_", "HF_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


def me(home: Path, uid: int | None = None) -> Account:
    uid = os.getuid() if uid is None else uid
    return Account("ana", home, uid, os.getgid(), frozenset({os.getgid()}))


def test_it_starts_this_installation_with_that_file_and_may_write_its_folders(home: Path) -> None:
    plan = make_plan(None, me(home), own=True)
    config = str(home / "config.toml")
    assert plan.program == (sys.executable, "-P", "-m", "parley", "run", "--config", config)
    assert plan.writable == (
        home / "data",
        home / ".cache" / "parley",
        home / ".cache" / "neo_compiler_cache",
    )
    assert all(folder.is_dir() for folder in plan.writable)
    assert plan.notes == ()


def test_where_nothing_is_configured_nothing_is_planned(home: Path) -> None:
    (home / "config.toml").write_text('[storage]\nurl = "sqlite:///data/p.sqlite3"\n')
    with pytest.raises(ConfigError, match=r"config.toml: no platform is configured there"):
        make_plan(None, me(home), own=True)
    (home / "config.toml").unlink()
    with pytest.raises(ConfigError, match=r"there is none.*parley setup$"):
        make_plan(None, me(home), own=True)
    assert list(home.iterdir()) == []


def test_variables_of_the_terminal_do_not_count_and_are_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_DISCORD__TOKEN", "secret")
    monkeypatch.setenv("PARLEY_TEST_TIMEOUT_FACTOR", "1")
    plan = make_plan(None, me(home), own=True)
    assert plan.notes == (
        "The service does not see the variables of this terminal: PARLEY_DISCORD__TOKEN.",
    )
    (home / "config.toml").write_text("")
    with pytest.raises(ConfigError, match=r"does not see .* \(PARLEY_DISCORD__TOKEN\)") as caught:
        make_plan(None, me(home), own=True)
    assert "secret" not in str(caught.value)


def test_wrong_settings_are_found_before_the_service_fails_of_them(home: Path) -> None:
    (home / "config.toml").write_text(f"{CONFIG}[limits]\nqueue = 0\n")
    with pytest.raises(ConfigError, match=r"\[limits\] queue"):
        make_plan(None, me(home), own=True)


def test_folders_of_the_terminal_are_the_services(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "c"))
    plan = make_plan(None, me(home), own=True)
    assert home / "c" / "parley" in plan.writable
    assert plan.environment["XDG_CACHE_HOME"] == str(home / "c")


def test_another_accounts_service_has_that_accounts_folders(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "mine"))
    monkeypatch.setenv("HOME", "/nowhere")
    other = tmp_path / "other"
    plan = make_plan(home / "config.toml", me(other), own=False)
    assert other / ".cache" / "parley" in plan.writable
    assert "XDG_CACHE_HOME" not in plan.environment
    assert os.environ["XDG_CACHE_HOME"] == str(home / "mine")


def test_a_file_that_the_account_cannot_read_is_said(home: Path) -> None:
    (home / "config.toml").chmod(0o600)
    with pytest.raises(ConfigError, match=r"ana cannot read it.*chown ana .*config.toml$"):
        make_plan(None, me(home, uid=os.getuid() + 1), own=True)


def test_the_file_of_secrets_has_to_be_readable_too(home: Path) -> None:
    (home / "config.toml").chmod(0o644)
    (home / "secrets.toml").write_text("")
    (home / "secrets.toml").chmod(0o600)
    with pytest.raises(ConfigError, match=r"secrets.toml: ana cannot read it"):
        make_plan(None, me(home, uid=os.getuid() + 1), own=True)


def test_a_proxys_password_does_not_get_into_the_service() -> None:
    environment, lines = passed_on(
        {"HTTPS_PROXY": "http://me:secret@proxy:1", "NO_PROXY": "a", "OTHER": "b", "HF_HOME": "/m"}
    )
    assert environment == {
        "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", "NO_PROXY": "a", "HF_HOME": "/m"
    }  # fmt: skip
    (line,) = lines
    assert line.startswith("HTTPS_PROXY holds a password")
    assert "secret" not in line


def test_a_bot_that_runs_already_is_named(home: Path) -> None:
    from bot.config import load

    with instance_lock(load(home / "config.toml", {}), ["Discord"]):
        (note,) = make_plan(None, me(home), own=True).notes
    assert note.startswith(f"A parley run (process {os.getpid()}) serves Discord now.")


@pytest.mark.parametrize(
    "prefix",
    [
        "/home/a/.cache/uv/archive-v0/abc",
        "/x/environments-v2/y",
        "/home/a/.cache/pipx/1234",
        "/home/a/.local/share/pipx/.cache/1234",
    ],
)
def test_an_installation_that_may_vanish_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="pipx install parley-chat"):
        _refuse_passing_installation(Path(prefix))
    for lasting in (
        "/home/a/.local/pipx/venvs/parley-chat",
        "/home/a/.cache/pypoetry/virtualenvs/x",
    ):
        _refuse_passing_installation(Path(lasting))


def test_a_proxy_in_small_letters_is_passed_on_too() -> None:
    environment, lines = passed_on({"https_proxy": "http://proxy:1", "no_proxy": "localhost"})
    assert (environment["https_proxy"], environment["no_proxy"]) == ("http://proxy:1", "localhost")
    assert lines == ()
    environment, (line,) = passed_on({"https_proxy": "http://me:secret@proxy:1"})
    assert "https_proxy" not in environment
    assert line.startswith("https_proxy holds a password")
