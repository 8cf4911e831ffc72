"""Plain facts, and what Parley's commands and settings do, read from the files in data/."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tools.demo_model.phrasing import Phrasings, american, blocks, lines, phrasings
from tools.demo_model.talk import Exchange, Talk, first_sentence, says


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


def about() -> tuple[tuple[str, Phrasings], ...]:
    """Answers about Parley as a whole, and the ways to ask for them."""
    return blocks("about.txt", "A")


@cache
def needs() -> tuple[tuple[Fact, Phrasings], ...]:
    """Commands and settings, and how people say that they need them."""
    named = {entry.names[0]: entry for entry in commands()}
    return tuple((named[name], ways) for name, ways in blocks("needs.txt", "N"))


ASK_FACT = {
    "thing": phrasings("knowledge", "ask fact thing"),
    "danger": phrasings("knowledge", "ask fact danger"),
    "author": phrasings("knowledge", "ask fact author"),
    "howmany": phrasings("knowledge", "ask fact howmany"),
    "most": phrasings("knowledge", "ask fact most"),
    "person": phrasings("knowledge", "ask fact person"),
    "capital": phrasings("knowledge", "ask fact capital"),
    "symbol": phrasings("knowledge", "ask fact symbol"),
    "opposite": phrasings("knowledge", "ask fact opposite"),
    "young": phrasings("knowledge", "ask fact young"),
}

_IT_DANGEROUS = phrasings("knowledge", "it dangerous")

ASK_COMMAND = phrasings("knowledge", "ask command")
ASK_SETTING = phrasings("knowledge", "ask setting")
_ASK_WISH = phrasings("knowledge", "ask wish")


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


_TYPED = ("/", "-", "@", "parley ", "make ")  # what a command begins with that somebody types


def parley_question(talk: Talk) -> Exchange:
    rng = talk.rng
    roll = rng.random()
    if roll < 0.25:
        answer, asks = rng.choice(about())
        return Exchange(
            talk.phrase(asks),
            answer,
            "parley",
            says(first_sentence(answer)),
            first_sentence(answer),
        )
    if roll < 0.55:
        # what is needed more often has more ways to say so, and comes more often
        entry, ways = rng.choices(needs(), [ways.count("train") for _, ways in needs()])[0]
        return Exchange(talk.phrase(ways), entry.answer, "needs", says(entry.short), entry.short)
    entry = rng.choice(commands())
    if roll < 0.77:
        name = rng.choice(entry.names)
        if rng.random() < 0.2 and name.startswith(_TYPED):
            name = f"`{name}`"
        question = talk.phrase(ASK_COMMAND if entry.kind == "command" else ASK_SETTING, x=name)
    else:
        question = talk.phrase(_ASK_WISH, w=rng.choice(entry.wishes))
    return Exchange(question, entry.answer, "parley", says(entry.short), entry.short)
