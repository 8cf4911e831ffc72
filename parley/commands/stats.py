"""`parley stats`: who used how much, and how people rated the answers."""

from typing import Annotated

import typer

from parley import options


def stats(
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=3650, help="The days to sum up.")
    ] = 30,
    conversation: Annotated[
        str | None,
        typer.Option(
            "--conversation",
            metavar="NAME|KEY",
            help="Only this conversation, with the threads of a channel.",
        ),
    ] = None,
    quality: Annotated[
        bool,
        typer.Option(
            "--quality", help="List the answers that people rated as bad, with their prompts."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Show answers, tokens, times and ratings by day, place and person."""
    from parley.commands import stats_work
    from parley.runtime import configure, run

    settings = configure(config, verbose=verbose, log_to_file=not verbose)
    if quality:
        run(stats_work.show_quality(settings, as_json=as_json))
    else:
        run(stats_work.show_use(settings, days, conversation, as_json=as_json))
