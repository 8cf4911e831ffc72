"""Which marks a text leaves open at its end, so that a cut there can close and reopen them.

Discord's rules are those of its own clients, a set of regular expressions for simple-markdown,
which https://github.com/ItzDerock/discord-markdown-parser (src/utils/regex.ts) and
https://github.com/brussell98/discord-markdown (index.js) reproduce:

- Three backticks anywhere open a code block, which ends at the next three anywhere. The word
  directly after them is a language only where a line break follows. In a quotation, a code block
  ends with that.
- ``||`` opens a spoiler, which ends at the next ``||``, even in a later paragraph or in code.
- A code span ends at the next run of as many backticks.
- Whatever is not closed in the same message is shown literally.

The other marks are read as in CommonMark (`inline`), in both dialects. Of a mark that is still
open, it is a guess whether it will be closed: not if it follows a letter or a digit, or precedes a
space, or if its block has ended.
"""

import re
from dataclasses import dataclass, replace

from bot.delivery.inline import Opener, TokenPattern, read_run
from bot.delivery.markdown import code_end
from bot.ports import Dialect

SPOILER = "||"


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark that a text leaves open."""

    start: int
    """Its offset in the text."""
    opener: str
    """What reopens it."""
    closer: str
    """What closes it."""
    empty: bool = False
    """Whether nothing that it encloses follows it in the text, but a code block's language."""
    bare: bool = False
    """Whether nothing but space follows it."""

    @property
    def is_fence(self) -> bool:
        """Whether it is a code block; it is the innermost mark then."""
        return self.closer.startswith("\n")

    @property
    def is_essential(self) -> bool:
        """Whether leaving it open would do harm: show a spoiler, or the rest of a message as
        code."""
        return self.is_fence or self.opener == SPOILER

    @property
    def plain(self) -> "Mark":
        """The shortest form of the mark: of a code block, without language and quotation."""
        return replace(self, opener="```\n", closer="\n```") if self.is_fence else self


TOKEN = TokenPattern(
    r"""
      (?P<escape>  \\[^0-9A-Za-z\s] )
    | (?P<url>     https?://[^\s<>*)\]|`]*+ )
    | (?P<code>    `++ )
    | (?P<spoiler> \|\| )
    | (?P<block>   \n(?=[ \t\r]*+(?:\n|\||(?:[-*+>]|\d{1,9}[.)]|\#{1,6})[ \t])) )
    | (?P<run>     \*++ | _++ | ~~++ )
    """,
    r"\\|https?://|`|\|\||\n|\*|_|~~",
)
_FENCE = re.compile(r"```(?:(?P<language>[A-Za-z0-9_+\-.#]++)(?:\n|\Z))?+\n*+")
_BREAKS_CODE = re.compile(r"\n\n|```|\|\|")
"""What a code span that is not closed is not believed to contain."""
_QUOTE_END = re.compile(r"\n(?![ ]*+>[ ])")
_DEEPEST = 4
"""Emphasis is nested no deeper; more opening marks than that are taken literally."""
_LONGEST_RUN = {"*": 3, "_": 3, "~": 2}


def open_marks(text: str, dialect: Dialect) -> list[Mark]:
    """The marks that `text` leaves open, the outermost first.

    For CommonMark, `text` is to be one paragraph or its beginning, without code fences; for
    Discord, a message or its beginning. An approximation: it errs towards marks that are not
    reopened, except that no open code block and no open spoiler of Discord is missed.
    """
    discord = dialect is Dialect.DISCORD
    marks, openers = list[Mark](), list[Opener]()
    at = 0
    while token := TOKEN.search(text, at):
        at = token.end()
        match token.lastgroup:
            case "code":
                found = _fence(text, token) if discord and len(token[0]) > 2 else _code(text, token)
                if isinstance(found, Mark):
                    if found.is_fence:
                        openers.clear()
                    marks.append(found)
                    break
                at = found
            case "spoiler" if discord:
                end = text.find(SPOILER, at + 1)
                if end >= 0:
                    at = end + len(SPOILER)
                elif not any(mark.opener == SPOILER for mark in marks):
                    empty = not text[at:].strip()
                    marks.append(Mark(token.start(), SPOILER, SPOILER, empty, empty))
            case "block":
                openers.clear()
            case "run":
                read_run(text, token, openers)
    likely = [opener for opener in openers if _is_likely(text, opener)]
    if len(likely) <= _DEEPEST:
        marks += (_emphasis(text, opener) for opener in likely)
    return sorted(marks, key=lambda mark: mark.start)


def _fence(text: str, token: re.Match[str]) -> Mark | int:
    """Discord's code block, if it is open at the end; else where to continue."""
    start = token.start()
    opener = _FENCE.match(text, start)
    assert opener is not None, "the token has three backticks"
    line = text[text.rfind("\n", 0, start) + 1 : start]
    quoted = line.lstrip(" ").startswith("> ")
    over = _QUOTE_END.search(text, start) if quoted else None
    stop = over.start() if over else len(text)
    end = text.find("```", opener.end() + 1, stop)
    if end < 0 and opener["language"]:
        end = text.find("```", start + 4, stop)
    if end >= 0:
        return end + 3
    if over:
        return token.end()  # shown literally: the quotation has ended
    lead = "> " if quoted else ""
    empty = not text[opener.end() :].strip(" \t\r\n>")
    bare = empty and not opener["language"]
    return Mark(start, f"{lead}```{opener['language'] or ''}\n", f"\n{lead}```", empty, bare)


def _code(text: str, token: re.Match[str]) -> Mark | int:
    """A code span, if it is open at the end; else where to continue. One with three backticks or
    more is not reopened, since a message that begins with these begins with a fence."""
    end = code_end(text, token)
    if end is not None:
        return end
    rest = text[token.end() :]
    if len(token[0]) > 2 or rest[:1].isspace() or _BREAKS_CODE.search(rest):
        return token.end()
    return Mark(token.start(), token[0], token[0], not rest, not rest)


def _is_likely(text: str, opener: Opener) -> bool:
    """Whether a closing mark is likely to follow."""
    shortest = 2 if opener.delimiter == "~" else 1
    inside = text[opener.start - 1 : opener.start].isalnum()
    return shortest <= opener.count <= _LONGEST_RUN[opener.delimiter] and not inside


def _emphasis(text: str, opener: Opener) -> Mark:
    sign = opener.delimiter * opener.count
    empty = not text[opener.start + opener.count :].strip()
    return Mark(opener.start, sign, sign, empty, empty)
