"""What a chat template does with messages' contents while it is rendered.

`bot.prompting.traced_text` writes it down here; the parent reads it (`bot.prompting.rendering`).
"""

from typing import Any

Step = tuple[Any, ...]
"""One operation of a view: the name of a method of str, its arguments, and the index of its result
that was taken, or None for the result itself."""

View = tuple[int, tuple[Step, ...]]
"""Text derived from one content: the content's number, and the steps in order."""

Check = tuple[tuple[str | View, ...], str, tuple[Any, ...], Any]
"""A text in parts, each a view or text that does not vary; a method of str that was called on it,
its arguments, and the result."""


class Trace:
    """What one rendering did with the contents."""

    def __init__(self) -> None:
        self.checks: dict[Check, None] = {}
        self.opaque = False


trace = Trace()
"""That of the rendering that is going on."""


def begin() -> Trace:
    """Start a new trace."""
    trace.__init__()  # type: ignore[misc]
    return trace


class Piece:
    """A run of characters of one origin."""

    __slots__ = ("origin", "text", "trusted")

    def __init__(self, text: str, *, trusted: bool, origin: View | None = None) -> None:
        self.text = text
        self.trusted = trusted
        self.origin = origin
        """The content of which the whole run is a view; None for text that is none."""
