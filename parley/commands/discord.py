"""`parley discord`: what is done with Discord once: register the slash commands, invite the bot."""

import re
from typing import Annotated

import typer

from parley import options

app = typer.Typer(
    help="Register the slash commands with Discord; invite Parley.", no_args_is_help=True
)


@app.command()
def sync(
    guild: Annotated[
        str,
        typer.Option("--guild", metavar="ID", help="Only in this server, where they show at once."),
    ] = "",
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Tell Discord which slash commands Parley has. Once, and after each update of Parley."""
    if guild and not re.fullmatch("[0-9]{1,20}", guild):
        raise typer.BadParameter(f"{guild!r} is no server's id; that is a number")
    from adapters.discord.registration import sync_commands
    from parley.runtime import run, started

    async def work() -> None:
        count = await sync_commands(settings, guild)
        where = f"in server {guild}" if guild else "everywhere"
        typer.echo(f"Discord knows {count} commands of Parley {where} now.")

    settings = started(config, verbose=verbose, log_to_file=False)
    run(work())


@app.command()
def invite(config: options.Config = None, verbose: options.Verbose = False) -> None:
    """Print the link that adds Parley to a server, with the permissions that it needs."""
    from adapters.discord.registration import invite_link
    from parley.runtime import run, started

    async def work() -> None:
        typer.echo(await invite_link(settings))

    settings = started(config, verbose=verbose, log_to_file=False)
    run(work())
