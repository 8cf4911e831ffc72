"""`parley web`: logging in to the web server of a running Parley."""

from typing import Annotated

import typer

from parley import options

app = typer.Typer(no_args_is_help=True, help="Log in to the web server of a running Parley.")


@app.command("link")
def link(config: options.Config = None) -> None:
    """Print an address that logs in once, within five minutes."""
    from parley.commands.web_work import print_link
    from parley.runtime import run

    run(print_link(config))


@app.command("password")
def password(
    only_print: Annotated[
        bool, typer.Option("--print", help="Print it as an environment variable instead.")
    ] = False,
    config: options.Config = None,
) -> None:
    """Ask for a password, and save its hash in the file of secrets beside the settings."""
    from parley.commands.web_work import set_password

    set_password(config, only_print=only_print)
