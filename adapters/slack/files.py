"""Files that are shared with a question (https://docs.slack.dev/reference/objects/file-object)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from adapters.common.attachments import Attachment
from adapters.slack.api import Gateway
from bot.names import clean_name

_HELD_BY_SLACK = frozenset({"hosted", "snippet", "post"})
"""The modes of files that Slack hosts. Others are links to other servers, which must not get the
bot's token."""


def attachments_of(files: Sequence[Mapping[str, Any]], gateway: Gateway) -> list[Attachment]:
    """The files of a message event that Slack hosts, as attachments whose content is downloaded
    when it is read. Needs the scope files:read. A file without an address is left out."""
    return [
        Attachment(
            str(file.get("name") or "a file"),
            str(file.get("mimetype") or ""),
            size if isinstance(size := file.get("size"), int) else 0,
            partial(gateway.download, url),
        )
        for file in files
        if str(file.get("mode")) in _HELD_BY_SLACK
        and isinstance(url := file.get("url_private_download"), str)
    ]


def unread_files(files: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """A note for each file of a message that Slack does not host, or does not show any more."""
    return tuple(
        f"{clean_name(str(file.get('name') or file.get('title') or ''), 'A file')} was left out: "
        "Slack does not hold it."
        for file in files
        if str(file.get("mode")) not in _HELD_BY_SLACK
        or not isinstance(file.get("url_private_download"), str)
    )
