"""What people type first: who they are and what they look after, how to set Parley up, and the rest
("help", "is this free?", "can you read this channel?").
"""

from __future__ import annotations

from tools.demo_model.attributes import NAME
from tools.demo_model.knowledge import commands
from tools.demo_model.phrasing import AnyOf, Ways, blocks, casual, fill, phrasings
from tools.demo_model.recall import in_one, name_told, own_name
from tools.demo_model.talk import Exchange, Talk, first_sentence, says, says_word
from tools.demo_model.words import made_up, pick

_TOPIC = "newcomers"
_HELLO = phrasings(_TOPIC, "hello")

_ON_DISCORD = (
    "`parley setup` puts me on Discord: it asks for the bot's token, registers the commands and "
    "prints the invite link. By hand it is `parley discord invite`, `parley discord sync` and "
    "`parley run`, with the token in `PARLEY_DISCORD__TOKEN`."
)
_ON_SLACK = (
    "`parley setup` puts me on Slack: it prints the app's manifest and asks for the two tokens. By "
    "hand it is `parley slack manifest`, the tokens in `PARLEY_SLACK__BOT_TOKEN` and "
    "`PARLEY_SLACK__APP_TOKEN`, then `parley run`."
)
_ANYWHERE = (
    "`parley setup` guides you: it finds a model that fits this machine and connects Discord or "
    "Slack. In the terminal `parley chat` is enough."
)


def _either(section: str) -> Ways:
    return AnyOf(phrasings(_TOPIC, section), phrasings(_TOPIC, f"{section} about"))


_PURPOSES: tuple[tuple[Ways, str], ...] = (
    (
        _either("purpose discord"),
        "When you want me on your Discord server, `parley setup` puts me there.",
    ),
    (
        _either("purpose slack"),
        "When you want me in your Slack workspace, `parley setup` puts me there.",
    ),
    (phrasings(_TOPIC, "purpose other"), "Ask me what I can do, or how to set me up."),
)
_BOT = (
    *("you", "Parley", "this", "this bot", "it", "the bot", "the chatbot", "this chatbot"),
    *("this thing", "a bot"),
)
_BOTH = ("on Discord and Slack", "on Slack and Discord", "on Discord and on Slack")


def introduce(talk: Talk) -> Exchange:
    """A greeting with a purpose, mostly with a name: "I am Ana and I run a Discord server."."""
    rng, split = talk.rng, talk.split
    ways, remark = rng.choices(_PURPOSES, (5, 3, 2))[0]
    topic = made_up(rng, split) if rng.random() < 0.4 else pick(rng, split, "hobby")
    purpose = ways.about(g=topic).pick(rng, split)
    known = talk.about(talk.speaker)
    if "name" in known or rng.random() < 0.25:
        greeting = f"{_HELLO.pick(rng, split)} " if rng.random() < 0.7 else ""
        answer = f"Welcome! {remark}"
        check = says(remark)
        return Exchange(greeting + casual(rng, purpose), answer, "introductions", check, remark)
    name = own_name(talk)
    known["name"] = name
    told = [NAME.tell.pick(rng, split), purpose]
    if rng.random() < 0.15:
        told.reverse()
    text = casual(rng, in_one(talk, told, ["{v}"]))
    if rng.random() < 0.3:
        text = f"{_HELLO.pick(rng, split)} {text}"
    named, noted = says_word(name), says(remark)
    short = f"Nice to meet you, {name}!"
    plain_only = talk.manner.kind == "sentence"
    return Exchange(
        fill(text, {"v": name}),
        f"{name_told(talk, name, short)} {remark}",
        "introductions",
        lambda answer: named(answer) and (plain_only or noted(answer)),
        short,
    )


def _parley_chat() -> str:
    return next(entry.answer for entry in commands() if entry.names[0] == "parley chat")


def set_up(talk: Talk) -> Exchange:
    """How Parley gets onto Discord, onto Slack, into the terminal, or set up at all."""
    rng, split = talk.rng, talk.split
    bot = rng.choice(_BOT)

    def place(section: str) -> str:
        return phrasings(_TOPIC, section).pick(rng, split)

    def ways(section: str) -> Ways:
        return phrasings(_TOPIC, section)

    roll = rng.random()
    if roll < 0.25:
        asked, answer = ways("set up").about(w=place("on discord")), _ON_DISCORD
    elif roll < 0.35:
        asked, answer = ways("add discord"), _ON_DISCORD
    elif roll < 0.5:
        asked, answer = ways("set up").about(w=place("on slack")), _ON_SLACK
    elif roll < 0.58:
        asked, answer = ways("add slack"), _ON_SLACK
    elif roll < 0.66:
        both = ways("set up").about(w=rng.choice(_BOTH))
        asked, answer = rng.choice((both, ways("set up anywhere"))), _ANYWHERE
    elif roll < 0.7:
        asked, answer = ways("set up terminal"), _parley_chat()
    else:
        return _of_block(talk, "setup.txt", "set-up")
    return _answered(talk.phrase(asked.about(b=bot)), answer, "set-up")


def first_words(talk: Talk) -> Exchange:
    """What else people begin with."""
    return _of_block(talk, "first.txt", "first words")


def _of_block(talk: Talk, file: str, skill: str) -> Exchange:
    entries = blocks(file, "A")
    # what can be put in more ways comes more often
    answer, ways = talk.rng.choices(entries, [ways.count("train") for _, ways in entries])[0]
    return _answered(talk.phrase(ways), answer, skill)


def _answered(question: str, answer: str, skill: str) -> Exchange:
    short = first_sentence(answer)
    return Exchange(question, answer, skill, says(short), short)


def newcomer(talk: Talk) -> Exchange:
    """Any of what people type first."""
    kinds = (introduce, set_up, first_words)
    return talk.rng.choices(kinds, (3, 5, 6))[0](talk)
