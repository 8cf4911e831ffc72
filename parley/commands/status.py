"""`parley status`: what is set up, what would run the model and why, and what runs now."""

from typing import Annotated

import typer

from parley import options


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: options.Config = None,
) -> None:
    """Say what is set up, which back end runs the model and why, and whether Parley runs now.

    Loads no model and changes nothing. “parley doctor” examines whether all of it can work.
    """
    import asyncio

    from parley.commands.status_report import show_standing

    asyncio.run(show_standing(config, as_json=as_json))
