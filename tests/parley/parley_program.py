"""Runs the program as a process, with the scripted backend and a folder of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.limits import seconds
from tests.terminal import TerminalProgram

SCRIPT = "One two three four five six seven eight nine ten."
MAIN = (sys.executable, "-c", "from parley import main; main()")
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Program:
    """The command `parley` in an isolated environment."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.folder / "data" / "parley.sqlite3"

    @property
    def log(self) -> Path:
        return self.folder / "state" / "parley" / "log" / "parley.log"

    @property
    def environment(self) -> dict[str, str]:
        """All environment variables: the machine's settings and folders are not visible."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        return {
            **kept,
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUTF8": "1",
            "PARLEY_STORAGE__URL": f"sqlite:///{self.database}",
            "PARLEY_MODEL__BACKEND": "scripted",
            "PARLEY_MODEL__SCRIPTED__TEXT": SCRIPT,
            "PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND": "200",
            **self.settings,
        }

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run it to its end with pipes; `typed` is its standard input."""
        return subprocess.run(
            [*MAIN, *arguments],
            input=typed,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.folder,
            timeout=seconds(120),
            check=False,
        )

    def in_terminal(
        self, *arguments: str, columns: int = 80, lines: int = 24, **variables: str
    ) -> TerminalProgram:
        """Start it in an emulated terminal."""
        environment = {**self.environment, **variables}
        return TerminalProgram([*MAIN, *arguments], environment, columns=columns, lines=lines)
