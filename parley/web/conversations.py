"""Conversations: listing, searching, reading, exporting and deleting them. All need a session."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from aiohttp import web

from bot.admin_log import operator_forgot
from bot.errors import StorageError
from bot.messages import ConversationKey, Person
from bot.ports import ConversationSettings
from parley.exports import as_json, as_markdown
from parley.web.overview import store_of
from parley.web.searching import PAGE, search
from parley.web.state import STATE

logger = logging.getLogger(__name__)

LARGEST_ID = 2**62
LONGEST_ID = 100
"""Digits: Python refuses to read a number of thousands."""
LONGEST_SEARCH = 200
"""Characters."""


def register(app: web.Application) -> None:
    """Add the handlers."""
    app.router.add_get("/conversations", listed)
    app.router.add_get("/conversation", read)
    app.router.add_get("/export", export)
    app.router.add_post("/forget", forget)


async def listed(request: web.Request) -> web.Response:
    """The newest conversations, or with a search what it found."""
    state, before = request.app[STATE], _before(request)
    store = store_of(state)
    text = request.query.get("search", "").strip()[:LONGEST_SEARCH]
    values: dict[str, Any] = {"search": text, "found": None, "conversations": [], "older": None}
    values["back_to"] = None
    try:
        if text:
            found = await search(store, state.clock, text, before)
            values |= {
                "found": found.exchanges,
                "older": found.older,
                "back_to": found.back_to,
            }
        else:
            page = await store.listed(before=before, limit=PAGE + 1)
            values["conversations"] = page[:PAGE]
            values["older"] = page[PAGE - 1].newest if len(page) > PAGE else None
    except StorageError as error:
        raise _failed(error) from error
    return await state.render(request, "conversations.html", values)


async def read(request: web.Request) -> web.Response:
    """One conversation, newest first, with its settings."""
    state, key = request.app[STATE], _key(request.query.get("key", ""))
    store = store_of(state)
    channel = replace(key, thread="") if key.thread else None
    try:
        page = await store.read(key, before=_before(request), limit=PAGE + 1)
        own = await store.settings(key)
        inherited = await store.settings(channel) if channel else ConversationSettings()
    except StorageError as error:
        raise _failed(error) from error
    if not page and own == ConversationSettings() and "before" not in request.query:
        raise web.HTTPNotFound(text="No such conversation is stored.\n")
    older = page[PAGE - 1].question_id if len(page) > PAGE else None
    values = {
        "conversation": key,
        "channel": channel,
        "settings": _set_here(own),
        "inherited": _set_here(inherited),
        "exchanges": page[:PAGE],
        "older": older,
    }
    return await state.render(request, "conversation.html", values)


def _set_here(settings: ConversationSettings) -> list[tuple[str, str]]:
    """What is set for one conversation: names and values."""
    names = {None: "", True: "yes", False: "no"}[settings.show_names]
    temperature, longest = settings.temperature, settings.max_new_tokens
    found = (
        ("System prompt", settings.system_prompt or ""),
        ("Temperature", "" if temperature is None else f"{temperature:g}"),
        ("Longest answer", "" if longest is None else f"{longest:,} tokens"),
        ("Thinking", settings.reasoning.value if settings.reasoning else ""),
        ("Names shown to the model", names),
        ("Muted", "yes" if settings.muted else ""),
    )
    return [(name, value) for name, value in found if value]


async def export(request: web.Request) -> web.StreamResponse:
    """A conversation as a file, sent while it is read: memory does not grow with its length."""
    key = _key(request.query.get("key", ""))
    markdown = request.query.get("form") == "md"
    store = store_of(request.app[STATE])
    name = "".join(sign if sign.isalnum() else "-" for sign in str(key))
    ending, kind = ("md", "text/markdown") if markdown else ("jsonl", "application/jsonl")
    headers = {
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{quote(name)}.{ending}"',
    }
    response = web.StreamResponse(headers=headers)
    lines = _lines(store.archived(key), markdown=markdown)
    try:
        first = await anext(lines, None)
        if first is None:
            raise web.HTTPNotFound(text="No such conversation is stored.\n")
        await response.prepare(request)
        await response.write(first)
        async for line in lines:
            await response.write(line)
    except StorageError as error:
        if not response.prepared:
            raise _failed(error) from error
        logger.error("an export ended before its time: %s", error)
        if request.transport is not None:
            request.transport.abort()  # so that nobody takes the file for whole
    return response


async def _lines(exchanges: AsyncIterator[Any], *, markdown: bool) -> AsyncIterator[bytes]:
    async for exchange in exchanges:
        line = (
            as_markdown(exchange) if markdown else json.dumps(as_json(exchange), ensure_ascii=False)
        )
        yield f"{line}\n".encode()


async def forget(request: web.Request) -> web.Response:
    """Delete a conversation, or all that a person asked, for good, once the operator has typed
    which one."""
    state, form = request.app[STATE], await request.post()
    store_of(state)
    parley = state.live.parley
    assert parley is not None
    conversation, person = str(form.get("key", "")), str(form.get("person", ""))
    if str(form.get("typed", "")) != "delete":
        raise web.HTTPBadRequest(text="Nothing was deleted: type “delete” to confirm.\n")
    try:
        if person:
            gone = await parley.engine.forget(_person(person))
            operator_forgot(person, gone)
        else:
            gone = await parley.engine.forget_conversation(_key(conversation))
    except StorageError as error:
        raise _failed(error) from error
    return await state.render(
        request, "forgotten.html", {"gone": gone, "of": person or conversation}
    )


def _person(key: str) -> Person:
    platform, _, own = key.partition(":")
    return Person(platform, own, "")


def _key(text: str) -> ConversationKey:
    try:
        return ConversationKey.parse(text)
    except ValueError:
        raise web.HTTPNotFound(text="No such conversation is stored.\n") from None


def _before(request: web.Request) -> int | None:
    """The id that a page of a list begins below; None for the first page."""
    text = request.query.get("before", "")
    plain = text.isascii() and text.isdigit() and len(text) <= LONGEST_ID
    return min(int(text), LARGEST_ID) if plain else None


def _failed(error: StorageError) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=f"The database failed: {error}\n")
