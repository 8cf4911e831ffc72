"""`parley setup`: from nothing to a bot that answers."""

from typing import Annotated

import typer

from parley import options

_ENV = "NAME"
_MODEL, _DISCORD, _SLACK, _END = "The model", "Discord", "Slack", "The end"


def setup(
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Ask nothing: options and what is set already are the answers. For scripts.",
        ),
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="NAME",
            help="The model: a name at the Hugging Face Hub, a folder, “demo”, or “recommended”, "
            "the first one that “parley model recommend” names. It is downloaded if need be.",
            rich_help_panel=_MODEL,
        ),
    ] = "",
    server: Annotated[
        str,
        typer.Option(
            "--server",
            metavar="URL",
            help="Use a model server instead, such as http://127.0.0.1:11434/v1 (Ollama).",
            rich_help_panel=_MODEL,
        ),
    ] = "",
    server_model: Annotated[
        str,
        typer.Option(
            "--server-model",
            metavar="NAME",
            help="The model of that server. Default: its first chat model.",
            rich_help_panel=_MODEL,
        ),
    ] = "",
    discord: Annotated[
        bool | None,
        typer.Option(
            "--discord/--no-discord", help="Answer on Discord, or not.", rich_help_panel=_DISCORD
        ),
    ] = None,
    discord_token_env: Annotated[
        str,
        typer.Option(
            "--discord-token-env",
            metavar=_ENV,
            help="The environment variable that holds the bot's token. It is saved in the file of "
            "secrets.",
            rich_help_panel=_DISCORD,
        ),
    ] = "",
    message_content: Annotated[
        bool | None,
        typer.Option(
            "--message-content/--no-message-content",
            help="Use the Message Content intent, or do without.",
            rich_help_panel=_DISCORD,
        ),
    ] = None,
    register: Annotated[
        bool | None,
        typer.Option(
            "--register/--no-register",
            help="Register the slash commands. Default: yes.",
            rich_help_panel=_DISCORD,
        ),
    ] = None,
    slack: Annotated[
        bool | None,
        typer.Option("--slack/--no-slack", help="Answer on Slack, or not.", rich_help_panel=_SLACK),
    ] = None,
    slack_bot_token_env: Annotated[
        str,
        typer.Option(
            "--slack-bot-token-env",
            metavar=_ENV,
            help="The environment variable that holds the bot token (xoxb-…).",
            rich_help_panel=_SLACK,
        ),
    ] = "",
    slack_app_token_env: Annotated[
        str,
        typer.Option(
            "--slack-app-token-env",
            metavar=_ENV,
            help="The environment variable that holds the app-level token (xapp-…).",
            rich_help_panel=_SLACK,
        ),
    ] = "",
    channel: Annotated[
        list[str] | None,
        typer.Option(
            "--channel",
            metavar="CHANNEL",
            help="Where the first message goes: an id, a link, or #name; discord:#name for one "
            "platform only. May be given several times.",
            rich_help_panel=_END,
        ),
    ] = None,
    message: Annotated[
        bool | None,
        typer.Option(
            "--message/--no-message", help="Send a first message, or none.", rich_help_panel=_END
        ),
    ] = None,
    service: Annotated[
        bool | None,
        typer.Option(
            "--service/--no-service",
            help="Install the service that starts with this machine.",
            rich_help_panel=_END,
        ),
    ] = None,
    start: Annotated[
        bool | None,
        typer.Option("--run/--no-run", help="Start answering at the end.", rich_help_panel=_END),
    ] = None,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Set Parley up, step by step: model, Discord, Slack, first message, service.

    It can be run again at any time: what is set is shown and can be changed. Every question has an
    option, so that scripts can run it with --yes. Secrets are kept apart from config.toml, in a
    file that only you can read.
    """
    from parley.commands.setup_work import run_wizard
    from parley.setup.answers import Answers

    answers = Answers(
        yes=yes,
        model=model,
        server=server,
        server_model=server_model,
        discord=discord,
        slack=slack,
        discord_token_env=discord_token_env,
        slack_bot_token_env=slack_bot_token_env,
        slack_app_token_env=slack_app_token_env,
        message_content=message_content,
        register=register,
        channels=tuple(channel or ()),
        message=message,
        service=service,
        run=start,
    )
    run_wizard(answers, config, verbose=verbose)
