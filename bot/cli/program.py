"""The commands and their options. What they do is imported when they do it: help comes at once."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from bot.cli import options
from bot.cli.backend import app as backend
from bot.cli.doctor import doctor
from bot.cli.failures import explained
from bot.cli.model import app as model
from bot.cli.status import status

app = typer.Typer(
    name="parley",
    help="A chatbot whose model runs on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
history = typer.Typer(help="List, show, export and delete what is kept.", no_args_is_help=True)
app.add_typer(history, name="history")
app.add_typer(model, name="model")
app.add_typer(backend, name="backend")
app.command()(status)
app.command()(doctor)
discord = typer.Typer(help="Tell Discord the commands; invite Parley.", no_args_is_help=True)
app.add_typer(discord, name="discord")
slack = typer.Typer(help="Set up the app in Slack.", no_args_is_help=True)
app.add_typer(slack, name="slack")


def run_program() -> None:
    """Run the command line and end the process: 0 if all went well, 1 after one line that says
    what did not, 2 for a command line that makes no sense, 130 after Ctrl-C."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    with explained():
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


# ---------------------------------------------------------------- talking


@app.command()
def chat(
    conversation: options.Conversation = "terminal",
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Talk with the model. The conversation is remembered.

    Questions can also come from a pipe, a line each; the answers are plain text then.
    """
    from bot.cli.start import run, started
    from bot.cli.talk import chat

    settings = started(config, verbose=verbose, log_to_file=True)
    run(chat(settings, conversation))


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question; - reads it from standard input.")],
    conversation: Annotated[
        str | None,
        typer.Option(
            "--conversation",
            metavar="NAME",
            help="Remember question and answer in this conversation. Without it, nothing is kept.",
        ),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            "--system",
            metavar="TEXT",
            help="What the model is told first. With --conversation it stays so there.",
        ),
    ] = None,
    max_new_tokens: options.MaxNewTokens = None,
    temperature: options.Temperature = None,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Ask one question; the answer goes to standard output."""
    from bot.cli.start import run, started, with_generation
    from bot.cli.talk import ask

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    settings = with_generation(settings, max_new_tokens, temperature)
    run(ask(settings, question, conversation, system))


@app.command()
def complete(
    text: Annotated[
        str, typer.Argument(help=r"The text to go on with; \n is a line break, - standard input.")
    ],
    max_new_tokens: options.MaxNewTokens = None,
    temperature: options.Temperature = 0.0,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Let the model go on with a text, without any chat around it."""
    from bot.cli.start import run, started, with_generation
    from bot.cli.talk import complete

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    settings = with_generation(settings, max_new_tokens, temperature)
    run(complete(settings, text))


# ---------------------------------------------------------------- platforms


@app.command("run")
def run_(config: options.Config = None, verbose: options.Verbose = False) -> None:
    """Answer on Discord and Slack, wherever a token is set, until Ctrl-C."""
    from bot.cli.run import run_all
    from bot.cli.start import run, started

    run(run_all(started(config, verbose=verbose, log_to_file=False)))


@discord.command()
def sync(
    guild: Annotated[
        str,
        typer.Option("--guild", metavar="ID", help="Only in this server, where they show at once."),
    ] = "",
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Tell Discord which slash commands Parley has. Once, and after each update of Parley."""
    from bot.cli import discord
    from bot.cli.start import run, started

    run(discord.sync(started(config, verbose=verbose, log_to_file=False), guild))


@discord.command()
def invite(config: options.Config = None, verbose: options.Verbose = False) -> None:
    """Print the link that adds Parley to a server, with the rights that it needs."""
    from bot.cli import discord
    from bot.cli.start import run, started

    run(discord.invite(started(config, verbose=verbose, log_to_file=False)))


@slack.command()
def manifest(config: options.Config = None, verbose: options.Verbose = False) -> None:
    """Print the manifest from which Slack makes the app, with the rights that it needs.

    Paste it at https://api.slack.com/apps (Create New App, From a manifest).
    """
    from bot.cli import slack
    from bot.cli.start import started

    slack.manifest(started(config, verbose=verbose, log_to_file=False))


# ---------------------------------------------------------------- what is kept


@history.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """List the conversations, the last used first."""
    from bot.cli import archive
    from bot.cli.start import run, started

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(archive.list_conversations(settings, as_json=as_json))


@history.command()
def show(
    conversation: options.Kept, config: options.Config = None, verbose: options.Verbose = False
) -> None:
    """Show a conversation, what the model was made to forget included."""
    from bot.cli import archive
    from bot.cli.start import run, started

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(archive.show(settings, conversation))


@history.command()
def export(
    conversation: options.Kept,
    form: Annotated[
        Literal["json", "md"],
        typer.Option("--format", help="JSON, a line for each exchange, or Markdown."),
    ] = "json",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write here, not to standard output."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Write out a conversation, with answers that were regenerated and verdicts."""
    from bot.cli import archive
    from bot.cli.start import run, started

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(archive.export(settings, conversation, form, output, force=force))


@history.command()
def forget(
    conversation: Annotated[
        str | None, typer.Argument(metavar="[NAME|KEY]", help="The conversation to delete.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person", metavar="PERSON", help="Delete all of this person's, as in discord:1234."
        ),
    ] = None,
    yes: options.Yes = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Delete for good a conversation, or all questions of a person with their answers."""
    if (conversation is None) == (person is None):
        raise typer.BadParameter("name a conversation, or a person with --person")
    from bot.cli import archive
    from bot.cli.start import run, started

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(archive.forget(settings, conversation, person, yes=yes))


@history.command()
def purge(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Such as 12h, 30d or 8w.")
    ],
    yes: options.Yes = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Delete for good whatever was asked longer ago than this."""
    from bot.cli import archive
    from bot.cli.start import run, started

    age = archive.age(older_than)
    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(archive.purge(settings, age, yes=yes))
