"""Pages of messages, as conversations.history and conversations.replies answer
(https://docs.slack.dev/apis/web-api/pagination)."""

from typing import Any

from adapters.slack.api import JSON
from adapters.slack.incoming import moment_of
from adapters.slack.workspaces import Workspace


async def fetch_page(workspace: Workspace, method: str, **arguments: Any) -> tuple[list[JSON], str]:
    """One page: its messages that have a ``ts``, and the cursor of the next page; "" where there is
    none. What is of another type is left out. Waits for the method's rate limit. Raises
    SurfaceError."""
    await workspace.tiers.turn(method)
    response = await workspace.gateway.patiently(method, **arguments)
    listed, metadata = response.get("messages"), response.get("response_metadata")
    messages = listed if isinstance(listed, list) else []
    shown: list[JSON] = [
        one for one in messages if isinstance(one, dict) and moment_of(one.get("ts"))
    ]
    cursor = metadata.get("next_cursor") if isinstance(metadata, dict) else ""
    return shown, str(cursor or "")
