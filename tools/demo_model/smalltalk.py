"""Greetings, thanks, goodbyes, moods, jokes, and follow-ups on the last answer."""

from __future__ import annotations

from functools import cache

from tools.demo_model.knowledge import lines
from tools.demo_model.phrasing import Phrasings
from tools.demo_model.talk import Exchange, Talk, capitals, exactly, says

_JOKES = (
    "Why do programmers mix up Halloween and Christmas? Because OCT 31 is DEC 25.",
    "What do you call a bear without teeth? A gummy bear.",
    "Why did the bicycle fall over? Because it was two-tired.",
    "What is brown and sticky? A stick.",
)
_JOKE = Phrasings("""
    Tell me a joke.
    Do you know a joke?
    Make me laugh.
    Can you tell me a joke?
    Say something funny.
    Tell a joke.
    I want to hear a joke.
    Another joke, please.
    Please tell me a joke.
    Do you have a joke for me?
    Tell me another joke.
    Tell me something funny.
    Please tell a joke.
    Do you know any jokes?
    I need a joke.
    Joke please
    I want to laugh.
    Can you make me laugh?
    Give me a joke.
    Do you know something funny?""")
_AGAIN = Phrasings("""
    Say that again.
    Can you repeat that?
    Please repeat that.
    Again, please.
    What did you say?
    Could you say that again?
    Repeat your last answer.
    Pardon?
    Say it again.
    I did not understand. Say it again.
    Repeat that please.
    Once more, please.
    One more time.
    Please say that once more.
    Can you say that again?
    Repeat that.
    Repeat it.
    Say that once more.
    Can you repeat it?
    Please repeat your answer.
    Can you repeat your last answer?
    Repeat what you said.
    What was that?
    Sorry, what did you say?
    I did not get that.
    I did not hear that, say it again.
    Please say it again.
    Could you repeat that?
    Tell me that again.
    What did you just say?
    Would you repeat that?
    Say the last thing again.
    Repeat your answer, please.
    I did not understand that.
    I missed that. Again, please.""")
_SHORTER = Phrasings("""
    Shorter please.
    Shorter, please.
    Can you make that shorter?
    In one sentence, please.
    Please be shorter.
    Make it shorter.
    Can you say that in one sentence?
    That was too long.
    Say that in fewer words.
    Give me the short version.
    Shorter!
    Please say that in one sentence.
    A bit shorter, please.
    Summarise that.
    Could you say that in one sentence?
    Say it shorter.
    Can you be shorter?
    Please make it shorter.
    That is too long.
    Too long!
    Can you shorten that?
    Shorten that, please.
    Give me a shorter answer.
    One sentence, please.
    Say it in one sentence.
    Make that one sentence.
    Could you make it shorter?
    In fewer words, please.
    Say it in fewer words.
    The short version, please.""")
_CAPITALS = Phrasings("""
    In capitals please.
    In capital letters, please.
    Say that in capitals.
    Can you write that in capitals?
    Write that in upper case.
    Now in capitals.
    Repeat that in capital letters.
    Please write that in capitals.
    Again in capitals, please.
    In upper case, please.
    Say it in capitals.
    Write it in capitals.
    Now say that in capital letters.
    All in capitals, please.
    Can you say that in capital letters?
    Could you write that in capitals?
    Write that in capital letters.
    Say that in upper case.
    Repeat it in capitals.
    In all capitals, please.""")
_MORE = Phrasings("""
    Go on.
    Tell me more.
    Continue.
    More, please.
    Please continue.
    Go on, please.
    And then?
    Keep going.
    What else?
    Carry on.
    Please go on.
    I want more.
    Continue, please.
    More!
    Please tell me more.
    More please.
    Tell me some more.
    What comes next?
    What happens next?
    What then?
    Can you continue?
    Can you tell me more?
    I want to know more.
    I want to hear more.
    Please keep going.
    Give me more.
    Is there more?
    And what else?
    Can you go on?
    Do go on.""")
_WHY = Phrasings("""
    Why?
    Why is that?
    Why is that so?
    How come?
    Can you explain why?
    Why exactly?
    But why?
    And why?
    Why so?
    Tell me why.
    Why is it so?
    Why is it like that?
    And why is that?
    Please explain why.
    Explain why.
    What is the reason?
    For what reason?
    Why is that the case?
    I want to know why.
    Can you tell me why?""")
_SURE = Phrasings("""
    Are you sure?
    Is that true?
    Really?
    Are you certain?
    Is that correct?
    Is that right?
    Can I trust that?
    Are you really sure?
    Is it true?
    Do you mean that?
    Are you sure about that?
    Are you sure of that?
    Is this true?
    Is this correct?
    Is this right?
    Is it right?
    Is it correct?
    Is that really true?
    Is that really so?
    Are you certain of that?
    Do you know that for sure?
    Is that a fact?
    Can I believe that?
    Is your answer correct?
    Is your answer right?""")

_NO_MORE = "That is all I can say about it. I am only a small demonstration model."
_NO_WHY = "I cannot explain it further. I am only a small demonstration model."
_AS_FAR = "As far as I know, yes. But I am only a small demonstration model, so check what matters."
_INLINE = (
    (
        "capitals",
        Phrasings("""
        {q} Answer in capitals.
        {q} In capitals please.
        Answer in capitals: {q}
        {q} Write the answer in capital letters.
        In capital letters: {q}
        {q} Use capitals."""),
    ),
    (
        "sentence",
        Phrasings("""
        {q} Answer in one sentence.
        {q} In one sentence please.
        Answer in one sentence: {q}
        {q} One sentence only.
        In one sentence: {q}
        {q} Just one sentence.
        {q} Be brief."""),
    ),
)


@cache
def _chat() -> tuple[tuple[str, str, str, Phrasings], ...]:
    blocks: list[tuple[str, str, str, list[str]]] = []
    for line in lines("smalltalk.txt"):
        if line.startswith("A: "):
            key, answer, short = (part.strip() for part in line[3:].split("|"))
            blocks.append((key, answer, short, []))
        else:
            blocks[-1][3].append(line)
    return tuple((key, answer, short, Phrasings(ways)) for key, answer, short, ways in blocks)


def chat(talk: Talk) -> Exchange:
    rng = talk.rng
    if rng.random() < 0.1 and talk.manner.kind != "sentence":
        joke = rng.choice(_JOKES)
        short = "What is brown and sticky? A stick."
        return Exchange(
            talk.phrase(_JOKE), joke, "small talk", lambda text: text.count("?") == 1, short
        )
    key, answer, short, ways = rng.choice(_chat())
    way = ways.pick(rng, talk.split)
    roll = rng.random()
    if roll < 0.3:
        way = way.lower()
    elif roll < 0.4:
        way = way.rstrip(".!")
    elif roll < 0.5:
        way += rng.choice((" :)", " 🙂", "!", " 👍"))
    return Exchange(way, answer, "small talk", says(key), short)


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
            talk.phrase(_AGAIN), last.answer, "follow-ups", exactly(last.answer), last.short
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
