"""`parley service`: the bot as a service of the operating system."""

from typing import Annotated

import typer

from parley import options

app = typer.Typer(
    help="Run the bot as a service: it starts with the machine and again after a failure.",
    no_args_is_help=True,
)

System = Annotated[
    bool,
    typer.Option("--system", help="The system's service (Linux), not that of your own account."),
]


@app.command()
def install(
    system: Annotated[
        bool,
        typer.Option(
            "--system",
            help="Install a service of the system (Linux; needs root), not of your own account.",
        ),
    ] = False,
    user: Annotated[
        str,
        typer.Option(
            "--user",
            metavar="NAME",
            help="The account as which a system service runs. Default: the one that called sudo.",
        ),
    ] = "",
    config: options.Config = None,
) -> None:
    """Install the service and start it. Run it again after changing --config or the installation.

    Linux: a unit of systemd. Windows: a scheduled task. The settings have to be in the file: a
    service does not see the variables of this terminal.
    """
    from parley.commands import service_work
    from parley.runtime import run

    run(service_work.install(config, system=system, user=user))


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    system: System = False,
) -> None:
    """Show whether the service runs, since when, how it ended last, and where its log is.

    The exit code is 1 if it does not run.
    """
    from parley.commands import service_work
    from parley.runtime import run

    run(service_work.status(system=system or None, as_json=as_json))


@app.command()
def logs(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on showing new lines, until Ctrl-C.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="N", min=0, help="How many lines to show.")
    ] = 100,
    system: System = False,
) -> None:
    """Show the service's log."""
    from parley.commands import service_work
    from parley.runtime import run

    run(service_work.logs(system=system or None, follow=follow, lines=lines))


@app.command()
def remove(yes: options.Yes = False, system: System = False) -> None:
    """Stop the service and delete its definition. Conversations, models and settings stay."""
    from parley.commands import service_work
    from parley.runtime import run

    run(service_work.remove(system=system or None, yes=yes))
