"""`parley slack`: what is done with Slack once."""

import json

import typer

from adapters.slack import app_manifest
from adapters.slack.transports import EVENTS_PATH, REDIRECT_PATH
from bot.config import Settings
from bot.errors import ConfigError


def manifest(settings: Settings) -> None:
    """Print the app's manifest, which is JSON. Raises ConfigError where the way in needs an
    address and none is set."""
    slack = settings.slack
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
