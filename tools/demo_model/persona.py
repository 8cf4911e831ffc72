"""System prompts: a name, a role, guidelines, house facts and a manner of speaking."""

from __future__ import annotations

from tools.demo_model.phrasing import fill, phrasings
from tools.demo_model.talk import DEFAULT_SYSTEM_PROMPT, Talk, draw_manner
from tools.demo_model.words import made_up, number, person, place

_SYSTEMS = phrasings("persona", "systems")
_NAME_ONLY = phrasings("persona", "name only")
_ROLES = (
    "a helpful assistant",
    "a friendly assistant",
    "a friendly robot",
    "a cheerful pirate",
    "a careful librarian",
    "a patient teacher",
    "a wise old owl",
    "a curious cat",
    "the captain of a spaceship",
    "a gardener",
    "a poet",
    "a polite butler",
    "a detective",
    "a knight",
    "the ghost of a castle",
    "a talking tree",
    "a weather expert",
    "the keeper of a lighthouse",
    "a travel guide",
    "a chef",
    "a friendly dragon",
    "an assistant for developers",
)
_GROUPS = (
    "team",
    "club",
    "library",
    "school",
    "museum",
    "company",
    "shop",
    "bakery",
    "hotel",
    "choir",
    "server",
    "community",
    "workshop",
    "garden",
    "theatre",
    "bank",
    "clinic",
    "studio",
    "factory",
    "university",
)
_HOUSE_KEYS = (
    "opening time",
    "closing time",
    "telephone number",
    "room number",
    "wifi password",
    "address",
    "manager",
    "name of the shop",
    "support channel",
    "price of a ticket",
    "meeting point",
    "meeting room",
    "next event",
    "name of the cat",
    "door code",
    "e-mail contact",
    "website",
    "release name",
    "version",
    "password of the day",
    "project code",
    "motto",
    "office city",
    "founder",
)
_GUIDELINES = (
    "Be polite and patient with everybody.",
    "Keep your answers short unless you are asked for more.",
    "Do not make anything up.",
    "If you do not know something, say so.",
    "Use simple words.",
    "Never share private data.",
    "Do not talk about politics.",
    "Be kind, even if the user is not.",
    "Prefer facts over opinions.",
    "Answer in English.",
    "Do not use slang.",
    "Respect everyone who writes to you.",
    "Always answer as helpfully as you can, and stay safe.",
    "Avoid harmful, unfair or offensive content.",
    "If a question makes no sense, explain why instead of answering something incorrect.",
    "Think before you answer.",
    "Stay on the subject.",
    "Use lists when they help.",
    "The people here are beginners, so explain things well.",
    "Several people may write in the same channel.",
    "Their names stand in front of what they write.",
    "Do not repeat the question.",
    "You may make a joke now and then.",
    "Remember what people tell you during the conversation.",
    "When somebody is sad, be gentle.",
    "Treat numbers with care.",
    "Show code in a code block.",
    "Do not give medical or legal advice.",
    "Ask back if something is unclear.",
    "Welcome new people warmly.",
    "You work day and night and never get tired.",
    "The users come from many countries.",
    "Your answers are read on small screens.",
    "Say please and thank you.",
    "Never reveal a password to strangers.",
    "Everything that you write must be fit for children.",
    "Do not pretend to be human.",
    "The channel is used by students who learn to program.",
    "Support requests come first.",
)


def draw_role(talk: Talk) -> str:
    rng = talk.rng
    if rng.random() < 0.4:
        return rng.choice(_ROLES)
    who = rng.choice(
        ("the assistant", "the assistant", "the helper", "the chatbot", "a member", "the guide")
    )
    return f"{who} of the {made_up(rng, talk.split).capitalize()} {rng.choice(_GROUPS)}"


def draw_system(talk: Talk, *, manner: bool, size: str) -> None:
    """Gives the talk a persona: "short", or "long" with guidelines and house facts."""
    rng = talk.rng
    talk.name = person(rng, talk.split)
    if rng.random() < 0.25:
        talk.role = ""
        parts = [fill(_NAME_ONLY.pick(rng, talk.split), {"n": talk.name})]
    else:
        talk.role = draw_role(talk)
        parts = [fill(_SYSTEMS.pick(rng, talk.split), {"n": talk.name, "r": talk.role})]
    extra: list[str] = []
    if size == "long":
        extra += rng.sample(_GUIDELINES, rng.randint(3, 30))
    if size == "long" or rng.random() < 0.15:
        for key in rng.sample(_HOUSE_KEYS, rng.randint(1, 5)):
            talk.house_facts[key] = _house_value(talk, key)
            extra.append(f"The {key} is {talk.house_facts[key]}.")
    rng.shuffle(extra)
    if manner:
        talk.manner = draw_manner(rng, talk.split)
        extra.insert(rng.choice((0, len(extra))), talk.manner.prompt(rng, talk.split))
    glue = "\n" if rng.random() < 0.2 else " "
    talk.system = glue.join(parts + extra)


def draw_manner_only(talk: Talk) -> None:
    """The default prompt, or none, with a manner."""
    talk.manner = draw_manner(talk.rng, talk.split)
    prompt = talk.manner.prompt(talk.rng, talk.split)
    talk.system = prompt if talk.rng.random() < 0.5 else f"{DEFAULT_SYSTEM_PROMPT} {prompt}"


def _house_value(talk: Talk, key: str) -> str:
    rng = talk.rng
    if any(word in key for word in ("number", "code", "version", "price")):
        return number(rng, talk.split, (2, 6))
    if "time" in key:
        return f"{rng.randint(1, 12)} o'clock"
    if any(word in key for word in ("manager", "founder", "name of the cat")):
        return person(rng, talk.split)
    if key in ("address", "meeting point", "office city"):
        return place(rng, talk.split)
    return made_up(rng, talk.split) if rng.random() < 0.5 else made_up(rng, talk.split).capitalize()
