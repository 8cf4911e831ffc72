"""What a message on Slack says: its words, the blocks of apps, attachments (shared messages,
previews of links, cards of apps) and files.

Formats: https://docs.slack.dev/reference/block-kit/blocks and
https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments. Of a shared
message Slack puts a copy into ``attachments`` (``is_share``, or ``is_msg_unfurl`` for a link to a
message): only what that copy holds is used, since whoever reads it may not be able to see the
channel that it comes from. Nothing here raises for a field of another shape: it counts as empty.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from adapters.common.attachments import Attachment
from adapters.common.pointed import Pointed, Quoted, embed_text, forward_text, joined
from adapters.slack import mrkdwn
from adapters.slack.files import attachments_of, unread_files
from adapters.slack.payloads import JSON, Malformed, text
from adapters.slack.workspaces import Workspace
from bot.names import clean_name

LONGEST = 8_000
"""Characters of one text in an attachment or block that are looked at, and of all together, before
the rest is left: each mention in them costs a look-up of a name."""
MOST_ATTACHMENTS = 20
"""Attachments of a message that are read. Slack allows 100, and shows a few."""
_DEPTH = 8
"""Levels of blocks within blocks."""


async def carried(workspace: Workspace, message: JSON) -> Pointed:
    """What a message holds beside its words and its own files."""
    parts: list[Pointed] = []
    for attachment in objects(message, "attachments")[:MOST_ATTACHMENTS]:
        read = _shared if is_shared(attachment) else _card
        parts.append(await read(workspace, attachment))
        if sum(len(part.text) for part in parts) > LONGEST:
            break
    return Pointed(
        joined(part.text for part in parts),
        [file for part in parts for file in part.files],
        (
            *unread_files(objects(message, "files")),
            *(note for part in parts for note in part.notes),
        ),
    )


async def quoted(workspace: Workspace, message: JSON) -> Quoted:
    """A message that a question is about, of a person or of an app."""
    words = await _words(workspace, message)
    beside = await carried(workspace, message)
    files = [*attachments_of(objects(message, "files"), workspace.gateway), *beside.files]
    name = await author(workspace, message)
    return Quoted(name, joined((words, beside.text)), files, beside.notes)


async def said(workspace: Workspace, message: JSON) -> str:
    """The text of `quoted` alone."""
    words = await _words(workspace, message)
    return joined((words, (await carried(workspace, message)).text))


def names_of_files(message: JSON) -> tuple[str, ...]:
    """The names of the files beside a message."""
    files = objects(message, "files")
    return tuple(field(file, "name") or field(file, "title") for file in files)


async def author(workspace: Workspace, message: JSON) -> str:
    """The name of whoever wrote it, a person or an app, made harmless."""
    said = field(message, "username") or field(_object(message, "bot_profile"), "name")
    user = field(message, "user")
    if said or not user:
        return clean_name(said, "an app")
    return await workspace.people.name(user)


async def _words(workspace: Workspace, message: JSON) -> str:
    """What was typed; of an app that wrote blocks only, their texts."""
    typed = field(message, "text") or "\n".join(_in_blocks(objects(message, "blocks")))
    typed = mrkdwn.without_mention(typed[:LONGEST], workspace.bot_user)
    return await mrkdwn.plain(typed, workspace.people.name)


# ---------------------------------------------------------------- attachments


def is_shared(attachment: JSON) -> bool:
    """Whether an attachment is the copy of a message."""
    return any(attachment.get(f"is_{how}") for how in ("share", "msg_unfurl", "reply_unfurl"))


async def _shared(workspace: Workspace, attachment: JSON) -> Pointed:
    """A message that was shared, or linked to."""
    raw = field(attachment, "text") or "\n".join(_in_shared(attachment))
    words = await mrkdwn.plain(raw[:LONGEST], workspace.people.name)
    if not words:
        words = await mrkdwn.plain(field(attachment, "fallback"), workspace.people.name)
    named = field(attachment, "author_name") or field(attachment, "author_subname")
    files, notes = _previews(objects(attachment, "files"))
    return Pointed(forward_text(words, clean_name(named)), files, notes)


def _in_shared(attachment: JSON) -> Iterator[str]:
    for held in objects(attachment, "message_blocks"):
        yield from _in_blocks(objects(_object(held, "message"), "blocks"))


async def _card(workspace: Workspace, attachment: JSON) -> Pointed:
    """The card of an app, or the preview of a link."""
    names = ("service_name", "author_name", "title", "pretext", "text")
    lines = [field(attachment, name) for name in names]
    lines += [f"{field(one, 'title')}: {field(one, 'value')}" for one in _fields(attachment)]
    lines += _in_blocks(objects(attachment, "blocks"))
    if not any(lines):
        lines = [field(attachment, "fallback")]
    raw = [*lines, field(attachment, "footer")] if any(lines) else []
    plain = [await mrkdwn.plain(line, workspace.people.name) for line in raw if line]
    return Pointed(embed_text(plain))


def _fields(attachment: JSON) -> Sequence[JSON]:
    return [one for one in objects(attachment, "fields") if field(one, "title")]


def _previews(files: Sequence[JSON]) -> tuple[list[Attachment], tuple[str, ...]]:
    """The files of a shared message: the beginning that Slack shows of them. The files themselves
    may belong to a place that the reader cannot see."""
    shown, notes = [], []
    for file in files:
        name, preview = field(file, "name") or "a file", field(file, "preview")
        if not preview:
            notes.append(
                f"{clean_name(name, 'A file')} was left out: it belongs to the shared message. "
                "Attach it to your question."
            )
            continue
        data = preview.encode("utf-8", "replace")
        shown.append(Attachment(name, "text/plain", len(data), _reader(data)))
        if file.get("preview_is_truncated") is not False:
            notes.append(f"{clean_name(name, 'A file')} is shared: I read the beginning of it.")
    return shown, tuple(notes)


def _reader(data: bytes) -> Callable[[int], Awaitable[bytes]]:
    async def read(most: int) -> bytes:
        return data[:most]

    return read


# ---------------------------------------------------------------- blocks


def _in_blocks(blocks: Sequence[JSON], depth: int = _DEPTH) -> Iterator[str]:
    """The texts of blocks, one for each line of a reader."""
    for block in blocks if depth else ():
        match field(block, "type"):
            case "rich_text" | "rich_text_list":
                yield from _in_blocks(objects(block, "elements"), depth - 1)
            case "rich_text_section" | "rich_text_preformatted" | "rich_text_quote":
                yield "".join(_element(one) for one in objects(block, "elements"))
            case "context":
                yield from (_text(one) for one in objects(block, "elements"))
            case _:
                yield _text(block)
                yield from (_text(one) for one in objects(block, "fields"))


def _text(block: JSON) -> str:
    """The text of a block or of an object with text; mrkdwn, or plain text, escaped like it."""
    held = block.get("text")
    if not isinstance(held, Mapping):
        return field(block, "text")
    plain = held.get("type") == "plain_text"
    return mrkdwn.escaped(field(held, "text")) if plain else field(held, "text")


def _element(element: JSON) -> str:
    """An element of rich text, as mrkdwn writes it."""
    match field(element, "type"):
        case "text":
            return mrkdwn.escaped(field(element, "text"))
        case "link":
            return mrkdwn.escaped(field(element, "text") or field(element, "url"))
        case "user":
            return f"<@{field(element, 'user_id')}>"
        case "channel":
            return f"<#{field(element, 'channel_id')}>"
        case "emoji":
            return f":{field(element, 'name')}:"
        case _:
            return ""


# ---------------------------------------------------------------- fields of any shape


def field(payload: JSON, name: str) -> str:
    """The string `name`, at most `LONGEST` characters; "" where it is none."""
    try:
        return text(payload, name, "")[:LONGEST]
    except Malformed:
        return ""


def objects(payload: JSON, name: str) -> Sequence[JSON]:
    """The objects in the list `name`; what is none is left out."""
    held = payload.get(name)
    return [one for one in held if isinstance(one, Mapping)] if isinstance(held, list) else []


def _object(payload: JSON, name: str) -> JSON:
    held = payload.get(name)
    return held if isinstance(held, Mapping) else {}
