"""Files that are shared with a question (https://docs.slack.dev/reference/objects/file-object)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from adapters.common.attachments import Attachment
from adapters.slack.api import Gateway

_HELD_BY_SLACK = frozenset({"hosted", "snippet", "post"})
"""The modes of files that Slack hosts. Others are links to other servers, which must not get the
bot's token."""


def attachments_of(files: Sequence[Mapping[str, Any]], gateway: Gateway) -> list[Attachment]:
    """The files of a message event that Slack hosts, as attachments whose content is downloaded
    when it is read. Needs the scope files:read."""
    return [
        Attachment(
            str(file.get("name") or "a file"),
            str(file.get("mimetype") or ""),
            size if isinstance(size := file.get("size"), int) else 0,
            partial(gateway.download, str(file["url_private_download"])),
        )
        for file in files
        if file.get("mode") in _HELD_BY_SLACK and file.get("url_private_download")
    ]
