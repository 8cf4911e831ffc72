"""A Slack on this machine, faithful in what Parley relies on; for tests."""

from tests.slack_loopback.people import Someone, Used
from tests.slack_loopback.server import (
    APP_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    HttpEvents,
    LoopbackSlack,
)
from tests.slack_loopback.state import ApiError, File, Message, Team, TooFast

__all__ = [
    "APP_TOKEN",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "ApiError",
    "File",
    "HttpEvents",
    "LoopbackSlack",
    "Message",
    "Someone",
    "Team",
    "TooFast",
    "Used",
]
