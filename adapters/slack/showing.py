"""Shows a question that nobody typed into the channel: of a command or a shortcut."""

from adapters.slack import mrkdwn
from adapters.slack.workspaces import Workspace
from bot.messages import Person

LONGEST_QUESTION_SHOWN = 2500
"""Characters of a question in the message that shows it."""


async def show_question(
    workspace: Workspace, channel: str, person: Person, question: str, thread: str = ""
) -> str:
    """Post the question; the ``ts`` of its message. Raises SurfaceError."""
    await workspace.tiers.turn("chat.postMessage", channel)
    shown = question
    if len(shown) > LONGEST_QUESTION_SHOWN:
        shown = f"{shown[:LONGEST_QUESTION_SHOWN]}…"
    posted = await workspace.gateway.patiently(
        "chat.postMessage",
        channel=channel,
        thread_ts=thread or None,
        markdown_text=mrkdwn.harmless(f"**{person.name} asks:** {shown}"),
        unfurl_links=False,
        unfurl_media=False,
    )
    return str(posted["ts"])
