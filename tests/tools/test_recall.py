"""What is told and asked in the demonstration model's corpus."""

import random
from collections.abc import Callable

import pytest

from tools.demo_model import recall
from tools.demo_model.attributes import NAME, attribute, open_noun, thing, value_of
from tools.demo_model.conversation import apart
from tools.demo_model.talk import Talk
from tools.demo_model.words import Split, made_up


def _talk(*people: str, seed: int = 1) -> Talk:
    return Talk(random.Random(seed), "train", people=people)


def test_between_two_the_answer_says_you() -> None:
    talk = _talk()
    told = recall.tell(talk, attribute("home"))
    assert "that you live in" in told.answer or ": you live in" in told.answer
    assert recall.ask(talk, "home").answer == f"You live in {talk.told['']['home']}."


def test_among_several_each_answer_names_the_one_it_is_about() -> None:
    talk = _talk("Ana", "Ben")
    talk.speaker = "Ana"
    told = recall.tell(talk, attribute("home"))
    home = talk.told["Ana"]["home"]
    assert f"Ana lives in {home}." in told.answer
    assert recall.ask(talk, "home").answer == f"Ana, you live in {home}."
    assert recall.ask(talk, "job").answer == "Ana, you have not told me what your job is yet."
    talk.speaker = "Ben"
    assert recall.ask(talk, "home", "Ana").answer == f"Ana lives in {home}."


def test_a_correction_takes_the_place_of_what_was_told() -> None:
    talk = _talk()
    recall.tell(talk, attribute("favourite colour"))
    before = talk.told[""]["favourite colour"]
    talk.add(recall.tell(talk, attribute("favourite colour")))
    assert "corrected" in talk.turns[-1].answer
    asked = recall.ask(talk, "favourite colour")
    assert not asked.check(f"Your favourite colour is {before}.")


def test_what_another_person_told_is_a_wrong_answer() -> None:
    rng = random.Random(4)
    asked = 0
    for _ in range(200):
        talk = apart(rng, "train")
        for turn in talk.turns:
            if turn.skill == "people":
                asked += 1
        told = {value for known in talk.told.values() for value in known.values()}
        last = talk.turns[-1]
        if last.skill == "people":
            mixed = f"{last.answer} {' '.join(told)} {' '.join(talk.people)}"
            assert last.check(last.answer)
            assert len(told) == 1 or not last.check(mixed)
    assert asked > 200


def test_things_that_are_nobodys_are_told_asked_and_corrected() -> None:
    talk = _talk(seed=3)
    while len(talk.things) < 2:
        talk.add(recall.tell_thing(talk))
    noun, value = next(iter(talk.things.items()))
    answers = {recall.ask_thing(talk).answer for _ in range(100)}
    assert f"The {noun} is {value}." in answers
    assert any(text.startswith("You have not told me the ") for text in answers)
    while talk.things[noun] == value:
        told = recall.tell_thing(talk)
    assert told.answer == (f"Thank you, I have corrected that: the {noun} is {talk.things[noun]}.")


def test_several_things_at_once_are_all_noted() -> None:
    talk = _talk(seed=2)
    told = recall.tell_several(talk)
    assert len(talk.told[""]) in (2, 3)
    assert all(value in told.user and value in told.answer for value in talk.told[""].values())


@pytest.mark.parametrize("draw", [open_noun, thing, made_up])
def test_any_noun_has_ways_to_be_told_and_asked(
    draw: Callable[[random.Random, Split], str],
) -> None:
    rng = random.Random(6)
    for _ in range(100):
        noun = draw(rng, "train")
        what = attribute(noun)
        assert noun in what.say
        assert value_of(noun, rng, "train")
        for ways in (what.tell, what.ask, what.tell_other, what.ask_other, what.who):
            left = ways.ask(rng, "train", v="V", o="O")
            assert "{" not in left


def test_the_same_noun_is_asked_in_other_words_too() -> None:
    rng = random.Random(6)
    ways = attribute("favourite sauce").ask
    asked = [ways.pick(rng, "train") for _ in range(300)]
    assert any("favourite sauce" not in text for text in asked)
    assert all("sauce" in text for text in asked)


def test_a_name_that_is_told_in_a_channel_comes_before_the_name_that_is_shown() -> None:
    talk = _talk("Ann", "Ben")
    talk.speaker = "Ann"
    assert recall.ask(talk, "name").answer == "Your name is Ann."
    talk.told["Ann"] = {"name": "Ann"}
    talk.add(recall.tell(talk, NAME))
    name = talk.told["Ann"]["name"]
    assert f"Ann's name is {name}." in talk.turns[-1].answer
    asked = recall.ask(talk, "name")
    assert asked.answer == f"Your name is {name}."
    assert not asked.check("Your name is Ann.")
    talk.speaker = "Ben"
    assert recall.ask(talk, "name").answer == "Your name is Ben."
    assert recall.ask(talk, "name", "Ann").answer == f"Ann's name is {name}."
    assert recall.who_is(talk).answer == f"Ann's name is {name}."


def test_people_tell_their_names_in_channels() -> None:
    rng = random.Random(2)
    turns = [turn for _ in range(300) for turn in apart(rng, "train").turns]
    assert sum(turn.skill == recall.CHANNEL_NAMES for turn in turns) > 50
