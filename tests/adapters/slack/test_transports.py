"""The two transports: Socket Mode and signed HTTP requests."""

import asyncio
import gzip
import hashlib
import hmac
import io
import time
from functools import partial

import aiohttp
import pytest
from aiohttp import web

from adapters.slack.transports import MOST_BYTES
from bot.observer import PlatformConnected, PlatformLost
from tests.adapters.slack.bench import Bench, bench
from tests.observing import Told
from tests.slack_loopback import APP_TOKEN, HttpEvents
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


async def test_an_observer_is_told_that_the_connection_is_lost_and_back() -> None:
    async with bench() as b:
        b.engine.observer = told = Told()
        await b.slack.disconnect()
        await until(lambda: PlatformConnected("slack") in told.events)
        assert told.events == [PlatformLost("slack"), PlatformConnected("slack")]


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
    assert {record.name for record in caplog.records} == {"adapters.slack.socket_mode"}
    assert "Traceback" not in caplog.text


async def test_a_dead_app_token_is_one_line_that_names_it_until_slack_accepts_it_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(factor=1000) as b:
        b.slack.app_token = "xapp-another"
        await b.slack.sockets[-1].send_json({"type": "disconnect", "reason": "warning"})
        await until(lambda: b.slack.refused_sockets >= 4)
        (line,) = [record.getMessage() for record in caplog.records]
        assert line.startswith("[slack] app_token: Slack does not accept it (invalid_auth).")
        b.slack.app_token = APP_TOKEN
        await until(lambda: len(b.slack.sockets) == 2)
        await b.ana.say("D1", "Are you back?")
        await b.answered()
        assert b.joined("D1")
    assert caplog.messages[1:] == ["Slack sends events again"]
    assert "Traceback" not in caplog.text


async def test_failed_attempts_are_logged_again_after_some_minutes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(factor=2000) as b:
        b.slack.app_token = "xapp-another"
        await b.slack.sockets[-1].send_json({"type": "disconnect", "reason": "warning"})
        await until(lambda: len(caplog.messages) == 2)
        assert b.slack.refused_sockets > 4
    assert "more since the last such line" in caplog.messages[1]


async def test_socket_mode_that_is_switched_off_says_where_to_switch_it_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(factor=1000) as b:
        b.slack.socket_mode = False
        await b.slack.sockets[-1].send_json({"type": "disconnect", "reason": "link_disabled"})
        await until(lambda: b.slack.refused_sockets >= 3)
        (line,) = caplog.messages
        assert line.startswith("[slack] mode: Socket Mode is off for this app (link_disabled).")
        assert "page Socket Mode" in line
        b.slack.socket_mode = True
        connected = len(b.slack.sockets)
        await until(lambda: len(b.slack.sockets) > connected)
        await b.ana.say("D1", "Are you back?")
        await b.answered()
        assert b.joined("D1")


def _more_than(sockets: list[web.WebSocketResponse], number: int) -> bool:
    return len(sockets) > number


async def test_a_connection_that_slack_ends_is_replaced_by_one_other_alone() -> None:
    async with bench() as b:
        for number in range(1, 31):
            ended = b.slack.sockets[-1]
            await ended.send_json({"type": "disconnect", "reason": "refresh_requested"})
            await ended.close()
            await until(partial(_more_than, b.slack.sockets, number))
            await b.ana.say("D1", f"Question {number}")
            await b.answered()
            assert len(b.slack.sockets) == number + 1


async def test_an_address_that_was_used_is_not_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(factor=1000) as b:
        b.slack.broken_sockets = 2
        await b.slack.disconnect()
        await b.ana.say("D1", "Hello")
        await b.answered()
        assert b.joined("D1")
    assert caplog.messages[0].startswith("Slack cannot be reached: WSServerHandshakeError.")
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    "sent", ["no JSON", "{", "[]", '{"type": 5}', '{"envelope_id": {}, "type": "events_api"}']
)
async def test_garbage_on_the_socket_ends_nothing(
    sent: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench() as b:
        await b.slack.sockets[-1].send_str(sent)
        await b.ana.say("D1", "Hello")
        await b.answered()
        assert b.joined("D1")
    assert "Traceback" not in caplog.text
    assert len(caplog.messages) <= 1


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


@pytest.mark.parametrize("skew", [0, 400, -400])
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


async def posted(
    b: Bench,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    kind: str = "application/json",
    signed: bool = True,
) -> int:
    """The status of one request."""
    stamp = str(int(time.time()))
    given = {"Content-Type": kind, "X-Slack-Request-Timestamp": stamp, **(headers or {})}
    if signed:
        text = b"v0:%b:%b" % (given["X-Slack-Request-Timestamp"].encode(), body)
        digest = hmac.new(http(b).secret.encode(), text, hashlib.sha256).hexdigest()
        given.setdefault("X-Slack-Signature", f"v0={digest}")
    async with (
        aiohttp.ClientSession() as session,
        session.post(http(b).url, data=io.BytesIO(body), headers=given) as response,
    ):
        return response.status


async def works(b: Bench) -> bool:
    """Whether the next event is answered."""
    await b.ana.say("D1", "Hello")
    await b.answered()
    return bool(b.joined("D1"))


@pytest.mark.parametrize("body", [b"{x", b"", b"{}", b"\xff\xfe", b"payload=%7Bx"])
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Slack-Signature": "v0=0123"},
        {"X-Slack-Signature": "v0=\u00e9"},
        {"X-Slack-Request-Timestamp": "abc"},
        {"X-Slack-Request-Timestamp": "9" * 400},
        {"X-Slack-Request-Timestamp": "\u0661"},
        {},
    ],
)
async def test_a_wrong_signature_is_401_and_one_line_whatever_the_body(
    body: bytes, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(slack=HTTP) as b:
        for _ in range(3):
            signed = "X-Slack-Request-Timestamp" in headers
            assert await posted(b, body, headers, signed=signed) == 401
        assert await works(b)
    (line,) = caplog.messages
    assert "its signature is wrong" in line
    assert "Traceback" not in caplog.text


async def test_refused_requests_are_one_line_a_minute_with_their_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(slack=HTTP) as b:
        for _ in range(3):
            await posted(b, b"{}", signed=False)
        await b.slack.clock.sleep(61)
        await posted(b, b"{}", signed=False)
    first, second = caplog.messages
    assert "more since" not in first
    assert second.endswith("(2 more since the last such line)")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{x"),
        ("application/json", b"[1]"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"type": "event_callback", "event": []}'),
        ("application/x-www-form-urlencoded", b"payload=%7Bx"),
        ("application/x-www-form-urlencoded", b"&".join([b"a=b"] * 1000)),
    ],
)
async def test_a_signed_request_with_a_malformed_body_is_400_and_one_line(
    kind: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(slack=HTTP) as b:
        assert await posted(b, body, kind=kind) == 400
        assert await works(b)
    (line,) = caplog.messages
    assert "malformed" in line
    assert "Traceback" not in caplog.text


async def test_other_types_methods_and_sizes_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    async with bench(slack=HTTP) as b:
        assert await posted(b, b"<x/>", kind="text/xml") == 415
        assert await posted(b, b"x" * (MOST_BYTES + 1), signed=False) == 413
        bomb = gzip.compress(b"x" * (100 * MOST_BYTES))
        assert await posted(b, bomb, {"Content-Encoding": "gzip"}) == 413
        assert await posted(b, b"no gzip", {"Content-Encoding": "gzip"}) == 400
        async with aiohttp.ClientSession() as session, session.get(http(b).url) as response:
            assert response.status == 405
        assert await works(b)
    assert "Traceback" not in caplog.text


async def test_slacks_check_of_the_certificate_is_answered() -> None:
    async with bench(slack=HTTP) as b:
        body = b"ssl_check=1&token=x"
        assert await posted(b, body, kind="application/x-www-form-urlencoded", signed=False) == 200


async def test_what_is_no_http_is_logged_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(slack=HTTP) as b:
        port = int(http(b).url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /slack/events HTTP/1.1\r\nContent-Length: x\r\n\r\n")
        assert b"400" in await reader.readline()
        writer.close()
        assert await works(b)
    assert "Traceback" not in caplog.text
