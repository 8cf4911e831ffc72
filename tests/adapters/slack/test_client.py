"""The Bolt app: which events reach the handlers, and what happens when one fails."""

from typing import Any

import pytest

from bot.errors import StorageError
from tests.adapters.slack.bench import bench
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
