"""`parley config`: the settings, documented."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Print all settings with what they mean.", no_args_is_help=True)

NAME = "config.example.toml"


@app.callback()
def _config() -> None:
    """Print all settings with what they mean."""


@app.command()
def example(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write here, not to standard output."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
) -> None:
    """Print every setting with its meaning and its default, to start a config.toml from."""
    from parley.output import opened

    with opened(output, force=force) as out:
        out.write(example_file().read_text(encoding="utf-8"))
    if output is not None:
        typer.echo(f"{output} has every setting with its default; keep what you change.")


def example_file() -> Path:
    """The documented settings: beside this package's modules where it was installed from a wheel
    (`setup.py` puts them there), else at the top of the checkout."""
    package = Path(__file__).parents[1]
    return package / NAME if (package / NAME).is_file() else package.parent / NAME
