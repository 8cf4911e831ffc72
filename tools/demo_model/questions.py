"""The questions of the evaluation: conversations of the kept-back split, the last answer judged."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools.demo_model import recall
from tools.demo_model.attributes import draw_attribute
from tools.demo_model.conversation import conversation, next_speaker, prompt_of, start, turn
from tools.demo_model.knowledge import plain_completion
from tools.demo_model.talk import Check, Talk, says
from tools.demo_model.words import person

SKILLS = (
    "identity",
    "manner",
    "tell",
    "recall",
    "not told",
    "people",
    "parley",
    "needs",
    "facts",
    "completion",
    "unknown",
    "small talk",
    "follow-ups",
    "arithmetic",
    "spell",
    "reverse",
    "count letters",
    "repeat",
    "lists",
    "tables",
    "code",
    "poems",
    "stories",
    "languages",
    "introductions",
    "set-up",
    "first words",
    "channel names",
)
_LONG = {"lists": 0.5, "stories": 0.35, "poems": 0.5, "tables": 0.5, "code": 0.7}
DISTANCES = range(11)


@dataclass(frozen=True, slots=True)
class Question:
    """Turns with their answers, the last of them open; `turns` are (prompt, answer) texts."""

    skill: str
    turns: tuple[tuple[str, str], ...]
    prompt: str
    check: Check
    expected: str
    distance: int = -1
    chat: bool = True


def _question(talk: Talk, skill: str, distance: int = -1) -> Question:
    last = len(talk.turns) - 1
    turns = tuple((prompt_of(talk, index), talk.turns[index].answer) for index in range(last))
    exchange = talk.turns[last]
    return Question(skill, turns, prompt_of(talk, last), exchange.check, exchange.answer, distance)


def questions(seed: int, each: int) -> list[Question]:
    """`each` questions for each skill (fewer for the long ones), and some about far recall."""
    rng = random.Random(f"evaluation {seed}")
    wanted = {skill: max(1, round(each * _LONG.get(skill, 1.0))) for skill in SKILLS}
    found = [_completion(rng) for _ in range(wanted.pop("completion", 0))]
    while wanted:
        talk = conversation(rng, "eval")
        skill = talk.turns[-1].skill
        if talk.manner.kind != "plain" and skill != "manner":
            skill = "manner" if "manner" in wanted and rng.random() < 0.7 else skill
        if skill in wanted:
            found.append(_question(talk, skill))
            wanted[skill] -= 1
            if not wanted[skill]:
                del wanted[skill]
    for distance in DISTANCES:
        found += [_at_distance(rng, distance) for _ in range(max(1, each // 4))]
    return found


def _completion(rng: random.Random) -> Question:
    question, answer, fact = plain_completion(Talk(rng, "eval"))
    return Question("completion", (), f"Q: {question}\nA:", says(fact.short), answer, chat=False)


def _at_distance(rng: random.Random, distance: int) -> Question:
    """Something is told, `distance` other exchanges follow, then it is asked for."""
    while True:
        talk = start(rng, "eval")
        talk.people = ()
        attribute = draw_attribute(rng, "eval")
        other = person(rng, "eval") if rng.random() < 0.25 and attribute.key != "name" else ""
        talk.add(recall.tell(talk, attribute, other))
        value = dict(talk.about(other))[attribute.key]
        while len(talk.turns) <= distance:
            next_speaker(talk)
            before = {who: dict(told) for who, told in talk.told.items()}
            exchange = turn(talk)
            if talk.about(other).get(attribute.key) != value:
                talk.told = before
                continue
            talk.add(exchange)
        talk.add(recall.ask(talk, attribute.key, other))
        question = _question(talk, "recall", distance)
        if sum(len(p) + len(a) for p, a in question.turns) < 5000:
            return question
