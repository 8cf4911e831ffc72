"""`parley status`: the configuration in effect, and what is running."""

from typing import Annotated

import typer

from parley import options


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    config: options.Config = None,
) -> None:
    """Show the configuration in effect, the backend with the reason for it, and what is running.

    Loads no model and changes nothing; a running Parley is asked through its web server, if that
    is on. “parley doctor” checks whether it works.
    """
    from parley.commands.status_report import report_status
    from parley.runtime import run

    run(report_status(config, as_json=as_json))
