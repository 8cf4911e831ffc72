"""The Bolt app: which events reach the handlers, and what happens when one fails."""

import logging
from typing import Any

import pytest

from adapters.slack.modals import SYSTEM_VIEW
from bot.errors import StorageError
from tests.adapters.slack.bench import bench
from tests.slack_loopback.server import Envelope
from tests.until import until


async def test_unexpected_events_are_ignored() -> None:
    async with bench() as b:
        for subtype in ("channel_join", "bot_message", "message_replied", "channel_topic"):
            event: dict[str, Any] = {
                "type": "message",
                "subtype": subtype,
                "channel": "D1",
                "channel_type": "im",
                "ts": b.team.next_ts(),
                "user": "U1",
                "text": "joined",
            }
            await b.slack.send("events_api", b.ana.event_payload(event))
        await b.answered()
        assert b.scripted.prompts == []


EVENT: dict[str, Any] = {
    "type": "message", "channel": "D1", "channel_type": "im", "ts": "1.1", "user": "U1",
    "text": "Hello",
}  # fmt: skip
WRONG: tuple[object, ...] = (5, [], {}, [{}])
CHANGED = {"type": "message", "subtype": "message_changed", "channel": "D1"}
STOPPED = {"type": "agent_session_stopped", "channel": "D1", "user": "U1"}


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in EVENT.items() if field != name}


@pytest.mark.parametrize(
    "event",
    [
        without("ts"),
        without("channel"),
        *({**EVENT, field: value} for field in EVENT for value in WRONG),
        {**EVENT, "channel": "C/1"},
        {**EVENT, "thread_ts": 5},
        {**EVENT, "files": [5]},
        {**EVENT, "subtype": []},
        {**CHANGED, "message": "x"},
        {**CHANGED, "message": {"user": "U1"}},
        {**CHANGED, "message": {"subtype": "tombstone"}},
        {**CHANGED, "message": EVENT, "previous_message": 5},
        {**CHANGED, "subtype": "message_deleted"},
        {**CHANGED, "subtype": "message_deleted", "deleted_ts": []},
        {**CHANGED, "subtype": "message_deleted", "deleted_ts": "1", "previous_message": 5},
        {**STOPPED, "streaming_message_ts": 5},
        {**STOPPED, "streaming_message_ts": [[]]},
        {**STOPPED, "user": None},
        {"type": "app_home_opened", "tab": "messages"},
        {"type": "tokens_revoked", "tokens": 5},
    ],
)
async def test_a_malformed_event_is_at_most_one_line_and_the_next_one_is_answered(
    event: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with bench() as b:
        await b.slack.send("events_api", b.ana.event_payload(event))
        await b.answered()
        heard = len(b.scripted.prompts)  # where only a field that nobody reads is wrong
        await b.ana.say("D1", "Hello again")
        await b.answered()
        assert len(b.scripted.prompts) == heard + 1
    assert len(caplog.messages) == (0 if heard else 1)
    assert all("malformed" in line for line in caplog.messages)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("events_api", {}),
        ("events_api", {"type": "event_callback"}),
        ("events_api", {"type": "event_callback", "event": None}),
        ("events_api", {"type": "event_callback", "event": {"type": []}}),
        ("events_api", {"type": "event_callback", "event": EVENT, "authorizations": 5}),
        ("events_api", {"type": "event_callback", "event": EVENT, "authorizations": [5]}),
        ("events_api", {"type": "event_callback", "event": {**EVENT, "team": 5}, "team": 5}),
        ("slash_commands", {"command": "/stop"}),
        ("slash_commands", {"command": "/stop", "channel_id": "C1", "user_id": "U1"}),
        ("slash_commands", {"text": "Hello"}),
        ("events_api", {"command": "/stop", "channel_id": "C1", "user_id": []}),
        ("events_api", {"command": []}),
        ("interactive", {"type": "block_actions"}),
        ("interactive", {"type": "block_actions", "actions": []}),
        ("interactive", {"type": "block_actions", "actions": [{}]}),
        ("interactive", {"type": "block_actions", "actions": [{"action_id": "parley_stop"}]}),
        ("interactive", {"type": "view_submission", "view": 5}),
        ("interactive", {"type": "view_submission", "view": {"callback_id": "parley_system"}}),
        (
            "interactive",
            {
                "type": "view_submission",
                "user": {"id": "U1"},
                "view": {"type": "modal", "callback_id": SYSTEM_VIEW, "private_metadata": "x"},
            },
        ),
    ],
)
@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_malformed_payload_is_one_line_on_both_transports(
    kind: str, payload: dict[str, Any], mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(slack={"mode": mode, "signing_secret": "s", "port": 0}) as b:
        if mode == "http" and kind != "slash_commands":
            kind = "events_api"
        envelope = Envelope("malformed", kind, payload)
        b.slack.envelopes["malformed"] = envelope
        if b.slack.http is not None:
            assert (await b.slack.http.post(envelope))[0] in (200, 400)
        else:
            await b.slack.redeliver(envelope)
        await b.answered()
        await b.ana.say("D1", "Hello")
        await b.answered()
        assert b.joined("D1")
    (line,) = caplog.messages
    assert "malformed" in line
    assert "Traceback" not in caplog.text


async def test_what_nobody_listens_to_is_not_logged_with_its_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with bench() as b:
        event = {"type": "reaction_added", "user": "U1", "reaction": "secretly"}
        await b.slack.send("events_api", b.ana.event_payload(event))
        await b.answered()
    assert "an event of type 'reaction_added' from Slack is not for Parley" in caplog.text
    assert "secretly" not in caplog.text


async def test_the_revocation_of_user_tokens_is_ignored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench() as b:
        for tokens in ({"oauth": ["U1"]}, {"bot": ["UBOT"]}):
            event = {"type": "tokens_revoked", "tokens": tokens}
            await b.slack.send("events_api", b.ana.event_payload(event))
            await b.answered()
    told = [r.getMessage() for r in caplog.records if "tokens were revoked" in r.getMessage()]
    assert told == ["the app was removed from workspace T1, or its tokens were revoked"]


async def test_a_failing_look_up_of_the_workspace_is_logged_and_acknowledged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise StorageError("the database is locked")

    async with bench() as b:
        with monkeypatch.context() as broken:
            broken.setattr("adapters.slack.workspaces.Workspaces.of", fails)
            await b.ana.say("D1", "Hello")
            await until(lambda: caplog.records)
        await b.ana.say("D1", "Hello again")
        await b.answered()
        assert b.joined("D1")
    assert "was lost: the database is locked" in caplog.text
    assert "Traceback" not in caplog.text
