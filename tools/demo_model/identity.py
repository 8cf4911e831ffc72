"""Who the assistant is: its name, role and house facts from the system prompt, and small talk about
itself.
"""

from __future__ import annotations

from tools.demo_model.phrasing import phrasings
from tools.demo_model.talk import (
    Exchange,
    Talk,
    says,
    says_word,
)

_WHO = phrasings("identity", "who")
_MODEL = phrasings("identity", "model")
_HUMAN = phrasings("identity", "human")
_MAKER = phrasings("identity", "maker")
_CAN = phrasings("identity", "can")
_FEEL = phrasings("identity", "feel")
_OLD = phrasings("identity", "old")
_LEARN = phrasings("identity", "learn")
_LANGUAGES = phrasings("identity", "languages")
_HOUSE = phrasings("identity", "house")

_ABLE = (
    "I can remember what you tell me here, explain Parley, answer simple questions, write lists, "
    "tables, code, poems and stories, spell words and add small numbers."
)


def who_are_you(talk: Talk) -> Exchange:
    rng = talk.rng
    roll = rng.random()
    if roll < 0.5:
        answer = f"I am {talk.name}, {talk.role}." if talk.role else f"I am {talk.name}."
        check = says_word(talk.name)
        return Exchange(talk.phrase(_WHO), answer, "identity", check, answer)
    if roll < 0.6:
        answer = (
            "I am Parley's small demonstration model, a tiny language model of about eleven "
            "million parameters."
        )
        return Exchange(
            talk.phrase(_MODEL), answer, "identity", says("demonstration model"), answer
        )
    if roll < 0.7:
        # Neither yes nor no, so that it answers "Are you a robot?" and "Are you human?" alike.
        answer = "I am a computer program that answers in text, and not a human."
        return Exchange(talk.phrase(_HUMAN), answer, "identity", says("computer program"), answer)
    if roll < 0.77:
        answer = "I was trained for the Parley project as its small demonstration model."
        return Exchange(talk.phrase(_MAKER), answer, "identity", says("Parley project"), answer)
    if roll < 0.87:
        return Exchange(
            talk.phrase(_CAN), _ABLE, "identity", says("remember", "explain Parley"), _ABLE
        )
    if roll < 0.9:
        answer = "No, I am only a program and have no feelings."
        return Exchange(talk.phrase(_FEEL), answer, "identity", says("only a program"), answer)
    if roll < 0.93:
        answer = "I am a program and have no age."
        return Exchange(talk.phrase(_OLD), answer, "identity", says("no age"), answer)
    if roll < 0.97:
        answer = "I remember what is said in this conversation, until somebody resets it."
        return Exchange(
            talk.phrase(_LEARN), answer, "identity", says("in this conversation"), answer
        )
    answer = "I speak English and know only a few words of other languages."
    return Exchange(talk.phrase(_LANGUAGES), answer, "identity", says("English"), answer)


def house_fact(talk: Talk) -> Exchange:
    """A question about a fact that the system prompt holds."""
    key = talk.rng.choice(list(talk.house_facts))
    value = talk.house_facts[key]
    answer = f"The {key} is {value}."
    return Exchange(talk.phrase(_HOUSE, k=key), answer, "identity", says_word(value), answer)
