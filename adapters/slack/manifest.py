"""The app's manifest: the scopes, events and slash commands that the code uses, and no others.

Format: https://docs.slack.dev/reference/app-manifest.
"""

from collections.abc import Collection
from typing import Any

JSON = dict[str, Any]

SCOPES: dict[str, str] = {
    "app_mentions:read": "mentions in channels may not reach Parley",
    "assistant:write": "the agent view has no suggested prompts and no stop button of its own",
    "channels:history": "in public channels no threads without a mention, edits and deletions, and "
    "nothing of what people say around a question",
    "groups:history": "in private channels no threads without a mention, edits and deletions, and "
    "nothing of what people say around a question",
    "im:history": "no direct messages",
    "mpim:history": "in group messages no threads without a mention, edits and deletions, and "
    "nothing of what people say around a question",
    "channels:read": "system prompts do not know the names and topics of public channels",
    "groups:read": "system prompts do not know the names and topics of private channels",
    "chat:write": "no answers",
    "chat:write.public": "/ask only in channels that Parley has joined",
    "commands": "no slash commands",
    "files:read": "text files beside a question are not read",
    "files:write": "long answers do not come as a file too",
    "users:read": "people have no names, and nobody is an admin by Slack's own rights",
}
"""The scopes of the bot token, each with what is missing without it."""

_HEARING = (
    "app_mentions:read", "channels:history", "commands", "groups:history", "im:history",
    "mpim:history",
)  # fmt: skip
"""The scopes by which a question can reach the app: one of them is enough."""


def missing_scopes(granted: Collection[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The scopes that `granted` lacks: those without which Parley can answer nobody, in words, and
    the others, each with what is missing without it."""
    missing = {scope: effect for scope, effect in SCOPES.items() if scope not in granted}
    needed = ["chat:write"] if missing.pop("chat:write", None) else []
    if not set(_HEARING) & set(granted):
        needed.append(f"one of {', '.join(_HEARING)}")
    return tuple(needed), missing


EVENTS = (
    "agent_session_stopped",
    "app_context_changed",
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
        "description": "Summaries, status, privacy, settings",
        "usage_hint": "help | summarize | status | privacy | export me | forget me | settings",
    },
)

SHORTCUTS: tuple[JSON, ...] = (
    {
        "name": "Ask Parley about this",
        "type": "message",
        "callback_id": "parley_ask_about",
        "description": "Ask the model about a message",
    },
    {
        "name": "Summarize this thread",
        "type": "message",
        "callback_id": "parley_summarize_thread",
        "description": "What was said in it, for you alone",
    },
)
"""In the menu of each message."""

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
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "parley", "always_online": True},
            "shortcuts": list(SHORTCUTS),
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
