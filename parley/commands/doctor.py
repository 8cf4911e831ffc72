"""`parley doctor`: whether everything is there, and what to do where it is not."""

from typing import Annotated

import typer

from parley import options


def doctor(
    selftest: Annotated[
        bool,
        typer.Option(
            "--selftest",
            help="Run the demo model on the chosen device, compare it with the CPU, measure it, "
            "and print a report to paste into an issue.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: options.Config = None,
) -> None:
    """Check Python, drivers, devices, back ends, the model, the database and the platforms.

    Ends with 1 where something that the settings ask for cannot work.
    """
    import asyncio

    if selftest:
        from parley.commands.doctor_selftest import run

        failed = asyncio.run(run(config, as_json=as_json))
    else:
        from parley.commands.doctor_report import check_up

        failed = asyncio.run(check_up(config, as_json=as_json))
    if failed:
        raise typer.Exit(1)
