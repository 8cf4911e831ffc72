"""Stand-ins for the programs that manage services, which write down how they were called.

They are shell scripts at the front of PATH. A file in their folder changes what they do: `NAME.out`
is what the program prints, `NAME WORD.fails` makes it fail when `WORD` is among its arguments (a
slash is written as ``_``).
"""

import os
import sys
from pathlib import Path

import pytest

NAMES = ("systemctl", "systemd-run", "loginctl", "journalctl", "schtasks", "powershell")
_SCRIPT = """\
#!/bin/sh
printf '%s' {name} >> "{folder}/calls"
for word in "$@"; do printf '|%s' "$word" >> "{folder}/calls"; done
printf '\\n' >> "{folder}/calls"
for word in "$@"; do
    fails="{folder}/{name} $(printf '%s' "$word" | tr / _).fails"
    [ ! -e "$fails" ] || {{ cat "$fails" >&2; exit 1; }}
done
[ ! -e "{folder}/{name}.out" ] || cat "{folder}/{name}.out"
"""


class FakePrograms:
    """The stand-ins, and what they were called with."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder / "fake programs"
        self._folder.mkdir()
        for name in NAMES:
            file = self._folder / name
            file.write_text(_SCRIPT.format(name=name, folder=self._folder))
            file.chmod(0o755)
        monkeypatch.setenv("PATH", os.pathsep.join([str(self._folder), os.environ["PATH"]]))

    @property
    def calls(self) -> list[str]:
        """Every call in order, its words separated by ``|``."""
        file = self._folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def prints(self, name: str, text: str) -> None:
        """From now on the program `name` prints `text`."""
        (self._folder / f"{name}.out").write_text(text)

    def fails(self, name: str, word: str, reason: str) -> None:
        """From now on the program `name` fails where `word` is one of its arguments."""
        (self._folder / f"{name} {word.replace('/', '_')}.fails").write_text(f"{reason}\n")


posix_only = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")
