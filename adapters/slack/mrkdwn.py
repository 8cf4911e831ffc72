"""Converts Slack's mrkdwn: incoming messages to plain text, outgoing text so that it pings nobody.

Incoming text has entities in angle brackets, and every other ``&``, ``<`` and ``>`` is escaped
(https://docs.slack.dev/messaging/formatting-message-text). Outgoing, the API has no option to
disallow mentions, so an invisible character is inserted into those that would ping.
"""

import re
from collections.abc import Awaitable, Callable

WORD_JOINER = "\u2060"
"""U+2060: invisible, of zero width, and no line break opportunity."""

Names = Callable[[str], Awaitable[str]]
"""Looks up the display name of a person by id."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_ENTITY = re.compile(r"<([^<>\n]*)>")
_LEADING_MENTION = re.compile(r"\s*<@([A-Z0-9]+)(?:\|[^<>]*)?>[\s:,]*")
_LT = r"(?:<|&lt;|&#0*60;|&#[xX]0*3[cC];)"
_PINGS = re.compile(rf"({_LT}!)(?=[chegs])|({_LT}@)(?=[UWS])")
"""The beginnings of <!channel>, <!here>, <!everyone>, <!group>, <!subteam^…> and <@U…>. Only one
letter is looked at, so that text which was streamed already stays the same when more follows."""


# ---------------------------------------------------------------- incoming


def addressee(text: str) -> str:
    """The id of the person whose mention begins the message; "" where none does."""
    found = _LEADING_MENTION.match(text)
    return found[1] if found else ""


def without_mention(text: str, user: str) -> str:
    """`text` without a mention of `user` at its beginning."""
    found = _LEADING_MENTION.match(text)
    return text[found.end() :] if found and found[1] == user else text


def without_code(text: str) -> str:
    """`text` without code spans and code blocks: nothing in them is a mention."""
    return _CODE.sub("", text)


async def plain(text: str, names: Names) -> str:
    """`text` as it was typed: mentions become names, links their addresses, escapes characters."""
    pieces, end = [], 0
    for found in _ENTITY.finditer(text):
        pieces += [text[end : found.start()], await _entity(found[1], names)]
        end = found.end()
    pieces.append(text[end:])
    return unescape("".join(pieces)).strip()


async def _entity(inside: str, names: Names) -> str:
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return f"@{await names(target[1:])}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return _special(target[1:], label)
    address = target.removeprefix("mailto:")
    return f"{label} ({address})" if label and label not in target else address


def _special(command: str, label: str) -> str:
    if command.startswith("date^"):
        return label
    return label or f"@{command.partition('^')[0]}"


def unescape(text: str) -> str:
    """The characters that Slack escapes, as they were typed."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


# ---------------------------------------------------------------- outgoing


def harmless(text: str) -> str:
    """`text` (Markdown) with `WORD_JOINER` in every mention, so that it pings nobody. The result
    for a beginning of `text` is a beginning of the result for `text`: safe for streaming."""
    return _PINGS.sub(lambda found: f"{found[0]}{WORD_JOINER}", text)


def escaped(text: str) -> str:
    """Plain text escaped for a mrkdwn field: nothing in it is an entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def units(text: str) -> int:
    """The length of `text` in a message: UTF-8 bytes after `harmless`."""
    return len(harmless(text).encode("utf-8", "replace"))
