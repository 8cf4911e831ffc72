"""Reads what Slack sends: typed fields of a payload, and the workspace that it comes from.

Nothing that comes from outside has a certain shape: each field is read by a function here, which
raises Malformed where it is missing or of another type. Formats:
https://docs.slack.dev/apis/events-api and https://docs.slack.dev/reference/interaction-payloads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

JSON = Mapping[str, Any]


class Malformed(ValueError):
    """A payload lacks a field or has one of another type. The message names the field, never its
    content."""


# ---------------------------------------------------------------- fields


def text(payload: JSON, name: str, default: str | None = None) -> str:
    """The string `name`, with U+FFFD for what a database cannot store (unpaired surrogates and
    NUL); `default` where it is missing or null. Raises Malformed where it is no string, and where
    it is missing without a default."""
    value = payload.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise Malformed(f"{name} is {'missing' if value is None else 'no string'}")
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\ufffd")


def record(payload: JSON, name: str) -> JSON:
    """The object `name`; an empty one where it is missing or null. Raises Malformed where it is
    something else."""
    value = payload.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise Malformed(f"{name} is no object")
    return value or {}


def records(payload: JSON, name: str) -> tuple[JSON, ...]:
    """The objects of the list `name`; none where it is missing or null. Raises Malformed where it
    is no list, or holds something else."""
    value = payload.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise Malformed(f"{name} is no list of objects")
    return tuple(value)


def texts(payload: JSON, name: str) -> tuple[str, ...]:
    """The strings of the list `name`; none where it is missing or null. Raises Malformed where it
    is no list, or holds something else."""
    value = payload.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Malformed(f"{name} is no list of strings")
    return tuple(value)


# ---------------------------------------------------------------- what Bolt reads


def check(body: JSON) -> None:
    """Check the fields by which Bolt chooses a listener. Raises Malformed."""
    if not body.get("type") and not body.get("command"):
        raise Malformed("type is missing")
    for name in ("type", "command", "response_url"):
        text(body, name, "")
    match body.get("type"):
        case "event_callback":
            event = record(body, "event")
            if text(event, "type").startswith("assistant_thread_"):
                thread = record(event, "assistant_thread")
                text(thread, "channel_id")
                text(thread, "thread_ts")
        case "block_actions":
            if not (actions := records(body, "actions")):
                raise Malformed("actions is empty")
            text(actions[0], "action_id")
        case "message_action" | "shortcut":
            text(body, "callback_id")
        case "view_submission" | "view_closed":
            view = record(body, "view")
            text(view, "callback_id")
            text(view, "type")


# ---------------------------------------------------------------- the workspace


@dataclass(frozen=True, slots=True)
class Origin:
    """The workspace of a payload."""

    enterprise: str
    """The organisation's id (``E…``); "" where the workspace belongs to none."""
    team: str
    """The workspace's id (``T…``); "" where an organisation's payload names none."""
    whole: bool
    """The app is installed in the whole organisation."""


def origin_of(body: JSON) -> Origin:
    """The workspace that a payload comes from: an event, a command, a button or a dialog. Raises
    Malformed.

    The installation that Slack names in ``authorizations`` counts first: in a channel that several
    companies share, other fields may name the other company. Where the app is installed in a whole
    organisation, ``authorizations`` names no workspace, and a button's ``team`` may be null; then
    the first field counts that names a workspace.
    """
    allowed = next(iter(records(body, "authorizations")), None)
    first = body if allowed is None else allowed
    whole = first.get("is_enterprise_install") in (True, "true")
    if allowed is not None and not whole:
        enterprise, team = text(allowed, "enterprise_id", ""), text(allowed, "team_id", "")
        return Origin(enterprise, team or _first("T", _teams(body)), whole=False)
    return Origin(_first("E", _enterprises(body)), _first("T", _teams(body)), whole)


def _teams(body: JSON) -> Iterator[object]:
    """Where a workspace may be named, the most reliable field first."""
    event, view, user = _object(body, "event"), _object(body, "view"), _object(body, "user")
    yield view.get("app_installed_team_id")
    yield _id(body.get("team"))
    for allowed in records(body, "authorizations")[:1]:
        yield allowed.get("team_id")
    yield body.get("team_id")
    for message in (event, _object(event, "message"), _object(event, "previous_message")):
        yield message.get("team_id")
        yield _id(message.get("team"))
    yield body.get("context_team_id")
    yield event.get("context_team_id")
    yield _id(_object(body, "message").get("team"))
    yield view.get("team_id")
    yield user.get("team_id")


def _enterprises(body: JSON) -> Iterator[object]:
    yield _id(body.get("enterprise"))
    for allowed in records(body, "authorizations")[:1]:
        yield allowed.get("enterprise_id")
    yield body.get("enterprise_id")
    yield _object(body, "team").get("enterprise_id")
    yield body.get("context_enterprise_id")
    yield _object(body, "event").get("enterprise_id")
    yield _object(body, "user").get("enterprise_id")


def _first(letter: str, named: Iterator[object]) -> str:
    """The first id of a kind: some fields hold an organisation's id or a workspace's."""
    return next((id_ for id_ in named if isinstance(id_, str) and id_.startswith(letter)), "")


def _id(value: object) -> object:
    return value.get("id") if isinstance(value, Mapping) else value


def _object(payload: JSON, name: str) -> JSON:
    """`payload[name]` where it is an object: ``user`` and ``team`` may be strings."""
    value = payload.get(name)
    return value if isinstance(value, Mapping) else {}
