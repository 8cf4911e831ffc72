"""Edits a TOML text: keys that change are set or added, and every other character stays.

tomlkit keeps comments, order and white space (https://tomlkit.readthedocs.io).
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from bot.config_errors import Keys
from bot.errors import ConfigError
from bot.url_passwords import has_password, without_passwords

Value = str | int | float | bool | list[str]
Changes = Mapping[Keys, Value]
"""New values by the place of their setting: ``{("model", "name"): "demo"}``."""

MADE_BY_SETUP = "# Written by `parley setup`"
"""How a file begins that the set-up wrote: it may be edited without showing a diff first."""

CONFIG_HEADER = f"""\
{MADE_BY_SETUP}, which can be run again at any time; you may edit it too.
# `parley config example` prints every setting with its default. Secrets are in secrets.toml.
"""
SECRETS_HEADER = f"""\
{MADE_BY_SETUP}: tokens and other secrets, for your eyes only (chmod 600).
# The tables are those of config.toml. Never show, commit or send this file.
"""


def edited(text: str, changes: Changes, header: str = "") -> str:
    """`text` with `changes`; `header` is put before an empty one. A key that has its value already
    is not touched. Raises ConfigError where a key stands in something that is no table."""
    document = _parsed(text or header)
    for keys, value in changes.items():
        table: Any = document
        for name in keys[:-1]:
            if name not in table:
                table[name] = tomlkit.table()
            table = table[name]
            if not isinstance(table, Mapping):
                raise ConfigError(f"[{'.'.join(keys[:-1])}] is no table; correct it by hand.")
        if keys[-1] not in table or _plain(table[keys[-1]]) != value:
            table[keys[-1]] = value
    return tomlkit.dumps(document)


def settings_in(text: str) -> dict[Keys, Any]:
    """All settings in `text` by their places. Raises ConfigError."""

    def inside(table: Mapping[str, Any], above: Keys) -> Iterator[tuple[Keys, Any]]:
        for name, value in table.items():
            if isinstance(value, Mapping):
                yield from inside(value, (*above, name))
            else:
                yield (*above, name), _plain(value)

    return dict(inside(_parsed(text), ()))


def addresses_in(text: str) -> dict[Keys, Any]:
    """Those settings in `text` that are addresses with a password. Raises ConfigError."""
    return {keys: value for keys, value in settings_in(text).items() if has_password(value)}


def without(text: str, settings: Iterable[Keys]) -> str:
    """`text` without these keys. Tables that become empty stay, with their comments."""
    document = _parsed(text)
    for keys in settings:
        table: Any = document
        for name in keys[:-1]:
            table = table.get(name, {})
        if isinstance(table, dict) and keys[-1] in table:
            del table[keys[-1]]
    return tomlkit.dumps(document)


def difference(before: str, after: str, name: str, hidden: Sequence[str] = ()) -> str:
    """A unified diff of both texts, in which each of `hidden`, and the passwords of addresses, are
    replaced by stars."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{name} (now)", f"{name} (then)", lineterm=""
    )
    text = without_passwords("\n".join(lines))
    for secret in hidden:
        text = text.replace(secret, "****") if secret else text
    return text


def made_by_setup(text: str) -> bool:
    """Whether the set-up wrote a file with this text, or would write it anew."""
    return not text.strip() or text.startswith(MADE_BY_SETUP)


def _parsed(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, ValueError) as exc:
        raise ConfigError(f"the file is not valid TOML: {exc}") from exc


def _plain(value: Any) -> Any:
    return value.unwrap() if hasattr(value, "unwrap") else value
