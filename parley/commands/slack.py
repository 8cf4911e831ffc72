"""`parley slack`: setting the app up on Slack."""

import json

import typer

from bot.errors import ConfigError
from parley import options

app = typer.Typer(help="Set up Slack: print the app manifest.", no_args_is_help=True)


@app.command()
def manifest(config: options.Config = None, verbose: options.Verbose = False) -> None:
    """Print the app manifest (JSON), with the scopes and events that Parley needs.

    Paste it at https://api.slack.com/apps: Create New App, From a manifest.
    """
    from adapters.slack.manifest import app_manifest
    from adapters.slack.transports import EVENTS_PATH, REDIRECT_PATH
    from parley.runtime import configure

    slack = configure(config, verbose=verbose, log_to_file=False).slack
    http = slack.mode == "http"
    if (http or slack.client_id) and not slack.public_url:
        raise ConfigError(
            "[slack] public_url is not set, but Slack needs the address to send events and people "
            "to. Set it to the public address of the proxy in front of Parley, such as "
            '"https://parley.example.org".'
        )
    made = app_manifest(
        request_url=f"{slack.public_url}{EVENTS_PATH}" if http else "",
        redirect_url=f"{slack.public_url}{REDIRECT_PATH}" if slack.client_id else "",
    )
    typer.echo(json.dumps(made, indent=2, ensure_ascii=False))
