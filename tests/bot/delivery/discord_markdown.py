"""Discord's Markdown as its clients read it: their regular expressions, tried at each position.

From https://github.com/ItzDerock/discord-markdown-parser (src/utils/regex.ts) and the rules of
simple-markdown that it uses. Independent of `bot.delivery`, which is under test.
"""

import re
from collections.abc import Generator, Iterator

Shown = tuple[str, frozenset[str]]
"""A character, and how it is formatted."""

_CODE_BLOCK = re.compile(r"```(?:[a-z0-9_+\-.#]+\n)?\n*([^\n][\s\S]*?)\n*```", re.IGNORECASE)
_ESCAPE = re.compile(r"\\[^0-9A-Za-z\s]")
_CODE = re.compile(r"(`+)([\s\S]*?[^`])\1(?!`)")
_QUOTE = re.compile(r" *> [^\n]*(?:\n *> [^\n]*)*\n?")
_NESTED = {
    "spoiler": re.compile(r"\|\|([\s\S]+?)\|\|"),
    "bold": re.compile(r"\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)"),
    "underline": re.compile(r"__((?:\\[\s\S]|[^\\])+?)__(?!_)"),
    "italic": re.compile(
        r"\b_((?:__|\\[\s\S]|[^\\_])+?)_\b"
        r"|\*(?=\S)((?:\*\*|\\[\s\S]|\s+(?:\\[\s\S]|[^\s*\\]|\*\*)|[^\s*\\])+?)\*(?!\*)"
    ),
    "strike": re.compile(r"~~(?=\S)((?:\\[\s\S]|~(?!~)|[^\s~\\]|\s(?!~~))+?)~~"),
}


def shown(text: str, formats: frozenset[str] = frozenset()) -> Iterator[Shown]:
    """The characters of `text`, except marks, and how each is formatted."""
    at = 0
    while at < len(text):
        at = yield from _next(text, at, formats)


def _next(text: str, at: int, formats: frozenset[str]) -> Generator[Shown, None, int]:
    line_start = at == 0 or text[at - 1] == "\n"
    if line_start and "quote" not in formats and (quote := _QUOTE.match(text, at)):
        content = re.sub(r"^ *> ?", "", quote[0], flags=re.MULTILINE)
        yield from shown(content, formats | {"quote"})
        return quote.end()
    if block := _CODE_BLOCK.match(text, at):
        yield from ((sign, formats | {"block"}) for sign in block[1])
        return block.end()
    if escape := _ESCAPE.match(text, at):
        yield escape[0][1], formats | {"escaped"}
        return escape.end()
    if code := _CODE.match(text, at):
        yield from ((sign, formats | {"code"}) for sign in code[2])
        return code.end()
    for name, pattern in _NESTED.items():
        if found := pattern.match(text, at):
            content = next(group for group in found.groups() if group is not None)
            yield from shown(content, formats | {name})
            return found.end()
    yield text[at], formats
    return at + 1


def literal_marks(text: str) -> str:
    """The signs of code blocks and spoilers in `text` that are shown, since nothing closes them."""
    other = {"block", "code", "escaped"}
    plain = "".join(" " if formats & other else sign for sign, formats in shown(text))
    return "".join(re.findall(r"```|\|\|", plain))
