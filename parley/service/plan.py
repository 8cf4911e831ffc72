"""What a service of the operating system has to do: whose it is, what it starts, what it may write.

A service does not see the terminal's variables, so the settings are read without them: what would
fail in the service fails before it is installed.
"""

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

from bot.config import APP, ENV_PREFIX, Settings, load
from bot.database_url import sqlite_file
from bot.errors import ConfigError
from bot.files import make_private_folder
from parley.locks import running_instance
from parley.platforms import configured_platforms

FOLDERS = (
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME",
    "HF_HOME", "HF_HUB_CACHE",
)  # fmt: skip
"""Variables that say where things are: the service needs those of the terminal."""
NETWORK = (
    "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""Variables without which the network cannot be reached. A proxy's may hold a password. Small
letters are usual on Linux, and count first (https://docs.python.org/3/library/urllib.request.html).
"""
_FIXED = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
"""Lines are logged at once; and where a signal ends a stuck process, its stacks are logged."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the operating system as which the service runs."""

    name: str
    home: Path
    uid: int = -1
    """-1 where there are no numbers (Windows)."""
    gid: int = -1
    groups: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """A service, as any service manager needs it."""

    account: Account
    program: tuple[str, ...]
    """The command with its arguments; the first is an absolute path."""
    config: Path
    environment: Mapping[str, str]
    writable: tuple[Path, ...]
    """The folders in which it writes. They exist."""
    in_home: bool
    """Whether anything that it reads or writes is in somebody's home folder."""
    notes: tuple[str, ...]
    """What the operator should know, a line each."""


def make_plan(config: Path | None, account: Account, *, own: bool) -> Plan:
    """The service for these settings. `own`: the account is the one that runs this program, so the
    folders that the terminal's variables name are the service's, too.

    Creates the folders in which the service writes. Raises ConfigError where the settings are
    wrong without the terminal's variables, no platform is configured, or the account cannot read
    them; and where Parley is installed in a place that will not last.
    """
    _refuse_passing_installation(Path(sys.prefix))
    terminal = dict(os.environ)
    with _environment_of(account, own=own):
        settings = load(config, {})
        file = _configured(settings, terminal)
        writable = _writable(settings)
    for each in (file, settings.secrets_file):
        if each is not None:
            _require_readable(each, account)
    _make_folders(writable, account)
    environment, left_out = passed_on(terminal if own else {})
    return Plan(
        account=account,
        program=(sys.executable, "-P", "-m", "parley", "run", "--config", str(file)),
        config=file,
        environment=environment,
        writable=writable,
        in_home=_in_home([Path(sys.prefix), Path(sys.base_prefix), file, *writable]),
        notes=(*_notes(settings, terminal), *left_out),
    )


def passed_on(terminal: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variables of the service, and a line for each that is left out because it holds a
    password: others can read a service's definition."""
    found = {name: terminal[name] for name in (*FOLDERS, *NETWORK) if terminal.get(name)}
    private = [name for name, value in found.items() if name in NETWORK and "@" in value]
    lines = [
        f"{name} holds a password and is not passed on to the service. Where the proxy needs one, "
        "set it with: systemctl edit"
        for name in private
    ]
    kept = {name: value for name, value in found.items() if name not in private}
    return {**_FIXED, **kept}, tuple(lines)


# ---------------------------------------------------------------- what the settings say


def _configured(settings: Settings, terminal: Mapping[str, str]) -> Path:
    """The settings' file. Raises ConfigError where it configures no platform."""
    if settings.file is not None and any(configured_platforms(settings).values()):
        return settings.file
    here = ", ".join(_overrides(terminal))
    seen = f" A service does not see the variables of this terminal ({here})." if here else ""
    where = settings.file or "config.toml (there is none)"
    raise ConfigError(
        f"{where}: no platform is configured there, so a service would have nothing to do.{seen} "
        "Write the tokens into the file, or run: parley setup"
    )


def _notes(settings: Settings, terminal: Mapping[str, str]) -> Iterator[str]:
    """What differs between this terminal and the service."""
    if here := ", ".join(_overrides(terminal)):
        yield f"The service does not see the variables of this terminal: {here}."
    for name, on in configured_platforms(settings).items():
        other = running_instance(settings, name) if on else None
        if other is not None:
            yield (
                f"A parley run (process {other.pid or 'unknown'}) serves {name} now. End it, so "
                "that the service can: it tries again by itself."
            )


def _overrides(terminal: Mapping[str, str]) -> list[str]:
    return sorted(name for name in terminal if name.startswith(ENV_PREFIX) and "__" in name)


def _writable(settings: Settings) -> tuple[Path, ...]:
    """The database's folder, that of the lock files, converted models, and what Intel's driver
    compiles (https://github.com/intel/compute-runtime/blob/master/opencl/doc/FAQ.md)."""
    database = sqlite_file(settings.database_url)
    folders = [
        database.parent if database is not None else user_data_path(APP),
        settings.cache_folder,
        user_cache_path("neo_compiler_cache", appauthor=False),
    ]
    return tuple(dict.fromkeys(folder.absolute() for folder in folders))


def _in_home(paths: Collection[Path]) -> bool:
    homes = [Path("/home"), Path("/root"), Path("/run/user")]
    return any(path.absolute().is_relative_to(home) for path in paths for home in homes)


def _refuse_passing_installation(prefix: Path) -> None:
    """uvx and `pipx run` keep what they run in a cache, which is cleaned. Raises ConfigError."""
    of_uv = any(part.startswith(("archive-v", "environments-v")) for part in prefix.parts)
    if of_uv or {".cache", "pipx"} <= set(prefix.parts):
        raise ConfigError(
            f"Parley runs from a cache here ({prefix}), which may be cleaned any time. Install it "
            "first, for example with: pipx install parley-chat"
        )


# ---------------------------------------------------------------- the account


@contextmanager
def _environment_of(account: Account, *, own: bool) -> Iterator[None]:
    """Let folders be found as the account's own processes find them while the body runs."""
    if own:
        yield
        return
    before = dict(os.environ)
    try:
        for name in FOLDERS:
            os.environ.pop(name, None)
        os.environ["HOME"] = str(account.home)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _require_readable(file: Path, account: Account) -> None:
    if account.uid < 0:
        return
    found = file.stat()
    shift = 6 if found.st_uid == account.uid else 3 if found.st_gid in account.groups else 0
    if account.uid != 0 and not found.st_mode >> shift & 4:
        raise ConfigError(
            f"{file}: {account.name} cannot read it, and the service runs as {account.name}. End "
            f"that with: chown {account.name} {file}"
        )


def _make_folders(folders: Collection[Path], account: Account) -> None:
    """Create what is missing, as the account's own. Raises ConfigError."""
    for folder in folders:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            make_private_folder(folder)
            if account.uid >= 0 and os.geteuid() == 0:
                for path in missing:
                    os.chown(path, account.uid, account.gid)
        except OSError as exc:
            raise ConfigError(f"{folder} cannot be created: {exc.strerror}") from exc
