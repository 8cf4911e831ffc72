"""Slack's Web API methods on a `Team`, with the checks that Slack makes.

Facts from Slack's method reference (docs.slack.dev/reference/methods): argument names, error codes,
the 4,000 and 12,000 characters, and the states of a stream.
"""

from collections.abc import Callable

from tests.slack_loopback.state import JSON, ApiError, File, Message, Team

STREAM_SECONDS = 300.0
"""A stream ends by itself after about five minutes."""
STREAM_BYTES = 11_000
"""And takes about this much."""
MARKDOWN_CHARACTERS = 12_000
UPDATE_CHARACTERS = 4_000
SECTION_CHARACTERS = 3_000

Method = Callable[[Team, JSON], JSON]


def auth_test(team: Team, args: JSON) -> JSON:
    return {
        "url": "https://loopback.slack.com/",
        "team": team.id,
        "user": "parley",
        "team_id": team.organisation or team.id,
        "enterprise_id": team.organisation or None,
        "user_id": team.bot_user,
        "bot_id": team.bot_id,
        "is_enterprise_install": bool(team.organisation),
    }


def users_info(team: Team, args: JSON) -> JSON:
    user = team.users.get(args["user"])
    if user is None:
        raise ApiError("user_not_found")
    return {"user": user}


def conversations_info(team: Team, args: JSON) -> JSON:
    channel = team.channels.get(args["channel"])
    if channel is None:
        raise ApiError("channel_not_found")
    named = {"name": f"name-of-{channel.id.lower()}"} if channel.kind != "im" else {}
    return {"channel": {"id": channel.id, "topic": {"value": channel.topic}, **named}}


# ---------------------------------------------------------------- messages


def post_message(team: Team, args: JSON) -> JSON:
    message = _posted(team, args)
    if args.get("unfurl_links") is False and args.get("unfurl_media") is False:
        message.unfurls = False
    return {"channel": message.channel, "ts": message.ts, "message": message.payload()}


def post_ephemeral(team: Team, args: JSON) -> JSON:
    _may_post(team, args["channel"])
    message = _posted(team, args)
    message.ephemeral_to = args["user"]
    thread = message.thread_ts
    # "only shown if there is already an active thread": docs.slack.dev, chat.postEphemeral
    message.deleted = bool(thread) and not team.visible(message.channel, thread)
    return {"message_ts": message.ts}


def update(team: Team, args: JSON) -> JSON:
    message = _own(team, args)
    if message.streaming:
        raise ApiError("streaming_state_conflict")
    if len(args.get("text") or "") > UPDATE_CHARACTERS:
        raise ApiError("msg_too_long")
    _fill(message, args, keep_blocks=True)
    return {"channel": message.channel, "ts": message.ts, "text": message.text}


def delete(team: Team, args: JSON) -> JSON:
    message = _own(team, args)
    message.deleted = True
    return {"channel": message.channel, "ts": message.ts}


def _posted(team: Team, args: JSON) -> Message:
    channel = _direct_of(team, args["channel"])
    _may_post(team, channel)
    message = Message(team.next_ts(), channel, team.bot_user, team.bot_id)
    message.thread_ts = args.get("thread_ts") or ""
    if message.thread_ts and (channel, message.thread_ts) not in team.messages:
        raise ApiError("thread_not_found")
    _fill(message, args)
    team.messages[channel, message.ts] = message
    team.lines.pop((channel, message.thread_ts), None)
    return message


def _direct_of(team: Team, channel: str) -> str:
    """A person's id in place of a channel's is their direct message with the app."""
    if channel not in team.users or channel in team.channels:
        return channel
    if channel in team.unreachable:
        raise ApiError("messages_tab_disabled")
    direct = f"D{channel[1:]}"
    return direct if direct in team.channels else team.channel(direct, "im")


def _fill(message: Message, args: JSON, *, keep_blocks: bool = False) -> None:
    text, markdown, blocks = (args.get(k) for k in ("text", "markdown_text", "blocks"))
    if markdown is not None and (text is not None or blocks is not None):
        raise ApiError("markdown_text_conflict")
    if not (text or markdown or blocks):
        raise ApiError("no_text")
    if len(markdown or "") > MARKDOWN_CHARACTERS:
        raise ApiError("msg_too_long")
    if blocks is not None:
        check_blocks(blocks)
    message.text = (text or "")[:40_000]
    message.markdown = markdown or ""
    if blocks is not None or not keep_blocks:
        message.blocks = blocks or []
    message.metadata = args.get("metadata") or message.metadata
    message.history.append(message.shown)


def _may_post(team: Team, channel_id: str) -> None:
    channel = team.channels.get(channel_id)
    if channel is None:
        raise ApiError("channel_not_found")
    if team.bot_user not in channel.members:
        if channel.kind != "channel":
            raise ApiError("not_in_channel")
        if "chat:write.public" not in team.scopes:
            raise ApiError("not_in_channel")


def _own(team: Team, args: JSON) -> Message:
    message = team.messages.get((args["channel"], args["ts"]))
    if message is None or message.deleted:
        raise ApiError("message_not_found")
    if message.bot_id != team.bot_id:
        raise ApiError("cant_update_message")
    return message


def check_blocks(blocks: list[JSON]) -> None:
    """Raises ApiError("invalid_blocks") where Slack would."""
    if len(blocks) > 50:
        raise ApiError("invalid_blocks")
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    written = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if len(ids) != len(set(ids)) or written > MARKDOWN_CHARACTERS:
        raise ApiError("invalid_blocks")
    for block in blocks:
        _check_block(block)


def _check_block(block: JSON) -> None:
    kinds = {
        "actions": {"button", "static_select"},
        "context_actions": {"feedback_buttons", "icon_button"},
        "context": {"mrkdwn", "plain_text"},
    }
    if block["type"] == "markdown":
        good = bool(block["text"])
    elif block["type"] == "section":
        good = 0 < len(block["text"]["text"]) <= SECTION_CHARACTERS
    elif block["type"] in kinds:
        elements = block["elements"]
        actions = [e["action_id"] for e in elements if "action_id" in e]
        good = 0 < len(elements) <= 25 and len(actions) == len(set(actions))
        good = good and all(element["type"] in kinds[block["type"]] for element in elements)
        good = good and all(len(e.get("value", "")) <= 2000 for e in elements)
        menus = [element for element in elements if element["type"] == "static_select"]
        good = good and all(0 < len(menu["options"]) <= 100 for menu in menus)
    else:
        good = False
    if not good:
        raise ApiError("invalid_blocks")


def history(team: Team, args: JSON) -> JSON:
    """A channel without its threads, the newest first."""
    _may_read(team, args["channel"])
    shown = [_in_channel(team, message) for message in _undeleted(team, args["channel"])]
    return _page([payload for payload in reversed(shown) if payload], args)


def replies(team: Team, args: JSON) -> JSON:
    """A thread, the oldest first, with its first message before each page."""
    channel, thread = args["channel"], args["ts"]
    _may_read(team, channel)
    first = team.messages.get((channel, thread))
    if first is None or (first.deleted and not team.visible(channel, thread)):
        raise ApiError("thread_not_found")
    shown = [message.payload() for message in team.visible(channel, thread)]
    for payload in shown:
        payload["parent_user_id"] = first.user
    return _page(shown, args, _in_channel(team, first))


def _may_read(team: Team, channel_id: str) -> None:
    """Each kind of channel has a scope of its own, and the app has to be in it."""
    channel = team.channels.get(channel_id)
    if channel is None:
        raise ApiError("channel_not_found")
    scope = {"channel": "channels", "group": "groups"}.get(channel.kind, channel.kind) + ":history"
    if scope not in team.scopes:
        raise ApiError("missing_scope", needed=scope, provided=",".join(sorted(team.scopes)))
    if team.bot_user not in channel.members:
        raise ApiError("not_in_channel")


def _undeleted(team: Team, channel: str) -> list[Message]:
    """The messages of a channel, and those deleted ones that have a thread."""
    first = {m.thread_ts for m in team.messages.values() if m.channel == channel and not m.deleted}
    kept = [m for m in team.messages.values() if m.channel == channel and m.deleted]
    gone = [message for message in kept if message.ts in first and not message.thread_ts]
    return sorted([*team.visible(channel), *gone], key=lambda message: message.ts)


def _in_channel(team: Team, message: Message) -> JSON:
    payload = _tombstone(message) if message.deleted else message.payload()
    return payload | _thread_of(team, message)


def _thread_of(team: Team, message: Message) -> JSON:
    """What the first message of a thread says of it; nothing of another message
    (https://docs.slack.dev/messaging/retrieving-messages)."""
    if not (thread := team.visible(message.channel, message.ts)):
        return {}
    users = list(dict.fromkeys(reply.user for reply in thread))
    return {
        "thread_ts": message.ts,
        "reply_count": len(thread),
        "reply_users": users[:5],
        "reply_users_count": len(users),
        "latest_reply": thread[-1].ts,
    }


def _tombstone(message: Message) -> JSON:
    payload = {**message.payload(), "subtype": "tombstone", "user": "USLACKBOT", "hidden": True}
    return payload | {"text": "This message was deleted."}


def _page(messages: list[JSON], args: JSON, *always: JSON) -> JSON:
    """The page at `cursor`; https://docs.slack.dev/apis/web-api/pagination."""
    oldest, latest = str(args.get("oldest") or "0"), str(args.get("latest") or "9")
    inclusive = str(args.get("inclusive")) in ("1", "true", "True")
    limit, start = int(args.get("limit", 100)), int(args.get("cursor") or 0)
    if limit > 999:
        raise ApiError("invalid_limit")
    found = [
        payload
        for payload in messages
        if oldest < payload["ts"] < latest or (inclusive and payload["ts"] in (oldest, latest))
    ]
    shown = [*always, *found[start : start + limit]]
    if str(args.get("include_all_metadata")) not in ("1", "true", "True"):
        for payload in shown:
            payload.pop("metadata", None)
    more = len(found) > start + limit
    cursor = str(start + limit) if more else ""
    return {"messages": shown, "has_more": more, "response_metadata": {"next_cursor": cursor}}


# ---------------------------------------------------------------- streams


def start_stream(team: Team, args: JSON) -> JSON:
    channel = team.channels.get(args["channel"])
    _may_post(team, args["channel"])
    assert channel is not None
    if not args.get("thread_ts"):
        raise ApiError("invalid_thread_ts")
    if not channel.streams:
        raise ApiError("channel_type_not_supported")
    if channel.kind != "im":
        for name in ("recipient_team_id", "recipient_user_id"):
            if not args.get(name):
                raise ApiError(f"missing_{name}")
    message = Message(team.next_ts(), channel.id, team.bot_user, team.bot_id)
    message.thread_ts = args["thread_ts"]
    message.streaming, message.stream_began = True, team.clock.monotonic()
    team.messages[channel.id, message.ts] = message
    team.lines.pop((channel.id, message.thread_ts), None)
    _append(message, args)
    return {"channel": channel.id, "ts": message.ts}


def append_stream(team: Team, args: JSON) -> JSON:
    message = _open_stream(team, args)
    if not args.get("markdown_text"):
        raise ApiError("no_text")
    _append(message, args)
    return {"channel": message.channel, "ts": message.ts}


def stop_stream(team: Team, args: JSON) -> JSON:
    message = _open_stream(team, args)
    if args.get("blocks"):
        check_blocks(args["blocks"])
    _append(message, args)
    message.streaming = False
    message.blocks = args.get("blocks") or []
    if status := args.get("session_status"):
        team.sessions[message.channel, message.thread_ts] = status
    return {"channel": message.channel, "ts": message.ts, "message": message.payload()}


def _append(message: Message, args: JSON) -> None:
    text = args.get("markdown_text") or ""
    if len(text) > MARKDOWN_CHARACTERS:
        raise ApiError("msg_too_long")
    if len((message.markdown + text).encode()) > STREAM_BYTES:
        message.streaming = False
        raise ApiError("message_not_in_streaming_state")
    if text:
        message.markdown += text
        message.history.append(message.shown)


def _open_stream(team: Team, args: JSON) -> Message:
    message = _own(team, args)
    if message.stopped_by_user:
        raise ApiError("stopped_by_user")
    if message.streaming and team.clock.monotonic() - message.stream_began > STREAM_SECONDS:
        message.streaming = False
    if not message.streaming:
        raise ApiError("message_not_in_streaming_state")
    return message


# ---------------------------------------------------------------- the rest


def set_session_status(team: Team, args: JSON) -> JSON:
    if args["status"] not in ("active", "processing", "suspended", "closed"):
        raise ApiError("invalid_arguments")
    where = args["channel_id"], args["thread_ts"]
    if where not in team.sessions and args.get("title"):
        team.titles[where] = args["title"]  # only where the session is created
    team.sessions[where] = args["status"]
    return {}


def set_thread_title(team: Team, args: JSON) -> JSON:
    team.titles[args["channel_id"], args["thread_ts"]] = args["title"]
    return {}


def publish_view(team: Team, args: JSON) -> JSON:
    """https://docs.slack.dev/reference/methods/views.publish"""
    if args["user_id"] not in team.users:
        raise ApiError("invalid_arguments")
    view = args["view"]
    if view["type"] != "home" or len(view["blocks"]) > 100:
        raise ApiError("invalid_arguments")
    for block in view["blocks"]:
        if block["type"] == "section" and not 0 < len(block["text"]["text"]) <= SECTION_CHARACTERS:
            raise ApiError("invalid_blocks")
    team.homes[args["user_id"]] = view
    return {"view": view}


def set_thread_status(team: Team, args: JSON) -> JSON:
    where = args["channel_id"], args["thread_ts"]
    team.statuses.append((*where, args["status"]))
    team.lines[where] = (args["status"], team.clock.monotonic())
    return {}


def set_prompts(team: Team, args: JSON) -> JSON:
    team.prompts.append(args)
    return {}


def open_view(team: Team, args: JSON) -> JSON:
    made = team.triggers.get(args["trigger_id"])
    if made is None or team.clock.monotonic() - made > team.trigger_seconds:
        raise ApiError("expired_trigger_id")
    view = {"id": f"V{len(team.views) + 1}", **args["view"]}
    team.views.append(view)
    return {"view": view}


def upload_url(team: Team, args: JSON) -> JSON:
    file = File(f"F{len(team.files) + 1}", args["filename"])
    team.files[file.id] = file
    return {"file_id": file.id, "upload_url": f"/upload/{team.id}/{file.id}"}


def complete_upload(team: Team, args: JSON) -> JSON:
    _may_post(team, args["channel_id"])
    done = []
    for entry in args["files"]:
        file = team.files[entry["id"]]
        file.channel, file.thread_ts = args["channel_id"], args.get("thread_ts") or ""
        done.append({"id": file.id, "title": entry.get("title", "")})
    return {"files": done}


def delete_file(team: Team, args: JSON) -> JSON:
    file = team.files.get(args["file"])
    if file is None or file.deleted:
        raise ApiError("file_not_found")
    file.deleted = True
    return {}


METHODS: dict[str, tuple[Method, str]] = {
    "auth.test": (auth_test, ""),
    "users.info": (users_info, "users:read"),
    "chat.postMessage": (post_message, "chat:write"),
    "chat.postEphemeral": (post_ephemeral, "chat:write"),
    "chat.update": (update, "chat:write"),
    "chat.delete": (delete, "chat:write"),
    "chat.startStream": (start_stream, "chat:write"),
    "chat.appendStream": (append_stream, "chat:write"),
    "chat.stopStream": (stop_stream, "chat:write"),
    "conversations.info": (conversations_info, "channels:read"),
    "conversations.history": (history, ""),
    "conversations.replies": (replies, ""),
    "agents.sessions.setStatus": (set_session_status, "chat:write"),
    "assistant.threads.setStatus": (set_thread_status, "chat:write"),
    "assistant.threads.setSuggestedPrompts": (set_prompts, "assistant:write"),
    "assistant.threads.setTitle": (set_thread_title, "assistant:write"),
    "views.open": (open_view, ""),
    "views.publish": (publish_view, ""),
    "files.getUploadURLExternal": (upload_url, "files:write"),
    "files.completeUploadExternal": (complete_upload, "files:write"),
    "files.delete": (delete_file, "files:write"),
}
"""Each method with the scope that it asks for."""
