"""The drawing of a chat is well formed, and shows what the messages say."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from tools.chat_picture import (
    DISCORD,
    DOWN,
    SLACK,
    UP,
    Button,
    Look,
    Post,
    Word,
    blocks,
    draw,
    wrapped,
)

QUESTION = Post("Ana", "@Parley Is 1 < 2 & 3 > 2?", "10:00")
ANSWER = Post(
    "Parley",
    "**Yes**, `1 < 2`:\n\n```python\nassert 1 < 2\n```",
    "10:01",
    bot=True,
    note="Stopped.",
    buttons=(Button("Continue"), Button("Stop", stops=True), Button(UP), Button(DOWN)),
    answers=QUESTION,
)
LOOKS = pytest.mark.parametrize("look", [DISCORD, SLACK], ids=["discord", "slack"])


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter() if "text" in each.tag]


@LOOKS
def test_everything_that_a_message_shows_is_in_the_picture(look: Look) -> None:
    shown = texts(draw([QUESTION, ANSWER], look))
    for text in (
        "@Parley",
        "Yes",
        "1 < 2",
        "assert 1 < 2",
        "Stopped.",
        "Continue",
        "Stop",
        "APP",
        "10:01",
    ):
        assert text in shown
    assert "Is 1 < 2 & 3 > 2?" in shown


@LOOKS
def test_a_picture_has_a_light_and_a_dark_form_and_loads_nothing(look: Look) -> None:
    svg = draw([QUESTION, ANSWER], look)
    light, dark = svg[svg.index("<style>") : svg.index("</style>")].split("@media")
    for name, (in_light, in_dark) in look.colours.items():
        assert f".f-{name}{{fill:{in_light}}}" in light
        assert f".f-{name}{{fill:{in_dark}}}" in dark
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


@LOOKS
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_texts_are_legible_on_their_ground(look: Look, dark: bool) -> None:
    pairs = [("text", "ground"), ("faint", "ground"), ("faint", "panel"), ("link", "pill")]
    pairs += [("on", "badge"), ("label", "button" if look.filled_buttons else "ground")]
    pairs.append(("on", "stop") if look.filled_buttons else ("stop", "ground"))
    for above, below in pairs:
        ratio = contrast(look.colours[above][dark], look.colours[below][dark])
        assert ratio >= 4.5, f"{above} on {below}: {ratio:.1f}"


def contrast(one: str, other: str) -> float:
    """The contrast of two colours after WCAG 2.2; 4.5 is its limit for small texts."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_private_message_says_so_and_grows_the_picture() -> None:
    private = replace(ANSWER, private=True)
    assert "Only visible to you" in texts(draw([private], SLACK))
    assert height(draw([QUESTION, private], SLACK)) > height(draw([QUESTION], SLACK))


def height(svg: str) -> float:
    return float(ET.fromstring(svg).attrib["height"])


def test_a_line_is_broken_where_the_room_ends_and_loses_no_word() -> None:
    words = [Word(f"word{number}") for number in range(40)]
    lines = wrapped(words, 300, 15)
    assert len(lines) > 3
    assert [word for line in lines for word in line] == words
    assert wrapped([Word("x" * 200)], 300, 15) == [[Word("x" * 200)]]


def test_markdown_is_divided_into_paragraphs_and_code() -> None:
    assert list(blocks("one\ntwo\n\n```\nthree\nfour\n```")) == [
        ("text", [[Word("one")], [Word("two")]]),
        ("code", [[Word("three", "code")], [Word("four", "code")]]),
    ]
