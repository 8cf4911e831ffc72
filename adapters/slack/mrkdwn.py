"""Slack's text, both ways: what people typed as plain text, and what the model wrote made harmless.

Incoming text carries entities in angle brackets and escapes ``& < >`` otherwise
(https://docs.slack.dev/messaging/formatting-message-text). Outgoing there is no way to forbid
mentions, so those that would ping are broken by an invisible sign.
"""

import re
from collections.abc import Awaitable, Callable

JOINER = "\u2060"
"""Invisible, without width, and allows no line break (U+2060)."""

Names = Callable[[str], Awaitable[str]]
"""The name of a person, by id."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_ENTITY = re.compile(r"<([^<>\n]*)>")
_MENTION_AHEAD = re.compile(r"\s*<@([A-Z0-9]+)(?:\|[^<>]*)?>[\s:,]*")
_LT = r"(?:<|&lt;|&#0*60;|&#[xX]0*3[cC];)"
_PINGS = re.compile(rf"({_LT}!)(?=[chegs])|({_LT}@)(?=[UWS])")
"""The beginnings of <!channel>, <!here>, <!everyone>, <!group>, <!subteam^…> and <@U…>. Only the
first letter is looked at: what was shown of a growing text must not change as it grows."""


# ---------------------------------------------------------------- incoming


def addressee(text: str) -> str:
    """The id of whom a message mentions first thing; "" where it begins otherwise."""
    found = _MENTION_AHEAD.match(text)
    return found[1] if found else ""


def without_mention(text: str, user: str) -> str:
    """`text` without a mention of `user` at its very beginning."""
    found = _MENTION_AHEAD.match(text)
    return text[found.end() :] if found and found[1] == user else text


def without_code(text: str) -> str:
    """`text` without code spans and code blocks: nothing in them is a mention."""
    return _CODE.sub("", text)


async def plain(text: str, names: Names) -> str:
    """What was typed: people by name, links as written, escapes undone."""
    pieces, end = [], 0
    for found in _ENTITY.finditer(text):
        pieces += [text[end : found.start()], await _entity(found[1], names)]
        end = found.end()
    pieces.append(text[end:])
    return _unescape("".join(pieces)).strip()


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


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


# ---------------------------------------------------------------- outgoing


def harmless(text: str) -> str:
    """Markdown that pings nobody. The beginning of a text gives the beginning of the result."""
    return _PINGS.sub(lambda found: f"{found[0]}{JOINER}", text)


def escaped(text: str) -> str:
    """Plain text for fields in mrkdwn: nothing in it is an entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def units(text: str) -> int:
    """What a text takes of a message: the bytes of what is sent."""
    return len(harmless(text).encode("utf-8", "replace"))
