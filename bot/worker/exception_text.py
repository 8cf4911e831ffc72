"""An exception, in words."""

PART = 200
"""`limit` for what is part of a longer line."""


def one_line(exc: BaseException, limit: int = 300) -> str:
    """An exception's type and text in one line of at most `limit` characters of text."""
    text = " ".join(str(exc).split())
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
