"""`parley discord`: setting the bot up on Discord."""

import re
from typing import Annotated

import typer

from parley import options

app = typer.Typer(
    help="Set up Discord: register the slash commands, print the invitation link.",
    no_args_is_help=True,
)


@app.command()
def sync(
    guild: Annotated[
        str,
        typer.Option(
            "--guild",
            metavar="ID",
            help="Register them in this server only, where they appear at once.",
        ),
    ] = "",
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Register the slash commands with Discord: once, and after each update of Parley."""
    if guild and not re.fullmatch("[0-9]{1,20}", guild):
        raise typer.BadParameter(f"{guild!r} is not a server id; an id is a number")
    from adapters.discord.registration import sync_commands
    from parley.runtime import configure, run

    async def work() -> None:
        count = await sync_commands(settings, guild)
        where = f"in server {guild}" if guild else "in all servers"
        typer.echo(f"{count} slash commands are registered {where}.")

    settings = configure(config, verbose=verbose, log_to_file=False)
    run(work())


@app.command()
def invite(config: options.Config = None, verbose: options.Verbose = False) -> None:
    """Print the link that adds the bot to a server, with the permissions that it needs."""
    from adapters.discord.registration import invite_link
    from parley.runtime import configure, run

    async def work() -> None:
        typer.echo(await invite_link(settings))

    settings = configure(config, verbose=verbose, log_to_file=False)
    run(work())
