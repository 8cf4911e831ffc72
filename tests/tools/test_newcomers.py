"""What newcomers type first, in the demonstration model's corpus."""

import random

import pytest

from tools.demo_model import newcomers
from tools.demo_model.phrasing import blocks, plain
from tools.demo_model.talk import Talk


def _talk(seed: int, speaker: str = "") -> Talk:
    people = (speaker, "Ben") if speaker else ()
    return Talk(random.Random(seed), "train", people=people, speaker=speaker)


def test_a_name_that_comes_with_a_purpose_is_greeted_and_kept() -> None:
    named = 0
    for seed in range(60):
        talk = _talk(seed)
        said = newcomers.introduce(talk)
        assert said.check(said.answer)
        if name := talk.about("").get("name"):
            named += 1
            assert name.lower() in said.user.lower()
            assert said.answer.startswith(f"Nice to meet you, {name}! ")
            assert not said.check("`parley discord invite` prints the link that adds the bot.")
    assert named > 30


def test_in_a_channel_the_name_stands_beside_the_one_that_is_shown() -> None:
    for seed in range(60):
        talk = _talk(seed, "ann_7")
        said = newcomers.introduce(talk)
        if name := talk.about("ann_7").get("name"):
            assert f"ann_7's name is {name}." in said.answer


@pytest.mark.parametrize(
    ("platform", "steps"),
    [
        ("puts me on Discord", ("parley discord invite", "parley discord sync", "parley run")),
        ("puts me on Slack", ("parley slack manifest", "parley run")),
    ],
)
def test_the_set_up_of_a_platform_is_explained_and_not_its_use(
    platform: str, steps: tuple[str, ...]
) -> None:
    answers = {newcomers.set_up(_talk(seed)).answer for seed in range(300)}
    (found,) = (answer for answer in answers if platform in answer)
    assert all(f"`{step}`" in found for step in ("parley setup", *steps))
    assert "Mention me" not in found


@pytest.mark.parametrize("file", ["first.txt", "setup.txt"])
def test_no_question_has_two_answers(file: str) -> None:
    asked = [plain(way) for _, ways in blocks(file, "A") for way in ways.all]
    assert [way for way in asked if asked.count(way) > 1] == []
