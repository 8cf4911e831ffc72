"""Pages of messages, as conversations.history and conversations.replies answer
(https://docs.slack.dev/apis/web-api/pagination)."""

from collections.abc import Mapping
from typing import Any

from adapters.slack.incoming import moment_of


def page_of(response: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The messages of a page that have a ``ts``, and the cursor of the next page; "" where there is
    none. What is of another type is left out."""
    listed, metadata = response.get("messages"), response.get("response_metadata")
    messages = listed if isinstance(listed, list) else []
    shown = [one for one in messages if isinstance(one, dict) and moment_of(one.get("ts"))]
    cursor = metadata.get("next_cursor") if isinstance(metadata, dict) else ""
    return shown, str(cursor or "")
