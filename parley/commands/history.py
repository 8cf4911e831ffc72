"""`parley history`: the stored conversations."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from parley import options

app = typer.Typer(help="List, show, export and delete what is kept.", no_args_is_help=True)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """List the conversations, the last used first."""
    from parley.commands import history_work
    from parley.runtime import run, started

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(history_work.list_conversations(settings, as_json=as_json))


@app.command()
def show(
    conversation: options.Kept, config: options.Config = None, verbose: options.Verbose = False
) -> None:
    """Show a conversation, what the model was made to forget included."""
    from parley.commands import history_work
    from parley.runtime import run, started

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(history_work.show(settings, conversation))


@app.command()
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
    from parley.commands import history_work
    from parley.runtime import run, started

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(history_work.export(settings, conversation, form, output, force=force))


@app.command()
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
    from parley.commands import history_work
    from parley.runtime import run, started

    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(history_work.forget(settings, conversation, person, yes=yes))


@app.command()
def purge(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Such as 12h, 30d or 8w.")
    ],
    yes: options.Yes = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Delete for good whatever was asked longer ago than this."""
    from parley.commands import history_work
    from parley.runtime import run, started

    age = history_work.age(older_than)
    settings = started(config, verbose=verbose, log_to_file=not verbose)
    run(history_work.purge(settings, age, yes=yes))
