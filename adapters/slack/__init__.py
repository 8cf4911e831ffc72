"""Parley on Slack, by Bolt: Socket Mode or HTTP, one workspace or several.

Where an event enters: `listeners`. What a message asks for: `incoming`; a command: `slash`; a
button: `buttons`. How an answer is shown: `surface`, natively streamed by `streams`.
"""

from adapters.slack.manifest import app_manifest
from adapters.slack.serving import serve

__all__ = ["app_manifest", "serve"]
