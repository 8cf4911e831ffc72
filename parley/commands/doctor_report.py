"""How `parley doctor` prints its findings: the checks as rows, the self-test as Markdown."""

import json
import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.checks import Result, State
from bot.config import load
from bot.errors import ConfigError
from parley.doctor.checkup import Findings, run_checks
from parley.doctor.selftest import SelfTest, run_selftest
from parley.runtime import INTERRUPTED
from parley.setup.asking import Asker, Defaults, Left
from parley.setup.mends import mend_all
from parley.setup.terminal import SIGNS, TerminalAsker, TerminalScreen

PUBLIC_AREAS = ("Python", "Intel GPU", "Backends", "Devices")
"""Areas of checks that the self-test's report includes: nothing in them is private."""


_WIDTHS = (1, 10, 24)
"""Characters of the columns sign, area and what was checked. The last column takes the rest."""


async def report_checks(config: Path | None, *, as_json: bool) -> None:
    """Run all checks and print them, as text each one as soon as its result is known. Exits with
    code 1 where at least one failed."""
    results = await run_checks(config, Findings() if as_json else PrintedFindings())
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False))
    if any(result.state is State.FAILED for result in results):
        raise typer.Exit(1)


async def fix_and_report(config: Path | None, *, yes: bool) -> None:
    """Run all checks and print them, offer to put right what can be, and if anything was, check
    again. Exits with code 1 where at least one check failed at the end, and with 130 after Ctrl-C
    at a question. Raises ConfigError where nobody can be asked."""
    if not yes and not sys.stdin.isatty():
        raise ConfigError(
            "standard input is no terminal, so you cannot be asked; add --yes to put everything "
            "right without questions"
        )
    results = await run_checks(config, PrintedFindings())
    console = Console(highlight=False)
    screen = TerminalScreen(console)
    screen.heading("What can be put right")
    try:
        asker: Asker = Defaults() if yes else TerminalAsker(console)
        found = await mend_all(asker, screen, config)
    except Left:
        raise typer.Exit(INTERRUPTED) from None
    if found.done:
        results = await run_checks(config, PrintedFindings())
    elif not found.offered:
        screen.say("Nothing: the remedies above are yours to carry out.")
    if any(result.state is State.FAILED for result in results):
        raise typer.Exit(1)


class PrintedFindings(Findings):
    """Prints each result when it is added. If standard error is a terminal, a line there says
    meanwhile what is being checked."""

    def __init__(self) -> None:
        super().__init__()
        self._console = Console(highlight=False)
        stderr = Console(stderr=True)
        drawable = stderr.is_terminal and not stderr.is_dumb_terminal
        self._status = stderr.status("", spinner_style="dim") if drawable else None

    @contextmanager
    def running(self, what: str) -> Iterator[None]:
        """Show `what` on the terminal while the body runs."""
        if self._status is None:
            yield
            return
        self._status.update(Text(f"{what} …", style="dim"))
        self._status.start()
        try:
            yield
        finally:
            self._status.stop()

    def add(self, results: Iterable[Result]) -> None:
        """Print `results`; the name of an area only at its first result."""
        for result in results:
            previous = self.results[-1].area if self.results else ""
            _print_result(result, self._console, with_area=result.area != previous)
            self.results.append(result)


def _print_result(result: Result, console: Console, *, with_area: bool) -> None:
    """One row: sign, area, what was checked, what was found, and below it the remedy."""
    sign, style = SIGNS[result.state]
    text = Text(result.detail, style="dim" if result.state is State.SKIPPED else "")
    if result.remedy:
        text.append(f"\n→ {result.remedy}", style="bold")
    table = Table("", "", "", "", box=None, pad_edge=False, show_header=False)
    for column, width in zip(table.columns, _WIDTHS, strict=False):
        column.width = width
    for column in table.columns:
        column.overflow = "fold"
    area = Text(result.area if with_area else "", style="bold")
    table.add_row(Text(sign, style=style), area, Text(result.what), text)
    console.print(table)
    console.file.flush()


async def report_selftest(config: Path | None, *, as_json: bool) -> None:
    """Run the self-test and print it. Exits with code 1 where the device's results differ from
    the CPU's. Raises ParleyError where the test cannot be run."""
    settings = load(config)
    console = Console(stderr=True)
    with console.status("Running the demo model …") if console.is_terminal else console:
        found = await run_selftest(settings)
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"passed": found.passed}, indent=2))
    else:
        checks = [each for each in await run_checks(config) if each.area in PUBLIC_AREAS]
        typer.echo(_as_markdown(found, checks))
    if not found.passed:
        raise typer.Exit(1)


def _as_markdown(found: SelfTest, checks: list[Result]) -> str:
    """One code block, to be pasted into an issue. Contains no path and no private setting."""
    sign = SIGNS[State.OK if found.passed else State.FAILED][0]
    speed = f"{found.tokens_per_second:.1f} tokens/s"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    logits = (
        f"the most likely token is the CPU's at {found.same_positions} of {found.positions} "
        f"positions; largest difference {found.largest:.4f}, smallest cosine {found.similarity:.6f}"
    )
    tokens = (
        f"{found.same_tokens} of {found.tokens} are the CPU's choice; the others are at most "
        f"{found.worst_gap:.4f} logits less likely"
    )
    chosen = f" (auto: {found.reason})" if found.reason else ""
    lines = [
        "```text",
        f"Parley {version('parley-chat')} self-test {sign}",
        f"machine      {system}, Python {platform.python_version()}",
        f"backend     {found.backend}, {found.low_bit}, {found.device}{chosen}",
        f"loading      {found.load_seconds:.1f} s",
        f"first token  {found.first_token_seconds * 1000:.0f} ms",
        f"speed        {speed} (demo model, one answer at a time)",
        f"logits       {logits}",
        f"tokens       {tokens}",
        *(f"{SIGNS[check.state][0]} {check.what}: {check.detail}" for check in checks),
        "```",
    ]
    return "\n".join(lines)
