"""The two transports: Socket Mode and signed HTTP requests."""

import pytest

from tests.adapters.slack.bench import Bench, bench
from tests.slack_loopback import HttpEvents
from tests.until import until

HTTP = {"mode": "http", "signing_secret": "8f742231b10e8888abcd99yyyzzz85a5", "port": 0}


# ---------------------------------------------------------------- Socket Mode


async def test_an_answer_goes_on_while_slack_asks_for_a_new_connection() -> None:
    async with bench(lambda p: "one two three four", paced=True) as b:
        await b.ana.mention("C1", "Count")
        b.scripted.let(2)
        await until(lambda: b.joined("C1"))
        await b.slack.disconnect()
        b.scripted.let(100)
        await b.answered()
        assert b.joined("C1") == "one two three four"
        await b.ada.mention("C1", "Again")
        await until(lambda: len(b.scripted.prompts) == 2)


async def test_an_event_delivered_again_after_a_reconnect_is_answered_once() -> None:
    async with bench() as b:
        await b.ana.mention("C1", "Hello")
        await b.slack.disconnect(reason="warning")
        for envelope in list(b.slack.envelopes.values()):
            await b.slack.redeliver(envelope)
        await b.answered()
        assert len(b.scripted.prompts) == 1


async def test_an_event_of_the_time_without_connection_is_answered_after_it() -> None:
    async with bench() as b:
        event = {
            "type": "message",
            "channel": "D1",
            "channel_type": "im",
            "ts": b.team.next_ts(),
            "user": "U1",
            "text": "Are you there?",
        }
        await b.slack.disconnect()
        await b.slack.send("events_api", b.ana.event_payload(event))
        await b.answered()
        assert b.joined("D1") == "[Be kind.] [] Are you there?"


async def test_a_failing_reconnect_is_logged_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench() as b:
        b.slack.connects = False
        await b.slack.sockets[-1].send_json({"type": "disconnect", "reason": "warning"})
        await until(lambda: caplog.records)
    assert {record.name for record in caplog.records} == {"adapters.slack.socket"}
    assert "Traceback" not in caplog.text


# ---------------------------------------------------------------- HTTP


def http(b: Bench) -> HttpEvents:
    assert b.slack.http is not None
    return b.slack.http


async def test_events_commands_and_buttons_come_by_http_too() -> None:
    async with bench(slack=HTTP) as b:
        await b.ana.mention("C1", "Hello")
        await b.answered()
        await b.ana.command("/ask", "Hi", "C1")
        await b.answered()
        answer = next(m for m in b.team.answers("C1") if m.shown.endswith("Ana: Hello"))
        await b.ana.press(answer, "Regenerate")
        await b.answered()
        assert len(b.scripted.prompts) == 3
        assert set(http(b).statuses) == {200}
        assert b.slack.sockets == []


async def test_a_retry_is_answered_once() -> None:
    async with bench(slack=HTTP) as b:
        await b.ana.mention("C1", "Hello")
        for envelope in list(b.slack.envelopes.values()):
            for attempt in (1, 2, 3):
                assert (await http(b).post(envelope, attempt))[0] == 200
        await b.answered()
        assert len(b.scripted.prompts) == 1


@pytest.mark.parametrize("skew", [0, 301, -301])
async def test_a_bad_signature_or_an_old_request_is_refused_and_logged(
    skew: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(slack=HTTP) as b:
        good = http(b)
        bad = HttpEvents(good.url, good.secret if skew else "another secret")
        bad.skew = skew
        b.slack.http = bad
        await b.ana.mention("C1", "Hello")
        b.slack.http = good
        await b.ana.mention("C1", "The rest goes on")
        await b.answered()
        assert set(bad.statuses) == {401}
        assert [p.question for p in b.scripted.prompts] == ["Ana: The rest goes on"]
    assert "[slack] signing_secret" in caplog.text
    assert good.secret not in caplog.text


async def test_a_command_is_acknowledged_by_http_while_the_model_is_silent() -> None:
    async with bench(slack=HTTP, paced=True) as b:
        await b.ana.command("/ask", "A long one", "C1")
        assert http(b).statuses == [200]
        assert b.scripted.steps == 0
