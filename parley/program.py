"""The command line: the table of commands, in the order of ``--help``, and the exit codes."""

import inspect
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer
import typer.core

from parley.commands import backend, config, discord, history, model, service, slack, web
from parley.commands.ask import ask
from parley.commands.bench import bench
from parley.commands.chat import chat
from parley.commands.complete import complete
from parley.commands.doctor import doctor
from parley.commands.health import health
from parley.commands.serve import serve
from parley.commands.setup import setup
from parley.commands.stats import stats
from parley.commands.status import status
from parley.failures import exit_on_error


class _InOrder(typer.core.TyperGroup):
    """Lists the commands in the order of `COMMANDS`; typer lists groups before commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)


COMMANDS: dict[str, Callable[..., None] | typer.Typer] = {
    "chat": chat,
    "run": serve,
    "setup": setup,
    "ask": ask,
    "complete": complete,
    "model": model.app,
    "config": config.app,
    "status": status,
    "stats": stats,
    "doctor": doctor,
    "bench": bench,
    "service": service.app,
    "history": history.app,
    "discord": discord.app,
    "slack": slack.app,
    "backend": backend.app,
    "web": web.app,
    "health": health,
}
"""Every command and command group by its name, the most used first."""


app = typer.Typer(
    name="parley",
    cls=_InOrder,
    help="A self-hosted chatbot for Discord, Slack and the terminal, with a local chat model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _command in COMMANDS.items():
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name)
    else:
        app.command(_name)(_command)


def _in_paragraphs(commands: typer.Typer) -> None:
    """Let the help of all commands be broken where the terminal ends: typer breaks it where lines
    of the docstring end, too."""
    for command in commands.registered_commands:
        text = command.help or inspect.getdoc(command.callback) or ""
        command.help = "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _in_paragraphs(group.typer_instance)


_in_paragraphs(app)


def run_program() -> None:
    """Run the command line and exit: 0 for success, 1 after an error that was printed on stderr,
    2 for a wrong command line, 130 after Ctrl-C, 143 after SIGTERM."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    with exit_on_error():
        app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"Parley {version('parley-chat')}")
        raise typer.Exit


@app.callback()
def _parley(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None: ...
