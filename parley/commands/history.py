"""`parley history`: the stored conversations."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from parley import options

app = typer.Typer(help="List, show, export and delete stored conversations.", no_args_is_help=True)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """List the stored conversations, the most recently used first."""
    from parley.commands import history_work
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    run(history_work.list_conversations(settings, as_json=as_json))


@app.command()
def show(
    conversation: options.StoredConversation,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Show a conversation, including what was asked before a /reset."""
    from parley.commands import history_work
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    run(history_work.show(settings, conversation))


@app.command()
def export(
    conversation: Annotated[
        str | None, typer.Argument(metavar="[NAME|KEY]", help="The conversation to export.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="PERSON",
            help="Export all that is stored of this person, such as discord:1234, for them: JSON.",
        ),
    ] = None,
    form: Annotated[
        Literal["json", "md"],
        typer.Option("--format", help="json: one JSON object per line and exchange. md: Markdown."),
    ] = "json",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write. Default: standard output."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite FILE if it exists already.")
    ] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Export a conversation, or one person's data; as JSON with replaced answers (regenerate) and
    ratings."""
    if (conversation is None) == (person is None):
        raise typer.BadParameter("name either a conversation, or a person with --person")
    if person is not None and form == "md":
        raise typer.BadParameter("a person's data is exported as JSON only")
    from parley.commands import history_work
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    if person is not None:
        run(history_work.export_person(settings, person, output, force=force))
    else:
        run(history_work.export(settings, conversation or "", form, output, force=force))


@app.command()
def forget(
    conversation: Annotated[
        str | None, typer.Argument(metavar="[NAME|KEY]", help="The conversation to delete.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="PERSON",
            help="Delete everything that this person asked, such as discord:1234.",
        ),
    ] = None,
    yes: options.Yes = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Delete a conversation, or all questions of one person with their answers, permanently."""
    if (conversation is None) == (person is None):
        raise typer.BadParameter("name either a conversation, or a person with --person")
    from parley.commands import history_work
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    run(history_work.forget(settings, conversation, person, yes=yes))


@app.command()
def purge(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="AGE", help="Hours, days or weeks, such as 12h, 30d or 8w."
        ),
    ],
    yes: options.Yes = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Delete all questions older than AGE, with their answers, permanently."""
    from parley.commands import history_work
    from parley.runtime import configure, run

    age = history_work.parse_age(older_than)
    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    run(history_work.purge(settings, age, yes=yes))
