"""Runs `parley setup` on the terminal, or without questions."""

import asyncio
import sys
from pathlib import Path

import typer
from rich.console import Console

from bot.errors import ConfigError, ParleyError
from bot.logs import set_up
from parley.commands.serve_work import serve_platforms
from parley.runtime import INTERRUPTED, configure, run
from parley.setup.answers import Answers
from parley.setup.asking import Asker, Defaults, Left
from parley.setup.terminal import TerminalAsker, TerminalScreen
from parley.setup.wizard import run_setup, stopped

NO_TERMINAL = (
    "standard input is no terminal, so nothing can be asked. Give the answers as options: parley "
    "setup --yes --model demo --discord-token-env NAME --slack-bot-token-env NAME "
    "--slack-app-token-env NAME --channel ID --no-service (parley setup --help explains them)."
)


def run_wizard(answers: Answers, config: Path | None, *, verbose: bool) -> None:
    """Set Parley up and, if that is wanted, answer until Ctrl-C. Raises ConfigError where somebody
    would have to be asked and nobody can be; exits with 130 after Ctrl-C."""
    if not answers.yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(NO_TERMINAL)
    set_up("debug" if verbose else "error")
    console = Console(highlight=False)
    asker: Asker = Defaults() if answers.yes else TerminalAsker(console)
    started: list[Path] = []

    async def work() -> None:
        try:
            session, start = await run_setup(asker, TerminalScreen(console), answers, config)
        except (Left, asyncio.CancelledError) as exc:
            typer.echo(f"\n{stopped(config)}", err=True)
            if isinstance(exc, Left):
                raise typer.Exit(INTERRUPTED) from None
            raise
        except ParleyError:
            if not answers.yes:
                typer.echo(stopped(config))
            raise
        started.extend([session.file] if start else [])

    run(work())
    for file in started:
        run(serve_platforms(configure(file, verbose=verbose, log_to_file=False)))
