"""The beginning of a thought, folded into a few quoted small lines above its answer."""

import re
import textwrap

LONGEST = 240
"""Characters that are shown of a thought."""
WIDTH = 90
"""Characters of a line."""

_MARKUP = re.compile(r"[`*_~|<>#\[\]\\]+")
"""What could be Markdown, a mention or a tag: the lines are plain words."""


def folded(thought: str) -> list[str]:
    """The lines: plain words, "…" at the end where the thought is longer; none for a thought of
    nothing but marks. They depend on the beginning of the thought alone, so that the same thought
    always gives the same lines."""
    words = " ".join(_MARKUP.sub(" ", thought[: 4 * LONGEST]).split())
    if len(words) > LONGEST:
        words = f"{words[: LONGEST - 1].rsplit(' ', 1)[0]}…"
    elif len(thought) > 4 * LONGEST:
        words = f"{words}…" if words else ""
    return textwrap.wrap(words, WIDTH, break_long_words=False, break_on_hyphens=False)


def quoted(lines: list[str], quote: str) -> str:
    """The lines as Markdown in front of an answer, each after the mark `quote`."""
    return "\n".join(f"{quote}{line}" for line in lines) + "\n\n" if lines else ""
