"""The terminal: a conversation on a screen, or plain text through pipes."""

from adapters.console.chat import Chat
from adapters.console.growing import GrowingAnswer
from adapters.console.lines import Lines, PipedLines, TypedLines
from adapters.console.markdown import harmless
from adapters.console.plain import PlainScreen, PlainSurface, PlainText
from adapters.console.screen import RichScreen, Screen

__all__ = [
    "Chat",
    "GrowingAnswer",
    "Lines",
    "PipedLines",
    "PlainScreen",
    "PlainSurface",
    "PlainText",
    "RichScreen",
    "Screen",
    "TypedLines",
    "harmless",
]
