"""Draws messages of a chat as an SVG, as chat programs show them: our own drawing, without logos.

The picture has a light and a dark form; it follows the reader's system (prefers-color-scheme), and
is legible on either background. It loads nothing: no fonts, no images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token

SANS = "Helvetica, Arial, 'Liberation Sans', sans-serif"
MONO = "ui-monospace, Menlo, Consolas, 'Liberation Mono', monospace"
UP, DOWN = "👍", "👎"
"""Buttons that are drawn as a thumb; emoji look different everywhere."""

_THUMB = "M1 8h3v8H1z M5 8l3-7c2 0 2.4 2 1.8 5H14c1.6 0 2 1.4 1.6 2.6l-1.2 5.4c-.3 1.2-1 2-2.4 2H5z"


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a message. `stops`: in the colour for what ends something."""

    label: str
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """One message, as it is shown."""

    author: str
    text: str
    """Markdown; mentions stand in it as "@Name"."""
    time: str
    bot: bool = False
    note: str = ""
    """Small print below the text."""
    buttons: tuple[Button, ...] = ()
    answers: "Post | None" = None
    """The message to which this one is a reply, shown above it."""
    private: bool = False
    """Only one person sees it."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a chat program shows messages: measures in pixels, and whether buttons are filled."""

    channel: str
    colours: dict[str, tuple[str, str]]
    """By name, in light and in dark."""
    round_avatars: bool
    filled_buttons: bool
    size: float = 15.0
    width: int = 640

    def css(self) -> str:
        """The colours as classes: "f-NAME" fills, "s-NAME" strokes."""
        sheets = [
            "".join(
                f".f-{name}{{fill:{pair[dark]}}}.s-{name}{{stroke:{pair[dark]}}}"
                for name, pair in self.colours.items()
            )
            for dark in (0, 1)
        ]
        return f"{sheets[0]}@media (prefers-color-scheme: dark){{{sheets[1]}}}"


DISCORD = Look(
    channel="general",
    colours={
        "ground": ("#ffffff", "#313338"),
        "edge": ("#d6d8dc", "#1e1f22"),
        "text": ("#2e3035", "#dcdee2"),
        "name": ("#060607", "#f4f5f7"),
        "faint": ("#5c5f66", "#a0a4ab"),
        "panel": ("#f0f1f3", "#27292d"),
        "button": ("#e2e4e8", "#484b52"),
        "label": ("#2e3035", "#f4f5f7"),
        "pill": ("#e3e6fb", "#3c4270"),
        "link": ("#3f48b5", "#c6ccff"),
        "badge": ("#4650c8", "#5661e0"),
        "on": ("#ffffff", "#ffffff"),
        "stop": ("#c9303a", "#c9303a"),
    },
    round_avatars=True,
    filled_buttons=True,
)

SLACK = Look(
    channel="general",
    colours={
        "ground": ("#ffffff", "#1a1d21"),
        "edge": ("#d9d9dc", "#3a3d42"),
        "text": ("#1d1c1d", "#d4d6d8"),
        "name": ("#1d1c1d", "#f5f6f7"),
        "faint": ("#5f5e61", "#a3a5a8"),
        "panel": ("#f6f6f6", "#24282d"),
        "button": ("#b9b9bd", "#64686e"),
        "label": ("#1d1c1d", "#e6e7e9"),
        "pill": ("#e3f0f7", "#1d3c50"),
        "link": ("#12608f", "#7fc3ec"),
        "badge": ("#e4e4e6", "#3a3d42"),
        "on": ("#55545a", "#c4c6c9"),
        "stop": ("#b3203c", "#f0808f"),
    },
    round_avatars=False,
    filled_buttons=False,
)

AVATARS = {"Parley": "#0e7c7b", "Ana": "#b4532a", "Ben": "#5b6bb5", "Ada": "#7a5195"}

# Advance widths of Helvetica in thousandths of the size: narrow, wide, and the rest.
_WIDTHS = {
    **dict.fromkeys("ijl'|", 222),
    **dict.fromkeys("ft.,:;!/[]()I -", 290),
    **dict.fromkeys('r"`*', 340),
    **dict.fromkeys("cksvxyzJ", 500),
    **dict.fromkeys("ABEKPSVXY", 667),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("mM", 833),
    **dict.fromkeys("W@", 980),
}


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a text in the sans-serif font is, in pixels."""
    return sum(_WIDTHS.get(char, 556) for char in text) * size / 1000 * (1.07 if bold else 1.0)


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a line that is not broken."""

    text: str
    style: str = ""
    """ "b", "i", "code", "mention" or none."""


def draw(posts: Sequence[Post], look: Look) -> str:
    """The channel with its messages as an SVG document."""
    canvas = _Canvas(look)
    canvas.heading()
    for post in posts:
        canvas.post(post)
    return canvas.document(f"A chat in #{look.channel}")


def blocks(markdown: str) -> Iterator[tuple[str, list[list[Word]]]]:
    """("text" or "code", its lines) for each paragraph and each block of code."""
    for token in MarkdownIt().parse(markdown):
        if token.type == "fence":
            lines = token.content.rstrip("\n").split("\n")
            yield "code", [[Word(line, "code")] for line in lines]
        elif token.type == "inline":
            yield "text", _lines(token.children or [])


def _lines(children: Sequence[Token]) -> list[list[Word]]:
    lines: list[list[Word]] = [[]]
    style = ""
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            lines.append([])
        elif child.type in ("strong_open", "em_open"):
            style = "b" if child.type == "strong_open" else "i"
        elif child.type in ("strong_close", "em_close"):
            style = ""
        elif child.type == "code_inline":
            lines[-1].append(Word(child.content, "code"))
        else:
            lines[-1] += [_word(word, style) for word in child.content.split()]
    return lines


def _word(text: str, style: str) -> Word:
    return Word(text, "mention") if text.startswith("@") and len(text) > 1 else Word(text, style)


def wrapped(line: Sequence[Word], room: float, size: float) -> list[list[Word]]:
    """The line, broken where it is wider than `room`. A word that is wider stands alone."""
    found: list[list[Word]] = [[]]
    used = 0.0
    for word in line:
        wide = width_of(word.text, size) + size * 0.29
        if found[-1] and used + wide > room:
            found.append([])
            used = 0.0
        found[-1].append(word)
        used += wide
    return found


class _Canvas:
    """Draws from top to bottom."""

    PAD = 18.0
    LEFT = 72.0
    """Where texts begin, right of the avatars."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.y = 0.0
        self.parts: list[str] = []

    # ------------------------------------------------------------ pieces

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: str,
        *,
        size: float | None = None,
        bold: bool = False,
        italic: bool = False,
        mono: bool = False,
    ) -> None:
        styles = [f"font-size:{size or self.look.size:g}px"]
        styles += ["font-weight:bold"] * bold + ["font-style:italic"] * italic
        styles += [f"font-family:{MONO}"] * mono
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="f-{colour}" style="{";".join(styles)}" '
            f'xml:space="preserve">{escape(text, quote=False)}</text>'
        )

    def box(
        self, x: float, y: float, wide: float, high: float, kind: str, radius: float = 4
    ) -> None:
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" '
            f'rx="{radius:g}" {kind}/>'
        )

    # ------------------------------------------------------------ the channel

    def heading(self) -> None:
        self.text(self.PAD, 32, f"# {self.look.channel}", "name", size=17, bold=True)
        self.parts.append(f'<path d="M0 50.5H{self.look.width}" class="s-edge"/>')
        self.y = 62.0

    def document(self, title: str) -> str:
        wide, high = self.look.width, self.y + 8
        ground = (
            f'<rect x="0.5" y="0.5" width="{wide - 1}" height="{high - 1:g}" rx="8" '
            'class="f-ground s-edge"/>'
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high:g}" width="{wide}" '
            f'height="{high:g}" role="img" font-family="{SANS}">\n<title>{escape(title)}</title>\n'
            f"<style>{self.look.css()}</style>\n" + "\n".join([ground, *self.parts]) + "\n</svg>\n"
        )

    # ------------------------------------------------------------ a message

    def post(self, post: Post) -> None:
        above, first = self.y, len(self.parts)
        self.y += 8
        if post.private:
            self.text(self.LEFT, self.y + 11, "Only visible to you", "faint", size=12)
            self.y += 18
        if post.answers:
            self.answered(post.answers)
        self.author(post)
        for kind, lines in blocks(post.text):
            self.code(lines) if kind == "code" else self.paragraph(lines)
        if post.note:
            self.text(self.LEFT, self.y + 12, post.note, "faint", size=12.5)
            self.y += 20
        if post.buttons:
            self.buttons(post.buttons)
        self.y += 6
        if post.private:
            ground = len(self.parts)
            self.box(1, above, self.look.width - 2, self.y - above, 'class="f-panel"', 0)
            self.parts.insert(first, self.parts.pop(ground))

    def answered(self, question: Post) -> None:
        """The small line above a reply: whose message it answers."""
        x, y = self.LEFT, self.y + 11
        corner = f"M38.5 {y + 9:.1f}v-7q0-6 6-6H{x - 6:.1f}"
        self.parts.append(f'<path d="{corner}" fill="none" stroke-width="1.5" class="s-button"/>')
        self.text(x, y, question.author, "text", size=12.5, bold=True)
        rest = x + width_of(question.author, 12.5, bold=True) + 6
        self.text(rest, y, question.text, "faint", size=12.5)
        self.y += 20

    def author(self, post: Post) -> None:
        y, radius = self.y, 20 if self.look.round_avatars else 6
        paint = f'style="fill:{AVATARS.get(post.author, "#666")}"'
        self.box(self.PAD, y, 40, 40, paint, radius)
        initial = post.author[0]
        x = self.PAD + 20 - width_of(initial, 18, bold=True) / 2
        self.parts.append(
            f'<text x="{x:.1f}" y="{y + 26.5:.1f}" fill="#fff" font-weight="bold" '
            f'font-size="18">{initial}</text>'
        )
        self.text(self.LEFT, y + 13, post.author, "name", bold=True)
        x = self.LEFT + width_of(post.author, self.look.size, bold=True) + 7
        if post.bot:
            self.box(x, y + 1, 32, 15, 'class="f-badge"', 3)
            self.text(x + 5.5, y + 12.3, "APP", "on", size=10, bold=True)
            x += 40
        self.text(x, y + 13, post.time, "faint", size=12)
        self.y += 22

    def paragraph(self, lines: Sequence[Sequence[Word]]) -> None:
        size, room = self.look.size, self.look.width - self.LEFT - self.PAD
        for line in lines:
            for words in wrapped(line, room, size):
                self.line(words, self.y + size)
                self.y += size * 1.42
        self.y += 5

    def line(self, words: Sequence[Word], y: float) -> None:
        """The words of a line; those of one style stand in one element, so that the reader's font
        spaces them."""
        x, size = self.LEFT, self.look.size
        for text, style in _runs(words):
            wide = width_of(text, size, bold=style == "b")
            if style in ("mention", "code"):
                wide = wide if style == "mention" else len(text) * size * 0.54
                kind = "f-pill" if style == "mention" else "f-panel"
                self.box(x - 2, y - size + 1, wide + 6, size + 4.5, f'class="{kind}"', 3)
            colour = "link" if style == "mention" else "text"
            self.text(
                x, y, text, colour, bold=style == "b", italic=style == "i", mono=style == "code"
            )
            x += wide + size * 0.29 + (4 if style in ("mention", "code") else 0)

    def code(self, lines: Sequence[Sequence[Word]]) -> None:
        wide, high = self.look.width - self.LEFT - self.PAD, len(lines) * 19 + 16
        self.box(self.LEFT, self.y, wide, high, 'class="f-panel s-edge"')
        for number, (word,) in enumerate(lines):
            y = self.y + 22 + number * 19
            self.text(self.LEFT + 11, y, word.text, "text", size=13.5, mono=True)
        self.y += high + 8

    def buttons(self, buttons: Sequence[Button]) -> None:
        x, high = self.LEFT, 30
        for button in buttons:
            thumb = button.label in (UP, DOWN)
            wide = 42.0 if thumb else width_of(button.label, 14, bold=True) + 26
            ground, label = self.button_colours(button)
            self.box(x, self.y + 3, wide, high, ground)
            if thumb:
                self.thumb(x + 13, self.y + 9.5, upright=button.label == UP)
            else:
                self.text(x + 13, self.y + 23, button.label, label, size=14, bold=True)
            x += wide + 8
        self.y += high + 8

    def button_colours(self, button: Button) -> tuple[str, str]:
        """Of the box, as attributes, and of the label."""
        if self.look.filled_buttons:
            return ('class="f-stop"', "on") if button.stops else ('class="f-button"', "label")
        box, label = ("stop", "stop") if button.stops else ("button", "label")
        return f'class="s-{box}" fill="none"', label

    def thumb(self, x: float, y: float, *, upright: bool) -> None:
        turned = "" if upright else " rotate(180 8.5 8.5)"
        self.parts.append(
            f'<path d="{_THUMB}" transform="translate({x:.1f} {y:.1f}){turned}" class="f-label"/>'
        )


def _runs(words: Sequence[Word]) -> Iterator[tuple[str, str]]:
    """Neighbours of one style joined: (text, style)."""
    run: list[Word] = []
    for word in words:
        if run and (word.style != run[0].style or word.style in ("mention", "code")):
            yield " ".join(each.text for each in run), run[0].style
            run = []
        run.append(word)
    if run:
        yield " ".join(each.text for each in run), run[0].style
