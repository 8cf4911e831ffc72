"""Plain facts, and what Parley's commands and settings do, read from the files in data/."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.demo_model.phrasing import Phrasings, american
from tools.demo_model.talk import Exchange, Talk, first_sentence, says

DATA = Path(__file__).parent / "data"


@cache
def lines(name: str) -> tuple[str, ...]:
    """The lines of a data file without comments and blank ones."""
    text = (DATA / name).read_text(encoding="utf-8")
    return tuple(line for line in text.split("\n") if line.strip() and line[:2] != "# ")


@dataclass(frozen=True, slots=True)
class Fact:
    kind: str
    names: tuple[str, ...]
    wishes: tuple[str, ...]
    short: str
    more: str

    @property
    def answer(self) -> str:
        return f"{self.short} {self.more}".strip()


@cache
def facts() -> tuple[Fact, ...]:
    found = []
    for line in lines("facts.txt"):
        kind, names, short, more = (part.strip() for part in line.split("|"))
        found.append(Fact(kind, tuple(n.strip() for n in names.split(" ; ")), (), short, more))
    return tuple(found)


@cache
def commands() -> tuple[Fact, ...]:
    found = []
    for line in lines("parley.txt"):
        kind, names, wishes, short, more = (part.strip() for part in line.split(" |"))
        found.append(
            Fact(
                kind,
                tuple(n.strip() for n in names.split(" ; ")),
                tuple(w.strip() for w in wishes.split(" ; ")),
                short,
                more,
            )
        )
    return tuple(found)


@cache
def about() -> tuple[tuple[str, Phrasings], ...]:
    blocks: list[tuple[str, list[str]]] = []
    for line in lines("about.txt"):
        if line.startswith("A: "):
            blocks.append((line[3:], []))
        else:
            blocks[-1][1].append(line)
    return tuple((answer, Phrasings(asks)) for answer, asks in blocks)


ASK_FACT = {
    "thing": Phrasings("""
        What is {x}?
        What's {x}?
        Explain {x}.
        Tell me about {x}.
        Can you tell me what {x} is?
        What does {x} mean?
        Can you explain {x}?
        Describe {x}.
        Do you know what {x} is?
        Please explain to me what {x} is.
        Define {x}.
        I want to know what {x} is.
        What exactly is {x}?
        Could you explain what {x} is?
        Give me a definition of {x}.
        What do you know about {x}?
        Explain to me what {x} is.
        What is meant by {x}?
        Tell me what {x} is.
        I would like to learn about {x}.
        What can you tell me about {x}?
        Explain {x} in simple words.
        What is {x}, please?
        {x}?
        Tell me something about {x}.
        Could you tell me about {x}?
        Can you define {x}?
        I have never heard of {x}. What is it?
        Do you know anything about {x}?
        Could you describe {x} for me?"""),
    "danger": Phrasings("""
        Is {x} dangerous?
        Can {x} be dangerous?
        How dangerous is {x}?
        Should I be afraid of {x}?
        Could {x} be dangerous?
        Is {x} a danger?
        Tell me whether {x} is dangerous.
        Is {x} harmful?
        Do I have to fear {x}?
        Can {x} hurt me?"""),
    "author": Phrasings("""
        Who wrote {x}?
        Who is the author of {x}?
        Who was the author of {x}?
        Do you know who wrote {x}?
        By whom is {x}?
        Tell me who wrote {x}.
        {x}: who wrote it?
        Can you tell me who wrote {x}?
        Which writer wrote {x}?
        Name the author of {x}.
        What is the name of the author of {x}?"""),
    "howmany": Phrasings("""
        How many {x} are there {y}?
        How many {x} are {y}?
        What is the number of {x} {y}?
        Do you know how many {x} there are {y}?
        Tell me how many {x} there are {y}.
        Can you tell me how many {x} are {y}?
        How many {x} do you find {y}?
        Tell me the number of {x} {y}.
        I want to know how many {x} there are {y}.
        Could you say how many {x} there are {y}?"""),
    "most": Phrasings("""
        What is {x}?
        Do you know {x}?
        Tell me {x}.
        Name {x}.
        Can you tell me {x}?
        What's {x}?
        I want to know {x}.
        Which one is {x}?
        Could you name {x}?
        Can you name {x}?
        Please tell me {x}.
        I would like to know {x}."""),
    "person": Phrasings("""
        Who {x}?
        Do you know who {x}?
        Tell me who {x}.
        Can you tell me who {x}?
        I want to know who {x}.
        Which person {x}?
        Who was it that {x}?
        Please tell me who {x}.
        Say who {x}.
        Could you tell me who {x}?"""),
    "capital": Phrasings("""
        What is the capital of {x}?
        What's the capital of {x}?
        Capital of {x}?
        Which city is the capital of {x}?
        Do you know the capital of {x}?
        Name the capital of {x}.
        Tell me the capital of {x}.
        What is the name of the capital of {x}?
        What city is the capital of {x}?
        Can you tell me the capital of {x}?
        What is {x}'s capital?
        I need the capital of {x}."""),
    "symbol": Phrasings("""
        What is the chemical symbol for {x}?
        What's the symbol for {x}?
        Which chemical symbol does {x} have?
        What is the symbol of {x}?
        Tell me the chemical symbol of {x}.
        Do you know the chemical symbol for {x}?
        Chemical symbol for {x}?
        How is {x} written as a chemical symbol?
        Name the chemical symbol of {x}.
        What symbol does {x} have in chemistry?"""),
    "opposite": Phrasings("""
        What is the opposite of {x}?
        What's the opposite of {x}?
        Opposite of {x}?
        Name the opposite of {x}.
        Which word is the opposite of {x}?
        Tell me the opposite of {x}.
        Do you know the opposite of {x}?
        What word means the opposite of {x}?
        Give me the opposite of {x}.
        Can you tell me the opposite of {x}?"""),
    "young": Phrasings("""
        What is a young {x} called?
        What do you call a young {x}?
        What is the name for a young {x}?
        What is a baby {x} called?
        What do people call a young {x}?
        How is a young {x} called?
        Tell me the word for a young {x}.
        Which word do we use for a young {x}?
        What's a baby {x} called?
        What is the word for a baby {x}?"""),
}

_IT_DANGEROUS = Phrasings("""
    Is it dangerous?
    Can it be dangerous?
    Is that dangerous?
    Could it be dangerous?
    How dangerous is it?
    Is it harmful?
    And is it dangerous?""")

ASK_COMMAND = Phrasings("""
    What does {x} do?
    What is {x}?
    What is {x} for?
    Explain {x}.
    How does {x} work?
    Tell me about {x}.
    What happens with {x}?
    When do I use {x}?
    Can you explain {x}?
    What can I do with {x}?
    What does {x} mean?
    What is the use of {x}?
    I do not understand {x}.
    Please explain what {x} does.
    What's {x} good for?
    What do I use {x} for?
    Why would I use {x}?
    Tell me what {x} does.
    Help me with {x}.
    Could you explain what {x} is for?
    Do you know what {x} does?""")
ASK_SETTING = Phrasings("""
    What does {x} do?
    What is {x}?
    What does {x} mean?
    What does the setting {x} mean?
    Explain the setting {x}.
    What is the setting {x} for?
    What is {x} for?
    What does {x} set?
    Explain {x}.
    Tell me what the setting {x} does.
    What is the meaning of {x}?
    What do I set with {x}?
    Can you explain {x}?
    Tell me about {x}.
    Could you explain the setting {x}?
    What does the {x} setting do?
    Please explain {x}.""")
_ASK_WISH = Phrasings("""
    How do I {w}?
    How can I {w}?
    What do I do to {w}?
    I want to {w}.
    How do you {w}?
    What can I do to {w}?
    Is there a way to {w}?
    I would like to {w}.
    Can I {w}?
    How could I {w}?
    Which command do I need to {w}?
    How does one {w}?
    Tell me how to {w}.
    How to {w}?
    What do I need to {w}?
    Please tell me how I can {w}.
    Do you know how to {w}?
    What must I do to {w}?
    I need to {w}.
    I am trying to {w}. What do I do?""")


def fact_question(talk: Talk) -> Exchange:
    rng = talk.rng
    previous = talk.turns[-1] if talk.turns else None
    if previous is not None and rng.random() < 0.3:
        again = _danger_of(talk, previous)
        if again is not None:
            return again
    # Definitions are most of the list; the tutorial's own questions come a little more often.
    fact = rng.choice(facts()) if rng.random() > 0.03 else facts()[rng.randrange(2)]
    name = rng.choice(fact.names)
    if fact.kind == "howmany":
        return _fact(talk.phrase(ASK_FACT["howmany"], x=fact.names[0], y=fact.names[1]), fact)
    if rng.random() < 0.15:
        name = american(name)
    if rng.random() < 0.12:
        name = name.lower()
    return _fact(talk.phrase(ASK_FACT[fact.kind], x=name), fact)


def _fact(question: str, fact: Fact) -> Exchange:
    return Exchange(question, fact.answer, "facts", says(fact.short), fact.short)


def _danger_of(talk: Talk, previous: Exchange) -> Exchange | None:
    for fact in facts():
        if fact.kind == "thing" and plain_start(previous.answer, fact.short):
            for danger in facts():
                if danger.kind == "danger" and danger.names[0] == fact.names[0]:
                    question = talk.phrase(_IT_DANGEROUS)
                    return Exchange(
                        question, danger.answer, "facts", says(danger.short), danger.short
                    )
    return None


def plain_start(answer: str, short: str) -> bool:
    return answer.lower().startswith(short.lower())


def plain_completion(talk: Talk) -> tuple[str, str, Fact]:
    """A question and its answer for `Q: …\\nA:`, which has no chat format."""
    while True:
        fact = talk.rng.choice(facts())
        if fact.kind != "howmany":
            question = ASK_FACT[fact.kind].pick(talk.rng, talk.split)
            question = question.replace("{x}", talk.rng.choice(fact.names))
            return question[0].upper() + question[1:], fact.answer, fact


def parley_question(talk: Talk) -> Exchange:
    rng = talk.rng
    roll = rng.random()
    if roll < 0.3:
        answer, asks = rng.choice(about())
        return Exchange(
            talk.phrase(asks),
            answer,
            "parley",
            says(first_sentence(answer)),
            first_sentence(answer),
        )
    entry = rng.choice(commands())
    if roll < 0.65:
        name = rng.choice(entry.names)
        if rng.random() < 0.2 and entry.kind == "command" and "button" not in name:
            name = f"`{name}`"
        question = talk.phrase(ASK_COMMAND if entry.kind == "command" else ASK_SETTING, x=name)
    else:
        question = talk.phrase(_ASK_WISH, w=rng.choice(entry.wishes))
    return Exchange(question, entry.answer, "parley", says(entry.short), entry.short)
