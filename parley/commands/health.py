"""`parley health`: whether the running bot is well."""

from typing import Annotated

import typer

from parley import options


def health(
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Only whether it runs and is not stuck, whether it is connected or not yet.",
        ),
    ] = False,
    config: options.Config = None,
) -> None:
    """Say whether “parley run” answers on every configured platform; the exit code is 1 if not.

    For the health checks of containers. It reads the files that the running process keeps beside
    the database: it loads nothing, and contacts nobody.
    """
    from parley.commands.health_work import report_health

    report_health(config, live=live)
