"""How answers are drawn: nothing of what the model wrote is hidden or obeyed."""

import io

import pytest
from rich.console import Console

from adapters.console.blocks import blocks
from adapters.console.markdown import harmless, rendered


def plain(text: str, width: int = 60) -> str:
    written = io.StringIO()
    console = Console(file=written, width=width)
    for block in blocks(text):
        console.print(rendered(block))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a **bold** `word`", "a bold word"),
        ("roses are red\nviolets are blue", "roses are red\nviolets are blue"),
        ("a List<int> and <b>tags</b>", "a List<int> and <b>tags</b>"),
        ("<div>\nraw\n</div>", "<div>\nraw\n</div>"),
        ("[docs](http://example.com/a)", "docs (http://example.com/a)"),
        ("![a cat](http://example.com/cat.png)", "a cat (http://example.com/cat.png)"),
        ("# Title", "Title"),
        ("- one\n- two", " • one\n • two"),
        ("```nonsense\nx  =  1\n```", "  x  =  1"),
        ("- in a list:\n\n  ```\n  code\n  ```", " • in a list:\n     code"),
    ],
)
def test_markdown_is_drawn_whole(text: str, seen: str) -> None:
    assert plain(text) == seen


def test_code_is_drawn_from_a_line_on() -> None:
    (block,) = blocks("```\none\ntwo\nthree\n```")
    written = io.StringIO()
    Console(file=written, width=40).print(rendered(block, from_line=1))
    assert written.getvalue().split() == ["two", "three"]


def test_what_would_control_the_terminal_is_taken_out() -> None:
    dangerous = "a\x1b[2Jb\x07c\x9b31md\u202ee\tf\ng\r\nh"
    assert harmless(dangerous) == "a\ufffd[2Jb\ufffdc\ufffd31md\ufffde\tf\ng\nh"
