"""The phrasings of the demonstration model's corpus: two sides that share no template."""

import random
import re
from pathlib import Path

import pytest

import tools.demo_model
from tools.demo_model.knowledge import about, needs
from tools.demo_model.phrasing import AnyOf, Phrasings, blocks, phrasings, plain
from tools.demo_model.smalltalk import chats

_FOLDER = Path(tools.demo_model.__file__).parent / "data" / "phrasings"
_SLOT = re.compile(r"\{[a-z]+\}")


def _sections() -> list[tuple[str, str]]:
    return [
        (file.stem, line[2:])
        for file in sorted(_FOLDER.glob("*.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("@ ")
    ]


def _twice(ways: Phrasings) -> set[str]:
    """Templates of the evaluation that training would have met."""
    trained = {plain(template) for template in ways.train}
    return {template for template in ways.eval if plain(template) in trained}


@pytest.mark.parametrize(("topic", "name"), _sections())
def test_a_list_of_phrasings_has_one_set_of_slots_and_nothing_twice(topic: str, name: str) -> None:
    ways = phrasings(topic, name)
    slots = {frozenset(_SLOT.findall(template.lower())) for template in ways.all}
    if topic != "unknown":  # there each question is of a kind of its own
        assert len(slots) == 1, slots
    texts = [plain(template) for template in ways.all]
    assert [text for text in texts if texts.count(text) > 1] == []


def test_nothing_that_the_evaluation_says_is_trained_in_the_same_list() -> None:
    lists = [phrasings(*place) for place in _sections()]
    lists += [ways for _, ways in (*about(), *needs(), *blocks("beyond.txt", "A"))]
    lists += [ways for *_, ways in chats()]
    assert [found for ways in lists if (found := _twice(ways))] == []


def test_a_kept_back_phrasing_is_not_trained_in_other_case_or_signs() -> None:
    assert Phrasings(["a", "Good night", "c", "d", "good night!"]).train == ("a", "c", "d")


def test_every_fifth_phrasing_is_kept_back() -> None:
    ways = Phrasings([f"{n}?" for n in range(10)])
    assert ways.eval == ("4?", "9?")
    assert ways.train == tuple(f"{n}?" for n in range(10) if n not in (4, 9))


def test_several_lists_keep_back_what_each_of_them_keeps_back() -> None:
    rng = random.Random(1)
    letters, digits = Phrasings("abcde"), Phrasings("0123456789")
    both = AnyOf(letters, digits)
    assert {both.pick(rng, "eval") for _ in range(200)} == {"e", "4", "9"}
    assert {both.pick(rng, "train") for _ in range(500)} == {*"abcd", *"01235678"}


def test_each_template_of_several_lists_is_as_likely_as_the_next() -> None:
    rng = random.Random(1)
    both = AnyOf(Phrasings(["few"]), Phrasings([f"{n}" for n in range(125)]))
    assert sum(both.pick(rng, "train") == "few" for _ in range(2000)) < 60


def test_a_noun_is_put_in_before_the_wording_is_roughened() -> None:
    rng = random.Random(1)
    ways = Phrasings(["My {a} is {v}.", "It is {v}, my {a}."]).about(a="favourite colour")
    asked = {ways.ask(rng, "train", v="Teal") for _ in range(400)}
    assert any("favorite color" in text for text in asked)
    assert all("Teal" in text and "{" not in text for text in asked)


def test_each_need_belongs_to_one_command_or_setting() -> None:
    texts = [plain(text) for _, ways in needs() for text in ways.all]
    assert [text for text in texts if texts.count(text) > 1] == []
    names = [entry.names[0] for entry, _ in needs()]
    assert len(set(names)) == len(names)
    assert {"/reset", "/stop", "/system", "/mute"} < set(names)
