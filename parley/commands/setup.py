"""`parley setup`: from nothing to a bot that answers."""

from typing import Annotated

import typer

from parley import options

_MODEL, _DISCORD, _SLACK, _END = "The model", "Discord", "Slack", "The end"
"""The panels of ``--help``, in the order of the steps."""

Yes = Annotated[
    bool,
    typer.Option(
        "--yes",
        "-y",
        help="Ask nothing: options and what is set already are the answers. For scripts.",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME",
        help="The model: a name at the Hugging Face Hub, a folder, “demo”, or “recommended”, the "
        "first one that “parley model recommend” names. It is downloaded if need be.",
        rich_help_panel=_MODEL,
    ),
]
Server = Annotated[
    str,
    typer.Option(
        "--server",
        metavar="URL",
        help="Use a model server instead, such as http://127.0.0.1:11434/v1 (Ollama).",
        rich_help_panel=_MODEL,
    ),
]
ServerModel = Annotated[
    str,
    typer.Option(
        "--server-model",
        metavar="NAME",
        help="The model of that server. Default: its first chat model.",
        rich_help_panel=_MODEL,
    ),
]
Discord = Annotated[
    bool | None,
    typer.Option(
        "--discord/--no-discord", help="Answer on Discord, or not.", rich_help_panel=_DISCORD
    ),
]
DiscordToken = Annotated[
    str,
    typer.Option(
        "--discord-token-env",
        metavar="NAME",
        help="The environment variable that holds the bot's token. The token is saved in the file "
        "of secrets.",
        rich_help_panel=_DISCORD,
    ),
]
MessageContent = Annotated[
    bool | None,
    typer.Option(
        "--message-content/--no-message-content",
        help="Use the Message Content intent, or do without.",
        rich_help_panel=_DISCORD,
    ),
]
Register = Annotated[
    bool | None,
    typer.Option(
        "--register/--no-register",
        help="Register the slash commands. Default: if Discord does not know them all.",
        rich_help_panel=_DISCORD,
    ),
]
Slack = Annotated[
    bool | None,
    typer.Option("--slack/--no-slack", help="Answer on Slack, or not.", rich_help_panel=_SLACK),
]
BotToken = Annotated[
    str,
    typer.Option(
        "--slack-bot-token-env",
        metavar="NAME",
        help="The environment variable that holds the bot token (xoxb-…).",
        rich_help_panel=_SLACK,
    ),
]
AppToken = Annotated[
    str,
    typer.Option(
        "--slack-app-token-env",
        metavar="NAME",
        help="The environment variable that holds the app-level token (xapp-…).",
        rich_help_panel=_SLACK,
    ),
]
Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channel",
        metavar="CHANNEL",
        help="Where the first message goes: an id, a link, or #name; discord:#name for one "
        "platform only. May be given several times.",
        rich_help_panel=_END,
    ),
]
Message = Annotated[
    bool | None,
    typer.Option(
        "--message/--no-message", help="Send a first message, or none.", rich_help_panel=_END
    ),
]
Web = Annotated[
    bool | None,
    typer.Option(
        "--web/--no-web",
        help="Serve the operator's page at 127.0.0.1:8600, or no page.",
        rich_help_panel=_END,
    ),
]
WebPassword = Annotated[
    str,
    typer.Option(
        "--web-password-env",
        metavar="NAME",
        help="The environment variable that holds the page's password. Its hash is saved in the "
        "file of secrets.",
        rich_help_panel=_END,
    ),
]
Service = Annotated[
    bool | None,
    typer.Option(
        "--service/--no-service",
        help="Install the service that starts with this machine.",
        rich_help_panel=_END,
    ),
]
Start = Annotated[
    bool | None,
    typer.Option("--run/--no-run", help="Start answering at the end.", rich_help_panel=_END),
]


def setup(
    yes: Yes = False,
    model: Model = "",
    server: Server = "",
    server_model: ServerModel = "",
    discord: Discord = None,
    discord_token_env: DiscordToken = "",
    message_content: MessageContent = None,
    register: Register = None,
    slack: Slack = None,
    slack_bot_token_env: BotToken = "",
    slack_app_token_env: AppToken = "",
    channel: Channels = None,
    message: Message = None,
    web: Web = None,
    web_password_env: WebPassword = "",
    service: Service = None,
    start: Start = None,
    config: options.Config = None,
    verbose: options.Verbose = False,
) -> None:
    """Set Parley up, step by step: model, Discord, Slack, first message, page, service.

    It can be run again at any time: what is set is shown and can be changed. Every question has an
    option, so that scripts can run it with --yes. Secrets are kept apart from config.toml, in a
    file that only you can read.
    """
    from parley.commands.setup_work import run_wizard
    from parley.setup.answers import Answers

    answers = Answers(
        yes, model, server, server_model, discord, slack, discord_token_env,
        slack_bot_token_env, slack_app_token_env, message_content, register,
        tuple(channel or ()), message, web, web_password_env, service, start,
    )  # fmt: skip
    run_wizard(answers, config, verbose=verbose)
