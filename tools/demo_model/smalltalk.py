"""Greetings, thanks, goodbyes, moods, jokes, and follow-ups on the last answer."""

from __future__ import annotations

from functools import cache

from tools.demo_model.phrasing import Phrasings, blocks, phrasings
from tools.demo_model.talk import Exchange, Talk, capitals, exactly, says

_JOKES = (
    "Why do programmers mix up Halloween and Christmas? Because OCT 31 is DEC 25.",
    "What do you call a bear without teeth? A gummy bear.",
    "Why did the bicycle fall over? Because it was two-tired.",
    "What is brown and sticky? A stick.",
)
_JOKE = phrasings("smalltalk", "joke")
_AGAIN = phrasings("smalltalk", "again")
_SHORTER = phrasings("smalltalk", "shorter")
_CAPITALS = phrasings("smalltalk", "capitals")
_MORE = phrasings("smalltalk", "more")
_WHY = phrasings("smalltalk", "why")
_SURE = phrasings("smalltalk", "sure")

# "why?" and "sure?" make no sense after these
_NOTHING_CLAIMED = ("unknown", "small talk", "follow-ups", "introductions", "first words")
_NO_MORE = "That is all I can say about it. I am only a small demonstration model."
_NO_WHY = "I cannot explain it further. I am only a small demonstration model."
_AS_FAR = "As far as I know, yes. But I am only a small demonstration model, so check what matters."
_INLINE = (
    (
        "capitals",
        phrasings("smalltalk", "inline capitals"),
    ),
    (
        "sentence",
        phrasings("smalltalk", "inline sentence"),
    ),
)


@cache
def chats() -> tuple[tuple[str, str, Phrasings], ...]:
    """An answer, it in one sentence, and what it answers."""
    found = []
    for title, ways in blocks("smalltalk.txt", "A"):
        answer, short = (part.strip() for part in title.split("|"))
        found.append((answer, short, ways))
    return tuple(found)


def _is_a_joke(text: str) -> bool:
    return any(says(joke)(text) for joke in _JOKES)


def chat(talk: Talk) -> Exchange:
    rng = talk.rng
    if rng.random() < 0.1 and talk.manner.kind != "sentence":
        joke = rng.choice(_JOKES)
        return Exchange(talk.phrase(_JOKE), joke, "small talk", _is_a_joke, joke)
    answer, short, ways = rng.choice(chats())
    way = ways.pick(rng, talk.split)
    roll = rng.random()
    if roll < 0.3:
        way = way.lower()
    elif roll < 0.4:
        way = way.rstrip(".!?")
    elif roll < 0.5:
        way += rng.choice((" :)", " 🙂", "!", " 👍"))
    check = says(short if talk.manner.kind == "sentence" else answer)
    return Exchange(way, answer, "small talk", check, short)


def follow_up(talk: Talk) -> Exchange | None:
    """A turn about the answer before it, or None where none would make sense."""
    if not talk.turns:
        return None
    rng, last = talk.rng, talk.turns[-1]
    short_enough = len(last.answer) < 400
    if last.more and rng.random() < 0.6:
        return Exchange(
            talk.phrase(_MORE), last.more, "follow-ups", says(last.more[:40]), prose=False
        )
    roll = rng.random()
    plain = talk.manner.kind in ("plain", "capitals", "lower")
    if roll < 0.3 and short_enough and plain:
        return Exchange(
            talk.phrase(_AGAIN),
            last.answer,
            "follow-ups",
            exactly(last.answer),
            last.short,
            last.more,
            last.prose,
        )
    if roll < 0.5 and last.short and last.short != last.answer and plain:
        return Exchange(
            talk.phrase(_SHORTER), last.short, "follow-ups", exactly(last.short), last.short
        )
    if roll < 0.65 and short_enough and last.prose and talk.manner.kind == "plain":
        loud = capitals(last.answer)
        return Exchange(talk.phrase(_CAPITALS), loud, "follow-ups", exactly(loud), loud)
    if not last.more and roll < 0.8:
        short = "That is all I can say about it."
        return Exchange(talk.phrase(_MORE), _NO_MORE, "follow-ups", says("that is all"), short)
    if last.skill in _NOTHING_CLAIMED:
        return None
    if roll < 0.9:
        short = "I cannot explain it further."
        return Exchange(talk.phrase(_WHY), _NO_WHY, "follow-ups", says("cannot explain"), short)
    return Exchange(
        talk.phrase(_SURE),
        _AS_FAR,
        "follow-ups",
        says("as far as i know"),
        "As far as I know, yes.",
    )


def inline_manner(talk: Talk, exchange: Exchange) -> Exchange:
    """The same question with "in capitals" or "in one sentence" in it."""
    if talk.manner.kind != "plain" or not exchange.prose or not exchange.short:
        return exchange
    kind, ways = talk.rng.choice(_INLINE)
    question = ways.pick(talk.rng, talk.split).replace("{q}", exchange.user)
    answer = capitals(exchange.answer) if kind == "capitals" else exchange.short
    check = exchange.check

    def holds(text: str) -> bool:
        if kind == "capitals":
            return check(text) and text == capitals(text)
        return check(text) and text.strip() == exchange.short

    return Exchange(question, answer, "manner", holds, exchange.short if kind == "sentence" else "")
