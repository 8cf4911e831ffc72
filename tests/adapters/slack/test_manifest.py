"""The manifest asks for exactly what the code uses."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import adapters.slack as package
from adapters.slack.manifest import COMMANDS, EVENTS, SCOPES, SHORTCUTS, app_manifest
from adapters.slack.rendering import ACTION_IDS
from adapters.slack.shortcuts import ASK, SUMMARIZE
from tests.slack_loopback.api import METHODS

# From Slack's reference: the scopes that each method and each event needs. A call is found as a
# string literal that is a method's name; an event is one that a listener is registered for.
METHOD_SCOPES: dict[str, set[str]] = {
    "apps.connections.open": set(),  # needs the app-level token
    "auth.test": set(),
    "views.open": set(),
    "views.publish": set(),
    "users.info": {"users:read"},
    "chat.postMessage": {"chat:write", "chat:write.public"},
    "chat.postEphemeral": {"chat:write"},
    "chat.update": {"chat:write"},
    "chat.delete": {"chat:write"},
    "chat.startStream": {"chat:write"},
    "chat.appendStream": {"chat:write"},
    "chat.stopStream": {"chat:write"},
    "agents.sessions.setStatus": {"chat:write"},
    "assistant.threads.setStatus": {"chat:write"},
    "assistant.threads.setSuggestedPrompts": {"assistant:write"},
    "assistant.threads.setTitle": {"assistant:write"},
    "conversations.info": {"channels:read", "groups:read"},
    "conversations.history": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "conversations.replies": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "files.getUploadURLExternal": {"files:write"},
    "files.completeUploadExternal": {"files:write"},
    "files.delete": {"files:write"},
    "url_private_download": {"files:read"},
}
EVENT_SCOPES: dict[str, set[str]] = {
    "agent_session_stopped": {"assistant:write"},
    "app_context_changed": {"assistant:write"},
    "app_home_opened": set(),
    "app_mention": {"app_mentions:read"},
    "app_uninstalled": set(),
    "message.channels": {"channels:history"},
    "message.groups": {"groups:history"},
    "message.im": {"im:history"},
    "message.mpim": {"mpim:history"},
    "tokens_revoked": set(),
}


def sources() -> Iterator[tuple[str, str]]:
    for file in sorted(Path(str(package.__file__)).parent.glob("*.py")):
        yield file.name, file.read_text(encoding="utf-8")


def texts_in_code() -> set[str]:
    """Every string literal in the adapter's code, except in the manifest itself."""
    return {
        node.value
        for name, source in sources()
        if name != "manifest.py"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def methods_used() -> set[str]:
    shaped = {text for text in texts_in_code() if re.fullmatch(r"[a-z]+(\.[A-Za-z]+)+", text)}
    return {text for text in shaped | {"url_private_download"} if not text.startswith("adapters.")}


def test_every_method_that_is_called_is_known_here() -> None:
    assert methods_used() == set(METHOD_SCOPES)
    assert set(METHODS) == set(METHOD_SCOPES) - {"apps.connections.open", "url_private_download"}


def test_the_scopes_are_exactly_those_that_the_code_uses() -> None:
    used = {scope for method in methods_used() for scope in METHOD_SCOPES[method]}
    used |= {scope for event in EVENTS for scope in EVENT_SCOPES[event]}
    used |= {"commands"} if COMMANDS else set()
    assert set(SCOPES) == used
    assert set(app_manifest()["oauth_config"]["scopes"]["bot"]) == used


def test_the_events_are_exactly_those_that_are_listened_to() -> None:
    source = dict(sources())["client.py"]
    listened = {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value in {event.partition(".")[0] for event in EVENT_SCOPES}
    }
    assert listened == {event.partition(".")[0] for event in EVENTS}


def test_the_commands_are_exactly_those_that_are_handled() -> None:
    named = {command["command"] for command in COMMANDS}
    assert named == {"/ask", "/stop", "/reset", "/parley"}
    assert {"/ask", "/stop", "/reset"} <= texts_in_code()
    assert len(ACTION_IDS) == 5


def test_the_shortcuts_are_exactly_those_that_are_handled() -> None:
    named = {shortcut["callback_id"] for shortcut in SHORTCUTS}
    assert named == {ASK, SUMMARIZE}
    assert app_manifest()["features"]["shortcuts"] == list(SHORTCUTS)
    assert all(len(shortcut["name"]) <= 24 for shortcut in SHORTCUTS)


@pytest.mark.parametrize("url", ["", "https://parley.example.org/slack/events"])
def test_the_transport_is_socket_mode_or_one_request_url_for_all(url: str) -> None:
    made = app_manifest(request_url=url)
    settings = made["settings"]
    assert settings["socket_mode_enabled"] is not bool(url)
    for section in (settings["event_subscriptions"], settings["interactivity"]):
        assert section.get("request_url", "") == url
    assert all(c.get("url", "") == url for c in made["features"]["slash_commands"])


def test_no_text_exceeds_slacks_limits() -> None:
    made = app_manifest()
    assert len(made["display_information"]["name"]) <= 35
    assert len(made["display_information"]["description"]) <= 140
    for command in made["features"]["slash_commands"]:
        assert len(command["description"]) <= 100
        assert len(command.get("usage_hint", "")) <= 100
