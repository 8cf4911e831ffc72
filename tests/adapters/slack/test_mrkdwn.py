"""Slack's mrkdwn: incoming text made plain, outgoing text that pings nobody."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.mrkdwn import (
    WORD_JOINER,
    addressee,
    escaped,
    harmless,
    plain,
    units,
    without_mention,
)

PING = re.compile(
    r"<!(channel|here|everyone|group|subteam\^[A-Z0-9]+)[^>]*>|<@[UWS][A-Z0-9]+[^>]*>"
)

texts = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "<!channel>",
                "<!here|x>",
                "<!subteam^S1>",
                "<@U1>",
                "<@W2|x>",
                "&lt;!here>",
                "&#60;@U1>",
            ]
        ),
        st.text(alphabet="<!@chuUW&lt;#60 >ab\n", max_size=6),
        st.text(max_size=5),
    ),
    max_size=8,
).map("".join)


async def names(user: str) -> str:
    return {"U1": "Ana", "U2": "Ben"}.get(user, "somebody")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hello", "hello"),
        ("ask <@U1> and <@U2|ben>", "ask @Ana and @Ben"),
        ("in <#C1|general> or <#C2>", "in #general or #C2"),
        ("<!here> <!subteam^S1|@team> <!date^1^{date}|today>", "@here @team today"),
        ("see <https://x.org/?a=1&amp;b=2>", "see https://x.org/?a=1&b=2"),
        ("see <https://x.org|the page>", "see the page (https://x.org)"),
        ("<https://x.org|x.org>", "https://x.org"),
        ("write to <mailto:a@b.org|a@b.org>", "write to a@b.org"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("the text &amp;lt; stays", "the text &lt; stays"),
        ("`a &lt;b&gt;`\n```x```", "`a <b>`\n```x```"),
    ],
)
async def test_what_was_typed_is_what_the_model_sees(typed: str, meant: str) -> None:
    assert await plain(typed, names) == meant


def test_only_a_leading_mention_of_the_bot_is_taken_off() -> None:
    assert without_mention("<@UBOT> hello <@UBOT>", "UBOT") == "hello <@UBOT>"
    assert without_mention(" <@UBOT|parley>: hello", "UBOT") == "hello"
    assert without_mention("<@U1> hello", "UBOT") == "<@U1> hello"
    assert addressee("<@U1> hello <@UBOT>") == "U1"
    assert addressee("hello <@U1>") == ""


@given(texts)
def test_nothing_that_is_sent_pings(text: str) -> None:
    sent = harmless(text)
    for seen in (sent, sent.replace("&lt;", "<").replace("&#60;", "<")):
        assert not PING.search(seen)


@given(texts)
def test_a_reader_sees_the_same_text(text: str) -> None:
    assert harmless(text).replace(WORD_JOINER, "") == text.replace(WORD_JOINER, "")


@given(texts, texts)
def test_the_result_for_a_beginning_is_a_beginning_of_the_result(text: str, more: str) -> None:
    assert harmless(text + more).startswith(harmless(text))


@given(texts)
def test_escaped_text_holds_no_entity(text: str) -> None:
    assert "<" not in escaped(text)
    assert ">" not in escaped(text)


@given(texts)
def test_units_are_the_bytes_that_are_sent(text: str) -> None:
    assert units(text) == len(harmless(text).encode("utf-8", "replace"))


def test_code_and_web_pages_stay_as_they_are() -> None:
    for text in ("<!DOCTYPE html>", "<!-- note -->", "#include <stdio.h>", "a <@ b", "x@here.org"):
        assert harmless(text) == text
