import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.prompting.text_trace import begin
from bot.prompting.traced_text import Text, concat, content, literal, pieces_of
from bot.prompting.watched_text import seen

# The template writes capital letters, people write small ones.
OWN = st.text("AB[ ", max_size=4)
TYPED = st.text("ab] \n", max_size=4)
SEPARATORS = st.sampled_from([" ", "a", "ab", "\n", "]", "A", "aa"])


@st.composite
def texts(draw: st.DrawFn) -> Text:
    parts = draw(st.lists(st.tuples(st.booleans(), OWN, TYPED), min_size=1, max_size=4))
    return concat(
        literal(own) if trusted else content(typed, number)
        for number, (trusted, own, typed) in enumerate(parts)
    )


def both(name: str, *arguments: Any) -> Callable[[str], Any]:
    return lambda text: getattr(text, name)(*arguments)


OPERATIONS = st.one_of(
    st.builds(both, st.sampled_from(["strip", "lstrip", "rstrip"])),
    st.builds(both, st.sampled_from(["strip", "lstrip", "rstrip"]), SEPARATORS),
    st.builds(both, st.sampled_from(["split", "rsplit"]), SEPARATORS, st.integers(-1, 2)),
    st.builds(both, st.sampled_from(["split", "rsplit", "splitlines", "isupper", "isspace"])),
    st.builds(both, st.sampled_from(["partition", "rpartition", "count", "find"]), SEPARATORS),
    st.builds(both, st.sampled_from(["startswith", "endswith"]), SEPARATORS),
    st.builds(both, st.sampled_from(["removeprefix", "removesuffix", "__contains__"]), SEPARATORS),
    st.builds(both, st.just("replace"), SEPARATORS, st.sampled_from(["", "b", "]]"])),
    st.builds(both, st.sampled_from(["center", "ljust", "zfill", "expandtabs"]), st.just(9)),
    st.builds(both, st.just("join"), st.just(["a", "b"])),
    st.builds(both, st.just("__add__"), TYPED),
    st.builds(both, st.just("__mul__"), st.integers(0, 3)),
    st.builds(
        both,
        st.just("__getitem__"),
        st.builds(
            slice, *[st.none() | st.integers(-5, 5)] * 2, st.none() | st.sampled_from([-1, 2])
        ),
    ),
    st.just(list),
    st.just(len),
    st.just(bool),
    st.just(repr),
    st.just(json.dumps),
    st.just(lambda text: f"{text:>5}"),
    st.just(lambda text: "%s" % text),  # noqa: UP031
    st.just(lambda text: "a" + text),
    st.just(lambda text: text == "ab"),
    st.just(lambda text: text != "ab"),
)


def trusted(value: Any) -> str:
    """The trusted characters of a result."""
    if isinstance(value, list | tuple):
        return "".join(map(trusted, value))
    if not isinstance(value, str):
        return ""
    return "".join(piece.text for piece in pieces_of(value) if piece.trusted)


@given(texts(), st.lists(OPERATIONS, min_size=1, max_size=4))
def test_a_text_behaves_as_a_string_and_what_was_typed_never_becomes_the_templates_own(
    text: Text, operations: list[Callable[[str], Any]]
) -> None:
    begin()
    plain: Any = str.__str__(text)
    followed: Any = text
    for operation in operations:
        found, plain = operation(followed), operation(plain)
        assert found == plain
        assert not set(trusted(found)) & set("ab]\n")
        if isinstance(plain, list | tuple) and plain and isinstance(plain[-1], str):
            found, plain = found[-1], plain[-1]
        if not isinstance(plain, str):
            return
        followed, plain = found, str.__str__(plain)


@given(texts(), st.sampled_from(["upper", "lower", "title", "capitalize", "swapcase", "casefold"]))
def test_changing_the_case_is_as_for_strings(text: Text, method: str) -> None:
    begin()
    found = getattr(text, method)()
    assert found == getattr(str.__str__(text), method)()
    assert len(trusted(found)) <= len(trusted(text))


@given(texts(), texts())
def test_formatting_keeps_the_pieces_of_the_values(left: Text, right: Text) -> None:
    begin()
    found = literal("<%s-%s>") % (left, right)
    assert found == f"<{str.__str__(left)}-{str.__str__(right)}>"
    assert trusted(found) == f"<{trusted(left)}-{trusted(right)}>"


def test_a_pattern_that_is_not_the_templates_own_gives_nothing_trusted() -> None:
    begin()
    pattern = content("%s", 0)
    assert trusted(pattern % literal("A")) == ""


@pytest.mark.parametrize(
    ("look", "result"),
    [
        (lambda c: "x" in c, ("__contains__", ("x",), False)),
        (lambda c: c.startswith(("a", "b")), ("startswith", (("a", "b"),), False)),
        (lambda c: c == "Hello", ("__eq__", ("Hello",), True)),
        (lambda c: literal("Hello") == c, ("__eq__", ("Hello",), True)),
        (lambda c: bool(c), ("__bool__", (), True)),
        (lambda c: len(c), ("__len__", (), 5)),
        (lambda c: c.split("l"), ("split:len", ("l", -1), 3)),
    ],
)
def test_what_is_asked_of_a_content_is_recorded(
    look: Callable[[Text], Any], result: tuple[Any, ...]
) -> None:
    trace = begin()
    look(content("Hello", 7))
    assert list(trace.checks) == [(((7, ()),), *result)]
    assert not trace.opaque


def test_what_is_derived_from_a_content_is_a_view_of_it() -> None:
    trace = begin()
    derived = content(" a</x> b ", 3).split("</x>")[1].strip()
    assert [piece.origin for piece in pieces_of(derived)] == [
        (3, (("split", ("</x>", -1), 1), ("strip", (), None)))
    ]
    assert not trace.opaque


def test_what_is_asked_of_contents_with_other_text_is_recorded_for_the_whole() -> None:
    trace = begin()
    text = literal("<think>") + content("Hello", 0) + literal("</think>") + content("Hi ", 1)
    assert "</think>" in text
    kept = text.strip()
    assert [piece.text for piece in pieces_of(kept)] == ["<think>", "Hello", "</think>", "Hi"]
    assert not trace.opaque
    subject = ("<think>", (0, ()), "</think>", (1, ()))
    assert (subject, "__contains__", ("</think>",), True) in trace.checks


@pytest.mark.parametrize(
    "look",
    [
        hash,
        repr,
        list,
        lambda c: f"{c}",
        lambda c: c < content("a", 1),
        lambda c: c.split(),
        lambda c: c.splitlines(),
        lambda c: c[::2],
        lambda c: seen({"a": [c]}),
        lambda c: seen(iter([c])),
    ],
)
def test_whatever_else_is_done_with_a_content_makes_the_trace_opaque(
    look: Callable[[Text], Any],
) -> None:
    trace = begin()
    look(content("Hello", 0))
    assert trace.opaque


def test_the_templates_own_texts_are_not_recorded() -> None:
    trace = begin()
    text = literal("user")
    assert text == "user"
    names: dict[str, int] = {text: 1}
    assert names["user"] == 1
    assert text.strip().upper().split("S") == ["U", "ER"]
    seen([text, 1, None, {"a": "b"}])
    assert not trace.checks
    assert not trace.opaque
