"""`parley slack`: what is done with Slack once: the app's manifest."""

import json

import typer

from bot.errors import ConfigError
from parley import options

app = typer.Typer(help="Set up the app in Slack.", no_args_is_help=True)


@app.callback()
def _slack() -> None:
    """Set up the app in Slack."""


@app.command()
def manifest(config: options.Config = None, verbose: options.Verbose = False) -> None:
    """Print the manifest from which Slack makes the app, with the scopes that it needs.

    Paste it at https://api.slack.com/apps (Create New App, From a manifest).
    """
    from adapters.slack.manifest import app_manifest
    from adapters.slack.transports import EVENTS_PATH, REDIRECT_PATH
    from parley.runtime import started

    slack = started(config, verbose=verbose, log_to_file=False).slack
    http = slack.mode == "http"
    if (http or slack.client_id) and not slack.public_url:
        raise ConfigError(
            "[slack] public_url is not set, and Slack has to know where to send people and events. "
            'Set it to the address of the proxy before Parley, such as "https://parley.example.org".'
        )
    made = app_manifest(
        request_url=f"{slack.public_url}{EVENTS_PATH}" if http else "",
        redirect_url=f"{slack.public_url}{REDIRECT_PATH}" if slack.client_id else "",
    )
    typer.echo(json.dumps(made, indent=2, ensure_ascii=False))
