"""Strategies for random answers (Markdown as models write it, and pathological texts), streamed in
pieces and split into parts."""

from collections.abc import Callable
from random import Random

from hypothesis import strategies as st

from bot.delivery.splitting import Piece, Splitter
from bot.ports import Dialect

LETTERS = st.text("abc defg.,!? ", min_size=1, max_size=60)
UNICODE = st.text(max_size=40)
GRAPHEMES = st.lists(
    st.sampled_from(
        [
            "👨‍👩‍👧‍👦",
            "🏳️‍🌈",
            "🇩🇪",
            "🇫🇷",
            "e\u0301",
            "☝🏽",
            "1️⃣",
            "क्षि",
            "한",
            "각",
            "שָׁלוֹם",
            "مرحبا",
            "。",
            "你好",
            "\u200b",
        ]
    ),
    min_size=1,
    max_size=60,
).map("".join)
WORDS = st.text("abcdefghij", min_size=1, max_size=300)
SPACES = st.text(" \t\n\r\u00a0\u3000", min_size=1, max_size=80)
INLINE = st.sampled_from(
    [
        *("**bold** ", "*a*", "`code` ", "``a ` b``", "[a link](https://example.org/a_b) "),
        *("![", "**", "`", "\\", "\\*", "_", "<https://x.y> ", "||spoiler||", "~~gone~~ "),
        "https://example.org/x_y_z ",
    ]
)
MARKERS = st.sampled_from(
    ["```", "~~~", "````", "``````", "   ```", "> ```", "- ```", "1. ", "`" * 70]
)
FENCES = st.builds(
    lambda mark, info, body, end: f"{mark}{info}\n{body}\n{end}\n",
    MARKERS,
    st.sampled_from(["", "py", "python title=x", "c++", "a`b", "x" * 90]),
    st.lists(LETTERS | WORDS | SPACES, max_size=12).map("\n".join),
    MARKERS | st.just("```"),
)
ROWS = st.lists(LETTERS, min_size=1, max_size=4).map(lambda cells: "|" + "|".join(cells) + "|\n")
TABLES = st.builds(lambda head, rows: head + "|-|:-:|\n" + "".join(rows), ROWS, st.lists(ROWS))
ITEMS = st.lists(LETTERS, min_size=1).map(lambda xs: "".join(f"- {x}\n" for x in xs))
BREAKS = st.sampled_from(["\n", "\n\n", "\r\n", "\r\n\r\n", " ", ". ", "\r", "\n> ", "\n## "])
TEXTS = st.lists(
    st.one_of(LETTERS, UNICODE, GRAPHEMES, WORDS, SPACES, INLINE, FENCES, TABLES, ITEMS, BREAKS),
    max_size=25,
).map("".join)
"""Whole answers."""

LIMITS = st.sampled_from([16, 17, 24, 40, 64, 100, 200, 1000])


_WORD = st.text("abcdefghij", min_size=2, max_size=8)
_PHRASES = st.lists(_WORD, min_size=1, max_size=60).map(" ".join)
_MARKED = st.builds(
    lambda mark, inner, words: f"{mark}{inner}{words}{inner}{mark}",
    st.sampled_from(["**", "*", "_", "__", "||", "||"]),
    st.sampled_from(["", "", "~~", "`", "``"]),
    _PHRASES,
)
_CODE_BLOCKS = st.builds(
    lambda before, mark, info, lines, end: f"{before}{mark}{info}\n" + "\n".join(lines) + end,
    st.sampled_from(["\n", "\n\n", "Run this: ", "then "]),
    st.just("```"),
    st.sampled_from(["", "bash", "c++"]),
    st.lists(_PHRASES, min_size=1, max_size=8),
    st.sampled_from(["\n```\n", "```", "\n``` and "]),
)
_LONG_SPOILERS = st.lists(_PHRASES | _CODE_BLOCKS, min_size=1, max_size=3).map(
    lambda parts: "||" + "\n\n".join(parts) + "||"
)
MARKED_TEXTS = st.lists(
    st.one_of(_PHRASES, _MARKED, _CODE_BLOCKS, _LONG_SPOILERS, st.sampled_from(["\n\n", "\n- "])),
    min_size=1,
    max_size=12,
).map(" ".join)
"""Answers in Discord's dialect in which every mark is closed, and words are not longer than 8."""


def chunks(text: str, random: Random) -> list[str]:
    """The text in random pieces, as a model might stream it."""
    pieces = []
    while text:
        size = random.choice([1, 2, 3, 7, 30, 200])
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def split(
    text: str,
    max_units: int,
    units: Callable[[str], int] = len,
    dialect: Dialect = Dialect.COMMONMARK,
) -> list[Piece]:
    """All parts of a complete text; none for ""."""
    splitter = Splitter(max_units, units, dialect)
    splitter.feed(text)
    return [*splitter.closed, splitter.rest] if text else []
