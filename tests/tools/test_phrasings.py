"""The phrasings of the demonstration model's corpus: two sides that share no template."""

import re
from pathlib import Path

import pytest

import tools.demo_model
from tools.demo_model.knowledge import about
from tools.demo_model.phrasing import Phrasings, phrasings, plain
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
    lists += [ways for _, ways in about()]
    lists += [ways for *_, ways in chats()]
    assert [found for ways in lists if (found := _twice(ways))] == []


def test_a_kept_back_phrasing_is_not_trained_in_other_case_or_signs() -> None:
    assert Phrasings(["a", "Good night", "c", "d", "good night!"]).train == ("a", "c", "d")


def test_every_fifth_phrasing_is_kept_back() -> None:
    ways = Phrasings([f"{n}?" for n in range(10)])
    assert ways.eval == ("4?", "9?")
    assert ways.train == tuple(f"{n}?" for n in range(10) if n not in (4, 9))
