"""`parley backend`: environments for back ends that need one of their own."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from parley import options

app = typer.Typer(help="Make environments for back ends that need their own.", no_args_is_help=True)


@app.command()
def install(
    name: Annotated[Literal["ipex"], typer.Argument(metavar="ipex", help="The back end.")],
    cpu: Annotated[
        bool, typer.Option("--cpu", help="Without a GPU, from PyPI alone: to try it out.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="FOLDER", help="Instead of a place in your data folder."),
    ] = None,
    python: Annotated[
        str,
        typer.Option("--python", metavar="PYTHON", help="The Python 3.11 or 3.10 to make it from."),
    ] = "",
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Make an environment with ipex-llm, and say which setting points to it."""
    from parley.commands.backend_work import install_backend
    from parley.runtime import run, started

    started(config, verbose=verbose, log_to_file=not verbose)
    run(install_backend(name, folder, python, cpu=cpu))
