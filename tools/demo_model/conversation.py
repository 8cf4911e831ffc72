"""Mixes the skills into conversations, in the format that Llama 2's chat models know."""

from __future__ import annotations

import random

from tools.demo_model import (
    identity,
    knowledge,
    letters,
    lists,
    newcomers,
    persona,
    recall,
    smalltalk,
    unknown,
    writing,
)
from tools.demo_model.attributes import NAME, draw_attribute
from tools.demo_model.talk import DEFAULT_SYSTEM_PROMPT, Exchange, Skill, Talk
from tools.demo_model.words import Split, display_name

PROSE: dict[str, tuple[Skill, float]] = {
    "memory": (recall.memory_turn, 8.0),
    "facts": (knowledge.fact_question, 3.2),
    "parley": (knowledge.parley_question, 4.2),
    "identity": (identity.who_are_you, 1.6),
    "newcomers": (newcomers.newcomer, 5.0),
    "unknown": (unknown.unknown, 3.2),
    "small talk": (smalltalk.chat, 2.6),
    "arithmetic": (letters.arithmetic, 2.4),
}
OTHER: dict[str, tuple[Skill, float]] = {
    "spell": (letters.spell, 1.6),
    "reverse": (letters.reverse, 2.0),
    "count": (letters.count_letters, 1.3),
    "repeat": (letters.repeat, 0.9),
    "lists": (lists.number_list, 0.8),
    "tables": (lists.table, 0.5),
    "code": (writing.code, 0.9),
    "poems": (writing.poem, 0.4),
    "stories": (writing.story, 0.35),
    "languages": (writing.foreign, 0.6),
}

# For a short tuning after the training proper: what small models find hardest, in few turns.
_FOCUS = {
    "memory": 12.0,
    "facts": 2.0,
    "parley": 2.5,
    "identity": 2.5,
    "newcomers": 3.0,
    "unknown": 3.5,
    "small talk": 3.5,
    "arithmetic": 2.5,
    "spell": 1.5,
    "reverse": 1.0,
    "count": 0.4,
    "repeat": 0.3,
    "lists": 0.1,
    "tables": 0.1,
    "code": 0.1,
    "poems": 0.1,
    "stories": 0.0,
    "languages": 0.4,
}


def start(rng: random.Random, split: Split, *, focus: bool = False) -> Talk:
    """An empty conversation: default prompt, none or a persona; between two or among several."""
    talk = Talk(rng, split)
    roll = rng.random()
    if roll < 0.3:
        talk.system = DEFAULT_SYSTEM_PROMPT
    elif roll < 0.58:
        talk.system = None
    elif roll < 0.66:
        persona.draw_manner_only(talk)
    else:
        size = "long" if rng.random() < 0.4 else "short"
        persona.draw_system(talk, manner=rng.random() < 0.35, size=size)
    if rng.random() < (0.6 if focus else 0.3):
        people: list[str] = []
        count = rng.choice((1, 2, 2, 3, 3, 4))
        while len(people) < count:
            name = display_name(rng, split)
            if name not in people and name != talk.name:
                people.append(name)
        talk.people = tuple(people)
    return talk


def next_speaker(talk: Talk) -> None:
    if talk.people:
        talk.speaker = talk.rng.choice(talk.people)


def turn(talk: Talk, *, focus: bool = False) -> Exchange:
    """One more exchange of whatever skill suits; it is not yet added."""
    rng = talk.rng
    if talk.turns and rng.random() < (0.25 if focus else 0.1):
        exchange = smalltalk.follow_up(talk)
        if exchange is not None and (exchange.prose or talk.manner.kind == "plain"):
            return exchange
    if talk.house_facts and rng.random() < 0.2:
        return identity.house_fact(talk)
    table = PROSE if talk.manner.kind != "plain" else PROSE | OTHER
    weights = [_FOCUS[name] if focus else weight for name, (_, weight) in table.items()]
    if talk.people:
        weights[0] *= (
            2.0  # memory comes first in the table: who said what is what several people are for
        )
    skill = rng.choices([skill for skill, _ in table.values()], weights)[0]
    exchange = skill(talk)
    if rng.random() < 0.05 and exchange.skill in ("facts", "parley", "needs", "identity"):
        exchange = smalltalk.inline_manner(talk, exchange)
    return exchange


def apart(rng: random.Random, split: Split) -> Talk:
    """Several people tell the same thing of themselves, one after the other; then they ask."""
    talk = start(rng, split, focus=True)
    while len(talk.people) < 2:
        talk = start(rng, split, focus=True)
    shared = [draw_attribute(rng, split, other=True) for _ in range(rng.choice((1, 1, 1, 2)))]
    if rng.random() < 0.25:
        shared[0] = NAME
    for what in shared:
        for name in rng.sample(talk.people, len(talk.people)):
            talk.speaker = name
            talk.add(recall.tell(talk, what))
            if rng.random() < 0.15:
                next_speaker(talk)
                talk.add(turn(talk))
    for _ in range(rng.randint(2, 5)):
        next_speaker(talk)
        roll = rng.random()
        if roll < 0.3:
            talk.add(recall.who_is(talk))
        elif roll < 0.4:
            talk.add(turn(talk))
        elif roll < 0.45:
            talk.add(recall.tell(talk, rng.choice(shared)))
        else:
            talk.add(recall.ask(talk, rng.choice(shared).key, rng.choice(talk.people)))
    return talk


_TURNS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14)
_BEGINS = 0.25  # conversations that open with what newcomers type
_FOCUS_TURNS = (1, 2, 3, 4, 5, 6)


def conversation(rng: random.Random, split: Split, *, focus: bool = False) -> Talk:
    """A whole conversation; with `focus` a short one about the hard things."""
    if rng.random() < (0.8 if focus else 0.1):
        return apart(rng, split)
    talk = start(rng, split, focus=focus)
    for number in range(rng.choice(_FOCUS_TURNS if focus else _TURNS)):
        next_speaker(talk)
        begins = number == 0 and rng.random() < _BEGINS
        talk.add(newcomers.newcomer(talk) if begins else turn(talk, focus=focus))
    return talk


def prompt_of(talk: Talk, index: int) -> str:
    """The text of turn `index` up to its answer; only the first has the system prompt."""
    system = ""
    if index == 0 and talk.system is not None:
        system = f"<<SYS>>\n{talk.system}\n<</SYS>>\n\n"
    return f"[INST] {system}{talk.turns[index].user} [/INST]"
