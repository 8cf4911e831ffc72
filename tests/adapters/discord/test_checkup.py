"""The checks of the token and the intents, against an HTTP server on the loopback interface."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from adapters.discord.checkup import COMMANDS, check_discord
from adapters.discord.registration import sync_commands
from bot.checks import Result, State
from bot.config import DiscordSettings
from tests.adapters.discord.scene import loopback

TOKEN = "right"


@asynccontextmanager
async def discord(
    flags: int = 0,
    *,
    status: int = 200,
    commands: Iterable[str] | None = None,
    servers: Mapping[str, str] | None = None,
) -> AsyncIterator[str]:
    """The address of a Discord whose application has these flags and commands, and these
    permissions in servers; without `commands` or `servers` it does not tell them."""

    def answer(request: web.Request, body: dict[str, object]) -> web.Response:
        if request.headers.get("Authorization") != f"Bot {TOKEN}":
            return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)
        return web.json_response(body, status=status)

    async def me(request: web.Request) -> web.Response:
        return answer(request, {"id": "42", "username": "parley", "bot": True})

    async def application(request: web.Request) -> web.Response:
        return answer(request, {"id": "42", "name": "Parley", "flags": flags})

    async def registered(request: web.Request) -> web.Response:
        return web.json_response([{"name": name} for name in commands or ()])

    async def guilds(request: web.Request) -> web.Response:
        mine = [{"id": "9", "name": name, "permissions": rights} for name, rights in shown.items()]
        return web.json_response(mine)

    async def channel(request: web.Request) -> web.Response:
        known = {"1": {"type": 0, "guild_id": "9"}, "2": {"type": 4, "guild_id": "9"}}
        found = known.get(request.match_info["id"])
        if found is None:
            return web.json_response({"code": 10003, "message": "Unknown Channel"}, status=404)
        return answer(request, {"id": request.match_info["id"], **found})

    app = web.Application()
    shown = servers or {}
    if servers is not None:
        app.router.add_get("/api/v10/users/@me/guilds", guilds)
    app.router.add_get("/api/v10/channels/{id}", channel)
    if commands is not None:
        app.router.add_get("/api/v10/applications/42/commands", registered)
    app.router.add_get("/api/v10/users/@me", me)
    app.router.add_get("/api/v10/oauth2/applications/@me", application)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
    finally:
        await runner.cleanup()


async def checked(
    url: str, token: str = TOKEN, *, content: bool = True, **changes: object
) -> list[Result]:
    settings = DiscordSettings.model_validate(
        {"token": token, "api_url": url, "message_content": content, **changes}
    )
    results = await check_discord(settings)
    assert not any(token in f"{r.detail}{r.remedy}" for r in results if token), "a secret is shown"
    return results


@pytest.mark.parametrize("flags", [1 << 18, 1 << 19])
async def test_a_valid_token_with_the_message_content_intent_is_ok(flags: int) -> None:
    async with discord(flags) as url:
        token, intent = await checked(url)
    assert (token.state, token.detail) == (State.OK, "belongs to parley (42)")
    assert (intent.state, intent.remedy) == (State.OK, "")


async def test_an_intent_that_is_off_is_a_warning_unless_it_is_meant() -> None:
    async with discord() as url:
        _, intent = await checked(url)
        assert intent.state is State.WARNING
        assert "Privileged Gateway Intents" in intent.remedy
        _, intent = await checked(url, content=False)
        assert intent.state is State.OK


async def test_commands_that_are_not_registered_are_named_with_the_remedy() -> None:
    async with discord(1 << 18, commands=COMMANDS) as url:
        *_, commands = await checked(url)
    assert (commands.what, commands.state) == ("slash commands", State.OK)
    async with discord(1 << 18, commands=COMMANDS - {"ask", "stop"}) as url:
        *_, commands = await checked(url)
    assert (commands.state, commands.detail) == (State.WARNING, "not registered: ask, stop")
    assert commands.remedy == "Register them with: parley discord sync"
    async with discord(1 << 18, commands=()) as url:
        *_, commands = await checked(url)
    assert commands.detail == "none is registered"


async def test_servers_in_which_the_history_may_not_be_read_are_named_with_the_remedy() -> None:
    reads, administers, neither = str(1 << 16 | 1024), str(1 << 3), "1024"
    async with discord(1 << 18, servers={"One": reads, "Two": administers, "Odd": "?"}) as url:
        *_, history = await checked(url)
    assert (history.what, history.state) == ("Read Message History", State.OK)
    async with discord(1 << 18, servers={"One": reads, "Two": neither}) as url:
        *_, history = await checked(url)
    assert history.state is State.WARNING
    assert history.detail.startswith("missing in Two: what people say around a question")
    assert "parley discord invite" in history.remedy
    async with discord(1 << 18, servers={}) as url:
        assert [result.what for result in await checked(url)] == ["token", "Message Content intent"]


async def test_the_commands_that_are_checked_are_those_that_are_registered() -> None:
    async with loopback() as s:
        await sync_commands(s.settings)
        assert {command["name"] for command in s.discord.world.commands} == COMMANDS


async def test_the_page_of_the_intents_is_that_of_the_application() -> None:
    async with discord() as url:
        _, intent = await checked(url)
    assert "https://discord.com/developers/applications/42/bot" in intent.remedy


async def test_a_token_that_discord_refuses_says_where_to_get_one() -> None:
    async with discord() as url:
        (result,) = await checked(url, "wrong-token")
    assert (result.state, result.detail) == (State.FAILED, "Discord does not accept it")
    assert "Reset Token" in result.remedy


async def test_a_discord_that_fails_or_cannot_be_reached_is_a_failed_result() -> None:
    async with discord(status=503) as url:
        (result,) = await checked(url)
    assert (result.state, result.detail) == (State.FAILED, "Discord answers HTTP 503")
    (result,) = await checked("http://127.0.0.1:9/api/v10")
    assert result.state is State.FAILED
    assert "api_url" in result.remedy


async def test_channels_without_a_mention_need_the_intent() -> None:
    async with discord() as url:
        *_, channels = await checked(url, answer_all_channels=["1"])
        assert (channels.what, channels.state) == ("answer_all_channels", State.FAILED)
        assert "message_content = true" in channels.remedy
    async with discord(1 << 18) as url:
        *_, channels = await checked(url, content=False, answer_all_channels=["1"])
        assert channels.state is State.FAILED


async def test_channels_without_a_mention_that_cannot_be_answered_are_named() -> None:
    async with discord(1 << 18) as url:
        *_, channels = await checked(url, answer_all_channels=["1", "2"])
        assert (channels.state, channels.detail) == (State.OK, "2 can be read")
        *_, channels = await checked(
            url, answer_all_channels=["1", "2", "3"], allowed_channels=["1"]
        )
        assert channels.state is State.WARNING
        assert channels.detail == (
            "allowed_channels and its neighbours leave out channel 2; Parley can see no channel 3"
        )


async def test_without_a_token_the_check_is_skipped() -> None:
    (result,) = await checked("http://127.0.0.1:9/api/v10", "")
    assert result.state is State.SKIPPED
