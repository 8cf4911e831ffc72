"""`parley run`: answers on Discord and Slack."""

from pathlib import Path
from typing import Annotated

import typer

from parley import options


def serve(
    log_file: Annotated[
        Path | None,
        typer.Option(
            "--log-file",
            metavar="FILE",
            help="Write the log and errors into FILE (rotated), and nothing to the terminal.",
        ),
    ] = None,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Answer on every platform (Discord, Slack) that has a token, until Ctrl-C."""
    from parley.commands.serve_work import serve_platforms
    from parley.runtime import configure, errors_logged, run

    with errors_logged(log_file):
        settings = configure(config, verbose=verbose, log_to_file=log_file or False)
        run(serve_platforms(settings, log_only=log_file is not None))
