"""Who the assistant is: its name, role and house facts from the system prompt, and small talk about
itself.
"""

from __future__ import annotations

from tools.demo_model.phrasing import Phrasings
from tools.demo_model.talk import (
    Exchange,
    Talk,
    says,
    says_word,
)

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
    Your name?
    Hello, who are you?
    Who are you, please?
    And what is your name?
    What is your name, please?
    Do you know who you are?
    Tell me about yourself.
    Say something about yourself.
    Who or what are you?
    Which name do you have?
    What may I call you?
    How should I call you?
    Who is talking to me?
    Who are you then?
    Tell me your name, please.
    Who answers me here?""")
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
    What language model are you?
    How big is your model?
    How big is this model?
    What kind of language model are you?
    What size are you?
    How large are you?
    Are you GPT?
    Are you a Llama model?
    Are you a small model?
    Are you a big model?
    How many parameters does your model have?
    Which model do you use?
    What model is this?
    What model is running?
    Are you Claude?
    Do you run Llama 2?
    What AI model are you?
    Which model am I talking to?
    What is the size of your model?
    Are you Llama?
    Is this ChatGPT?""")
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
    Am I talking with a machine?
    Am I talking with a bot?
    Am I talking to a bot?
    Am I talking to a machine?
    Am I talking with a human?
    Are you a human being?
    Are you real?
    Are you a program?
    Are you a living being?
    Are you software?
    Is this a bot?
    Is this a human?
    Are you a man or a machine?
    Am I chatting with a robot?
    Am I chatting with a person?
    Do I talk to a human?""")
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
    Who has created you?
    Who has made you?
    Who has trained you?
    Who programmed you?
    Who is your maker?
    Who invented you?
    Where were you made?
    Who are your makers?
    Which company made you?
    By whom were you trained?
    Who is behind you?""")
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
    What sort of help can you give me?
    What can I use you for?
    What do you do?
    What is it that you can do?
    Can you tell me what you can do?
    Show me what you can do.
    What are you for?
    What questions can I ask?
    What things can you do?
    How could you help me?
    What help can you give?
    Which skills do you have?
    What are your capabilities?
    What else can you do?
    What can you do for me?
    What can one do with you?""")
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
    Do you feel pain?
    Are you sad?
    Can you be sad?
    Do you feel anything?
    Are you ever tired?
    Do you dream?
    Do you ever sleep?
    Do you love me?
    Can you feel pain?
    Have you got feelings?
    Do you feel happy?""")
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
    Will you remember this?
    Do you remember things?
    Can you remember things?
    Do you remember me?
    Do you have a memory?
    Will you remember what I say?
    Do you learn from me?
    Do you forget things?
    Do you learn anything from me?
    Do you keep what I tell you?
    How long will you remember this?""")
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
        answer = "No, I am not a human. I am a computer program that answers in text."
        asked = talk.phrase(_HUMAN)
        if any(
            word in asked.lower()
            for word in ("robot", "machine", "bot", "ai", "computer", "program")
        ):
            answer = "Yes, I am a computer program that answers in text."
        short = (
            "I am a computer program that answers in text." if answer.startswith("No") else answer
        )
        return Exchange(asked, answer, "identity", says("computer program"), short)
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
