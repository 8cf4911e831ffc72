"""`parley web`: logging in to the web server of a running Parley."""

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
def password(config: options.Config = None) -> None:
    """Ask for a password, and print its hash for the settings."""
    from parley.commands.web_work import print_hash

    print_hash(config)
