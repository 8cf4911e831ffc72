"""The app's manifest: the scopes, events and slash commands that the code uses, and no others.

Format: https://docs.slack.dev/reference/app-manifest.
"""

from typing import Any

JSON = dict[str, Any]

SCOPES = (  # of the bot token
    "app_mentions:read",  # app_mention
    "assistant:write",  # the agent view and its suggested prompts
    "channels:history",  # message.channels: threads without a mention, edits, deletions
    "groups:history",
    "im:history",
    "mpim:history",
    "chat:write",
    "chat:write.public",  # /ask in public channels that the bot has not joined
    "commands",
    "files:read",  # text files beside a question
    "files:write",  # a long answer as a file
    "users:read",  # names, and who is an admin
)

EVENTS = (
    "agent_session_stopped",
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "tokens_revoked",
)

COMMANDS: tuple[JSON, ...] = (
    {"command": "/ask", "description": "Ask the model a question", "usage_hint": "[question]"},
    {
        "command": "/stop",
        "description": "Stop my answers to you in this channel. Admins: everybody's",
        "usage_hint": "[all]",
    },
    {"command": "/reset", "description": "Restart this conversation (admins)"},
    {
        "command": "/parley",
        "description": "Status, privacy, settings, system prompt",
        "usage_hint": "help | status | privacy | forget me | settings | system | mute | unmute",
    },
)

PROMPTS = (
    {"title": "What can you do?", "message": "What can you do?"},
    {"title": "Explain something", "message": "Explain to me in three sentences what a GPU does."},
)
"""The suggested prompts of the app's agent view."""


def app_manifest(*, request_url: str = "", redirect_url: str = "") -> JSON:
    """The manifest as JSON: with `request_url` for HTTP mode, without it for Socket Mode.
    `redirect_url` is OAuth's, for an app that is installed in several workspaces."""
    url_field = {"request_url": request_url} if request_url else {}
    commands = [
        {**({"url": request_url} if request_url else {}), **command, "should_escape": True}
        for command in COMMANDS
    ]
    oauth: JSON = {"scopes": {"bot": list(SCOPES)}}
    if redirect_url:
        oauth["redirect_urls"] = [redirect_url]
    return {
        "display_information": {
            "name": "Parley",
            "description": "A chat model on your own machine",
        },
        "features": {
            "agent_view": {
                "agent_description": "Ask questions, and continue in threads.",
                "suggested_prompts": list(PROMPTS),
            },
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "parley", "always_online": True},
            "slash_commands": commands,
        },
        "oauth_config": oauth,
        "settings": {
            "event_subscriptions": {**url_field, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **url_field},
            "org_deploy_enabled": True,
            "socket_mode_enabled": not request_url,
            "token_rotation_enabled": False,
        },
    }
