"""The checks of the tokens and scopes, against an HTTP server on the loopback interface."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from adapters.slack.checkup import check_slack
from adapters.slack.manifest import SCOPES
from bot.checks import Result, State
from bot.config import SlackSettings

BOT, APP = "xoxb-right", "xapp-right"
REFUSAL = "not_allowed_token_type"
"""Slack's answer to another app-level token."""


@asynccontextmanager
async def slack(scopes: str = ",".join(SCOPES)) -> AsyncIterator[str]:
    """The address of a Slack that grants these scopes."""

    async def test(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {BOT}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        headers = {"x-oauth-scopes": scopes} if scopes else {}
        return web.json_response({"ok": True, "user": "parley", "team": "Home"}, headers=headers)

    async def opened(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {APP}":
            return web.json_response({"ok": False, "error": REFUSAL})
        return web.json_response({"ok": True, "url": "wss://nowhere"})

    async def history(request: web.Request) -> web.Response:
        channel = str((await request.post()).get("channel") or request.query.get("channel"))
        errors = {"C2": "not_in_channel", "C3": "channel_not_found", "C4": "missing_scope"}
        if channel in errors:
            return web.json_response({"ok": False, "error": errors[channel]})
        return web.json_response({"ok": True, "messages": []})

    app = web.Application()
    app.router.add_route("*", "/api/conversations.history", history)
    app.router.add_route("*", "/api/auth.test", test)
    app.router.add_route("*", "/api/apps.connections.open", opened)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    finally:
        await runner.cleanup()


async def checked(url: str, **settings: Any) -> dict[str, Result]:
    given = {"bot_token": BOT, "app_token": APP, "base_url": url} | settings
    results = await check_slack(SlackSettings.model_validate(given))
    shown = "".join(f"{result.detail}{result.remedy}" for result in results)
    assert BOT not in shown
    assert APP not in shown
    return {result.what: result for result in results}


async def test_valid_tokens_with_all_scopes_are_ok() -> None:
    async with slack() as url:
        results = await checked(url)
    unseen = results.pop("manifest")
    assert {result.state for result in results.values()} == {State.OK}
    assert results["bot_token"].detail == "belongs to parley in Home"
    assert set(results) == {"bot_token", "scopes", "app_token"}
    assert unseen.state is State.SKIPPED
    for part in ("message shortcuts", "Home tab", "agent view"):
        assert part in unseen.detail
    assert "parley slack manifest" in unseen.remedy


async def test_a_scope_without_which_nothing_works_is_a_failed_result() -> None:
    async with slack(",".join(set(SCOPES) - {"chat:write"})) as url:
        scopes = (await checked(url))["scopes"]
    assert scopes.state is State.FAILED
    assert scopes.detail == "missing, and needed to answer at all: chat:write"
    assert "parley slack manifest" in scopes.remedy


async def test_other_missing_scopes_are_a_warning_that_says_what_is_lost() -> None:
    missing = ("assistant:write", "files:read")
    async with slack(",".join(set(SCOPES) - set(missing))) as url:
        scopes = (await checked(url))["scopes"]
    assert scopes.state is State.WARNING
    assert all(f"{scope} ({SCOPES[scope]})" in scopes.detail for scope in missing)
    assert "parley slack manifest" in scopes.remedy


async def test_socket_mode_that_is_off_is_a_failed_result_that_says_where_it_is_switched_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.adapters.slack.test_checkup.REFUSAL", "link_disabled")
    async with slack() as url:
        result = (await checked(url, app_token="xapp-wrong"))["app_token"]
    assert result.state is State.FAILED
    assert result.detail == "Socket Mode is off for this app (link_disabled)"
    assert "page Socket Mode" in result.remedy


async def test_scopes_that_a_proxy_hides_are_not_called_missing() -> None:
    async with slack("") as url:
        assert (await checked(url))["scopes"].state is State.WARNING


async def test_tokens_that_slack_refuses_say_where_to_get_others() -> None:
    async with slack() as url:
        results = await checked(url, bot_token="xoxb-wrong", app_token="xapp-wrong")
    assert results["bot_token"].detail == "Slack refuses it (invalid_auth)"
    assert "OAuth & Permissions" in results["bot_token"].remedy
    assert results["app_token"].detail == "Slack refuses it (not_allowed_token_type)"
    assert "connections:write" in results["app_token"].remedy


@pytest.mark.parametrize(
    ("settings", "what"),
    [({"app_token": ""}, "app_token"), ({"mode": "http"}, "signing_secret")],
)
async def test_a_missing_secret_of_the_transport_is_a_failed_result(
    settings: dict[str, str], what: str
) -> None:
    async with slack() as url:
        result = (await checked(url, **settings))[what]
    assert (result.state, result.detail) == (State.FAILED, "is not set")
    assert result.remedy


async def test_a_slack_that_cannot_be_reached_is_a_failed_result() -> None:
    results = await checked("http://127.0.0.1:9/api/")
    assert {result.state for result in results.values()} == {State.FAILED}
    assert all("base_url" in result.remedy for result in results.values())


async def test_channels_without_a_mention_that_cannot_be_read_are_named() -> None:
    async with slack() as url:
        channels = (await checked(url, answer_all_channels=["C1"]))["answer_all_channels"]
        assert (channels.state, channels.detail) == (State.OK, "1 can be read")
        channels = (
            await checked(
                url,
                answer_all_channels=["C1", "C2", "C3", "C4", "C5"],
                blocked_channels=["C5"],
            )
        )["answer_all_channels"]
    assert channels.state is State.WARNING
    assert channels.detail.split("; ") == [
        "Parley is no member of C2",
        "Parley can see no channel C3",
        "the scope to read C4 is missing (channels:history, groups:history)",
        "allowed_channels or blocked_channels leave out C5",
    ]
    assert "/invite" in channels.remedy


async def test_without_a_token_the_check_is_skipped() -> None:
    results = await checked("http://127.0.0.1:9/api/", bot_token="")
    assert [result.state for result in results.values()] == [State.SKIPPED]
