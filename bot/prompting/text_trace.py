"""What a chat template does with messages' contents while it is rendered.

`bot.prompting.traced_text` writes it down here; the parent reads it (`bot.prompting.rendering`).
"""

from math import prod
from typing import Any

Step = tuple[Any, ...]
"""One operation of a view: the name of a method of str, its arguments, and the index of its result
that was taken, or None for the result itself."""

View = tuple[int, tuple[Step, ...]]
"""Text derived from one content: the content's number, and the steps in order."""

Check = tuple[tuple[str | View, ...], str, tuple[Any, ...], Any]
"""A text in parts, each a view or text that does not vary; a method of str that was called on it,
its arguments, and the result."""


MOST_CHECKS = 10_000
"""Checks of one rendering; templates make some ten for each message."""
MOST_CHARACTERS = 1_000_000
"""Of the texts in all checks."""
MOST_STEPS = 30
"""Of one view."""
MOST_GROWTH = 50.0
"""How many characters a view may have for each one of its content."""

_CASES = frozenset({"upper", "lower", "title", "capitalize", "swapcase", "casefold"})
"""Methods that give up to three characters for one (SpecialCasing.txt of Unicode)."""


class Trace:
    """What one rendering did with the contents, within bounds: the parent repeats it for other
    contents, outside the limits of this process. Beyond the bounds the trace is opaque."""

    def __init__(self) -> None:
        self.checks: dict[Check, None] = {}
        self.opaque = False
        self._characters = 0

    def note(self, check: Check) -> None:
        """Record a check."""
        if self.opaque or check in self.checks:
            return
        subject, _, arguments, _ = check
        self._characters += sum(len(part) for part in subject if isinstance(part, str))
        self._characters += sum(len(value) for value in arguments if isinstance(value, str | tuple))
        self.checks[check] = None
        if len(self.checks) > MOST_CHECKS or self._characters > MOST_CHARACTERS:
            self.opaque = True
            self.checks.clear()

    def after(self, view: View, step: Step) -> View | None:
        """The view that `step` makes of `view`. None, and the trace is opaque, where another
        content could grow by it without end, or the steps are too many."""
        number, steps = view
        if len(steps) >= MOST_STEPS or prod(map(_growth, (*steps, step))) > MOST_GROWTH:
            self.opaque = True
            return None
        return number, (*steps, step)


def _growth(step: Step) -> float:
    """Characters that the step gives for one, at most."""
    name, arguments, _ = step
    if name == "replace":
        old, new = len(arguments[0]), len(arguments[1])
        return max(1.0, new / old) if old else 1.0 + new
    return 3.0 if name in _CASES else 1.0


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
