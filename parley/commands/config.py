"""`parley config`: prints the documented settings."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Print the documented settings.", no_args_is_help=True)

NAME = "config.example.toml"


@app.callback()
def _config() -> None:
    """Print the documented settings."""


@app.command()
def example(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write. Default: standard output."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE if it exists.")] = False,
) -> None:
    """Print every setting with its default and an explanation, as a start for config.toml."""
    from parley.output import open_output

    with open_output(output, force=force) as out:
        out.write(example_file().read_text(encoding="utf-8"))
    if output is not None:
        typer.echo(f"{output} documents every setting with its default; keep what you change.")


def example_file() -> Path:
    """The file of the documented settings: inside this package where it was installed from a wheel
    (`setup.py` copies it there), otherwise in the root of the checkout."""
    package = Path(__file__).parents[1]
    return package / NAME if (package / NAME).is_file() else package.parent / NAME
