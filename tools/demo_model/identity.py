"""Who the assistant is: its name, role and house facts from the system prompt, and small talk about itself."""

from __future__ import annotations

from tools.demo_model.phrasing import Phrasings, fill
from tools.demo_model.talk import DEFAULT_SYSTEM_PROMPT, Exchange, Talk, draw_manner, says, says_word
from tools.demo_model.words import made_up, number, person, place

_WHO = Phrasings("""
    Who are you?
    What is your name?
    What's your name?
    Who am I talking to?
    What are you called?
    Tell me your name.
    Can you introduce yourself?
    Introduce yourself.
    May I ask your name?
    And who are you?
    Do you have a name?
    What should I call you?
    Please introduce yourself.
    Who is this?
    Say who you are.
    Hi! Who are you?
    What do people call you?
    Tell me who you are.
    What can I call you?
    Whom am I speaking with?
    How are you called?
    Who is there?
    What name do you have?
    With whom am I talking?
    Your name?""")
_MODEL = Phrasings("""
    What model are you?
    Which model are you?
    What kind of model are you?
    Are you Llama 2?
    How big are you?
    Are you a large model?
    Which language model are you?
    How many parameters do you have?
    What model do you run?
    Are you ChatGPT?
    What are you based on?
    Are you GPT-4?
    Which AI model is this?
    How large is your model?
    What language model are you?""")
_HUMAN = Phrasings("""
    Are you human?
    Are you a human?
    Are you a robot?
    Are you a real person?
    Are you a machine?
    Am I talking to a person?
    Are you a bot?
    Are you an AI?
    Is there a human behind you?
    Am I talking to a computer?
    Are you a person?
    Are you alive?
    Are you a computer program?
    Do you have a body?
    Am I talking with a machine?""")
_MAKER = Phrasings("""
    Who made you?
    Who created you?
    Who built you?
    Where do you come from?
    Who trained you?
    Who is your creator?
    By whom were you made?
    Who wrote you?
    Who developed you?
    Who has created you?""")
_CAN = Phrasings("""
    What can you do?
    How can you help me?
    What can I ask you?
    What are you able to do?
    What are your skills?
    What do you know?
    What are you good at?
    Tell me what you can do.
    What can you help me with?
    What are your abilities?
    What can I do with you?
    What kind of things can you do?
    How can you help?
    What could I ask you?
    What sort of help can you give me?""")
_FEEL = Phrasings("""
    Do you have feelings?
    Can you feel anything?
    Are you conscious?
    Do you like me?
    Do you sleep?
    Do you get tired?
    Do you have emotions?
    Can you dream?
    Are you happy?
    Do you feel pain?""")
_OLD = Phrasings("""
    How old are you?
    What is your age?
    When were you born?
    When is your birthday?
    Do you have a birthday?
    What's your age?""")
_LEARN = Phrasings("""
    Do you learn from our conversation?
    Can you learn?
    Will you remember me tomorrow?
    Do you remember other conversations?
    How long do you remember things?
    How good is your memory?
    Do you remember our last conversation?
    Can you learn new things?
    Do you remember what I tell you?
    Will you remember this?""")
_LANGUAGES = Phrasings("""
    Which languages do you speak?
    What languages do you speak?
    Do you speak German?
    Can you speak French?
    Which language do you speak?
    Can we speak Spanish?
    Do you only speak English?
    Can you understand Italian?
    In which languages can you talk?
    Do you speak other languages?""")
_HOUSE = Phrasings("""
    What is the {k}?
    What's the {k}?
    Can you tell me the {k}?
    Do you know the {k}?
    Tell me the {k}.
    I need the {k}.
    Which {k} do you have?
    Please tell me the {k}.
    What was the {k} again?
    Could you tell me the {k}?""")

_ABLE = (
    "I can remember what you tell me here, explain Parley, answer simple questions, write lists, tables, code, "
    "poems and stories, spell words and add small numbers."
)


def who_are_you(talk: Talk) -> Exchange:
    rng = talk.rng
    roll = rng.random()
    if roll < 0.5:
        answer = f"I am {talk.name}, {talk.role}." if talk.role else f"I am {talk.name}."
        check = says_word(talk.name)
        return Exchange(talk.phrase(_WHO), answer, "identity", check, answer)
    if roll < 0.6:
        answer = "I am Parley's small demonstration model, a tiny language model of about eleven million parameters."
        return Exchange(talk.phrase(_MODEL), answer, "identity", says("demonstration model"), answer)
    if roll < 0.7:
        answer = "No, I am not a human. I am a computer program that answers in text."
        asked = talk.phrase(_HUMAN)
        if any(word in asked.lower() for word in ("robot", "machine", "bot", "ai", "computer", "program")):
            answer = "Yes, I am a computer program that answers in text."
        short = "I am a computer program that answers in text." if answer.startswith("No") else answer
        return Exchange(asked, answer, "identity", says("computer program"), short)
    if roll < 0.77:
        answer = "I was trained for the Parley project as its small demonstration model."
        return Exchange(talk.phrase(_MAKER), answer, "identity", says("Parley project"), answer)
    if roll < 0.87:
        return Exchange(talk.phrase(_CAN), _ABLE, "identity", says("remember", "explain Parley"), _ABLE)
    if roll < 0.9:
        answer = "No, I am only a program and have no feelings."
        return Exchange(talk.phrase(_FEEL), answer, "identity", says("only a program"), answer)
    if roll < 0.93:
        answer = "I am a program and have no age."
        return Exchange(talk.phrase(_OLD), answer, "identity", says("no age"), answer)
    if roll < 0.97:
        answer = "I remember what is said in this conversation, until somebody resets it."
        return Exchange(talk.phrase(_LEARN), answer, "identity", says("in this conversation"), answer)
    answer = "I speak English and know only a few words of other languages."
    return Exchange(talk.phrase(_LANGUAGES), answer, "identity", says("English"), answer)


def house_fact(talk: Talk) -> Exchange:
    """A question about a fact that the system prompt holds."""
    key = talk.rng.choice(list(talk.house_facts))
    value = talk.house_facts[key]
    answer = f"The {key} is {value}."
    return Exchange(talk.phrase(_HOUSE, k=key), answer, "identity", says_word(value), answer)


_SYSTEMS = Phrasings("""
    You are {n}, {r}.
    Your name is {n}. You are {r}.
    You are {n}, {r}. Be helpful.
    Your name is {n} and you are {r}.
    Act as {n}, {r}.
    You are called {n}. You are {r}.
    From now on you are {n}, {r}.
    You are a chatbot named {n}. You are {r}.
    You play the part of {n}, {r}.
    You are {r}, and your name is {n}.""")
_NAME_ONLY = Phrasings("""
    You are {n}.
    Your name is {n}.
    You are called {n}.
    You are an assistant called {n}.
    Your name is {n}. Be brief.
    You are {n}. Be friendly.
    You are a bot named {n}.
    Call yourself {n}.
    You answer to the name of {n}.
    The assistant's name is {n}.""")
_ROLES = (
    "a helpful assistant", "a friendly assistant", "a friendly robot", "a cheerful pirate", "a careful librarian",
    "a patient teacher", "a wise old owl", "a curious cat", "the captain of a spaceship", "a gardener", "a poet",
    "a polite butler", "a detective", "a knight", "the ghost of a castle", "a talking tree", "a weather expert",
    "the keeper of a lighthouse", "a travel guide", "a chef", "a friendly dragon", "an assistant for developers",
)  # fmt: skip
_GROUPS = (
    "team", "club", "library", "school", "museum", "company", "shop", "bakery", "hotel", "choir", "server",
    "community", "workshop", "garden", "theatre", "bank", "clinic", "studio", "factory", "university",
)  # fmt: skip
_HOUSE_KEYS = (
    "opening time", "closing time", "telephone number", "room number", "wifi password", "address", "manager",
    "name of the shop", "support channel", "price of a ticket", "meeting point", "meeting room", "next event",
    "name of the cat", "door code", "e-mail contact", "website", "release name", "version", "password of the day",
    "project code", "motto", "office city", "founder",
)  # fmt: skip
_GUIDELINES = (
    "Be polite and patient with everybody.", "Keep your answers short unless you are asked for more.",
    "Do not make anything up.", "If you do not know something, say so.", "Use simple words.",
    "Never share private data.", "Do not talk about politics.", "Be kind, even if the user is not.",
    "Prefer facts over opinions.", "Answer in English.", "Do not use slang.", "Respect everyone who writes to you.",
    "Always answer as helpfully as you can, and stay safe.", "Avoid harmful, unfair or offensive content.",
    "If a question makes no sense, explain why instead of answering something incorrect.",
    "Think before you answer.", "Stay on the subject.", "Use lists when they help.",
    "The people here are beginners, so explain things well.", "Several people may write in the same channel.",
    "Their names stand in front of what they write.", "Do not repeat the question.",
    "You may make a joke now and then.", "Remember what people tell you during the conversation.",
    "When somebody is sad, be gentle.", "Treat numbers with care.", "Show code in a code block.",
    "Do not give medical or legal advice.", "Ask back if something is unclear.", "Welcome new people warmly.",
    "You work day and night and never get tired.", "The users come from many countries.",
    "Your answers are read on small screens.", "Say please and thank you.", "Never reveal a password to strangers.",
    "Everything that you write must be fit for children.", "Do not pretend to be human.",
    "The channel is used by students who learn to program.", "Support requests come first.",
)  # fmt: skip


def draw_role(talk: Talk) -> str:
    rng = talk.rng
    if rng.random() < 0.4:
        return rng.choice(_ROLES)
    who = rng.choice(("the assistant", "the assistant", "the helper", "the chatbot", "a member", "the guide"))
    return f"{who} of the {made_up(rng, talk.split).capitalize()} {rng.choice(_GROUPS)}"


def draw_system(talk: Talk, *, manner: bool, size: str) -> None:
    """Gives the talk a system prompt of a persona: "short", or "long" with guidelines and house facts."""
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
