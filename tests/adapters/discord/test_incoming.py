"""What a message asks, as people see it."""

import re
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.discord.content import attachments_of, readable
from adapters.discord.incoming import heard_in
from adapters.discord.pointed import from_a_person
from bot.errors import SurfaceError

ME: Any = SimpleNamespace(id=500000000000000001, display_name="Parley")
OWN_ROLE = 600000000000000009


class Guild:
    """A server with a channel, a role, and the role that Discord made for the bot."""

    self_role = SimpleNamespace(id=OWN_ROLE, name="Parley")

    def get_role(self, role_id: int) -> Any:
        return SimpleNamespace(name="cooks") if role_id == 600000000000000010 else None

    def get_channel(self, channel_id: int) -> Any:
        return SimpleNamespace(name="kitchen") if channel_id == 700000000000000001 else None


def a_message(content: str, *, guild: Any = None, **facts: Any) -> Any:
    ana = SimpleNamespace(id=900000000000000001, display_name="Ana", bot=False)
    values: dict[str, Any] = {
        "id": 7,
        "content": content,
        "author": ana,
        "guild": Guild() if guild is None else guild,
        "mentions": [],
        "raw_mentions": [],
        "role_mentions": [],
        "reference": None,
        "channel": None,
        "webhook_id": None,
        "type": discord.MessageType.default,
    }
    return SimpleNamespace(**{**values, **facts})


def mentioned(typed: str) -> list[int]:
    return [int(number) for number in re.findall(r"<@!?([0-9]+)>", typed)]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (f"<@{ME.id}> hello", "hello"),
        (f"hello <@!{ME.id}>", "hello"),
        (f"<@&{OWN_ROLE}> hello", "hello"),
        (f"<@{ME.id}>, stop", "stop"),
        (f"<@{ME.id}>: what is this?", "what is this?"),
        ("ask <@900000000000000001> too", "ask @Ana too"),
        ("ask <@900000000000000002> too", "ask @somebody too"),
        ("the <@&600000000000000010> and <@&600000000000000011>", "the @cooks and @a role"),
        ("in <#700000000000000001> or <#700000000000000002>", "in #kitchen or #a channel"),
        ("so <:happy:700000000000000003> <a:wow:700000000000000004>", "so :happy: :wow:"),
        ("use </ask:700000000000000005>", "use /ask"),
        ("use </parley settings set:700000000000000005>", "use /parley settings set"),
        ("</ or </ask:700000000000000005>", "</ or /ask"),
        ("1 < 2 <b> <@x>", "1 < 2 <b> <@x>"),
    ],
)
def test_mentions_and_emoji_are_read_as_people_see_them(typed: str, read: str) -> None:
    ana = SimpleNamespace(id=900000000000000001, display_name="Ana")
    parley = SimpleNamespace(id=ME.id, display_name="Parley")
    message = a_message(typed, mentions=[ana, parley], raw_mentions=mentioned(typed))
    assert readable(message, ME) == read


def test_beginnings_of_commands_without_an_end_are_read_in_one_pass() -> None:
    """With one search to the end of the text for each of them, this would take minutes."""
    typed = "</" * 200_000
    assert readable(a_message(typed), ME) == typed


def test_a_mention_of_the_bots_own_role_is_one_of_the_bot() -> None:
    assert heard_in(a_message("hi", role_mentions=[SimpleNamespace(id=OWN_ROLE)]), ME).mentioned
    assert not heard_in(a_message("hi", role_mentions=[SimpleNamespace(id=1)]), ME).mentioned


def test_nothing_is_asked_where_nobody_is_mentioned() -> None:
    assert not heard_in(a_message("hi"), ME).mentioned


@pytest.mark.parametrize(
    ("facts", "person"),
    [
        ({}, True),
        ({"type": discord.MessageType.reply}, True),
        ({"type": discord.MessageType.new_member}, False),
        ({"webhook_id": 1}, False),
        ({"author": SimpleNamespace(bot=True)}, False),
    ],
)
def test_only_what_people_write_counts(facts: dict[str, Any], person: bool) -> None:
    assert from_a_person(a_message("hi", **facts)) is person


sent: list[int] = []
"""The bytes of each piece that went out."""


async def endless(request: web.Request) -> web.StreamResponse:
    """50 MB, whatever was declared."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(50):
        await response.write(b"x" * 1_000_000)
        sent.append(1_000_000)
    return response


@pytest.fixture
async def cdn() -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_get("/long", endless)
    server = TestServer(app)
    await server.start_server()
    try:
        yield server
    finally:
        await server.close()


async def test_no_more_of_a_file_is_received_than_asked_for(cdn: TestServer) -> None:
    sent.clear()
    facts = {"id": 1, "filename": "a.txt", "content_type": "text/plain", "size": 10}
    declared: Any = SimpleNamespace(**facts, url=str(cdn.make_url("/long")))
    (attachment,) = attachments_of([declared])
    assert await attachment.read(1000) == b"x" * 1000
    assert sum(sent) < 50_000_000


@pytest.mark.parametrize("size", [None, "10", [], {}])
async def test_a_file_whose_size_is_no_number_is_read_within_the_limit(
    cdn: TestServer, size: object
) -> None:
    facts = {"id": 1, "filename": None, "content_type": 5, "size": size}
    declared: Any = SimpleNamespace(**facts, url=str(cdn.make_url("/long")))
    (attachment,) = attachments_of([declared])
    assert (attachment.name, attachment.size) == ("a file", 0)
    assert await attachment.read(1000) == b"x" * 1000


async def test_a_file_that_is_gone_is_a_fault_of_the_file(cdn: TestServer) -> None:
    facts = {"id": 1, "filename": "a.txt", "content_type": "text/plain", "size": 10}
    declared: Any = SimpleNamespace(**facts, url=str(cdn.make_url("/nothing")))
    (attachment,) = attachments_of([declared])
    with pytest.raises(SurfaceError, match="HTTP 404"):
        await attachment.read(1000)
