"""What the messages of an answer should show at a given moment."""

PLACEHOLDER = "…"
"""What a message shows while its answer has no text."""
