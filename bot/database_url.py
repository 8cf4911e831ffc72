"""Addresses of SQLite files: ``sqlite:///`` and a path, as it is.

SQLAlchemy's own parser would take what follows a ``?`` in the path for options. The path here is
never encoded or decoded, so every character that a file system allows stands for itself.
"""

import re
from pathlib import Path

_SQLITE = re.compile(r"sqlite(\+\w+)?:///")
_OPTIONS = re.compile(
    r"\?(cache|cached_statements|check_same_thread|detect_types|immutable|isolation_level|mode|nolock"
    r"|psow|timeout|uri|vfs)=[^/\\]*$"
)


def sqlite_url(file: Path) -> str:
    """The address of the SQLite database in `file`."""
    return f"sqlite:///{file}"


def sqlite_file(url: str) -> Path | None:
    """The file that `url` names; None where it is not the address of an SQLite file: it names
    another database, no path, ``:memory:``, or SQLAlchemy's options (``?mode=ro``) at its end."""
    scheme = _SQLITE.match(url)
    path = url[scheme.end() :] if scheme else ""
    return None if path in ("", ":memory:") or _OPTIONS.search(path) else Path(path)
