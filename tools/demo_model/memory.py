"""Remembering: what people tell about themselves and others, corrections, and what nobody told."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tools.demo_model.phrasing import Phrasings, fill
from tools.demo_model.talk import Exchange, Talk, says_word
from tools.demo_model.words import POOLS, Split, made_up, number, person, pick, place

Draw = Callable[[random.Random, Split], str]


def _word(rng: random.Random, split: Split) -> str:
    return made_up(rng, split)


def _name(rng: random.Random, split: Split) -> str:
    return person(rng, split)


def _either(pool: str) -> Draw:
    """A word of the pool, or one that nobody has heard of."""

    def draw(rng: random.Random, split: Split) -> str:
        return pick(rng, split, pool) if rng.random() < 0.65 else made_up(rng, split)

    return draw


def _birthday(rng: random.Random, split: Split) -> str:
    return f"{rng.randint(1, 28)} {rng.choice(POOLS['month'])}"


def _code(rng: random.Random, split: Split) -> str:
    letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(rng.randint(0, 2)))
    return letters + number(rng, split, (2, 5))


def _title(rng: random.Random, split: Split) -> str:
    return f"The {made_up(rng, split).capitalize()} {pick(rng, split, 'thing').capitalize()}"


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something that a person can tell: how it is told, asked and said, of oneself and of others."""

    key: str
    draw: Draw
    tell: Phrasings
    ask: Phrasings
    say: str  # with {v}; also after "I will remember that"
    missing: str  # what was not told: "You have not told me …"
    tell_other: Phrasings
    ask_other: Phrasings
    say_other: str
    missing_other: str
    who: Phrasings


_TELL = Phrasings("""
    My {a} is {v}.
    My {a} is {v}, remember that.
    Remember that my {a} is {v}.
    Please remember: my {a} is {v}.
    For your information, my {a} is {v}.
    My {a}? It is {v}.
    I want you to know that my {a} is {v}.
    You should know that my {a} is {v}.
    {v} is my {a}.
    Just so you know, my {a} is {v}.
    Keep in mind that my {a} is {v}.
    Note that my {a} is {v}.
    My {a} happens to be {v}.
    Don't forget that my {a} is {v}.
    I'd like you to remember that my {a} is {v}.
    Please note that my {a} is {v}.
    Can you remember that my {a} is {v}?
    Let me tell you my {a}: it is {v}.
    Here is my {a}: {v}.
    I will tell you my {a}. It is {v}.""")
_ASK = Phrasings("""
    What is my {a}?
    Do you remember my {a}?
    Do you know my {a}?
    What's my {a}?
    Can you tell me my {a}?
    Tell me my {a}.
    What was my {a}?
    What is my {a} again?
    Do you still know my {a}?
    What did I say my {a} is?
    Which {a} did I tell you?
    What did I tell you about my {a}?
    Please tell me my {a}.
    I forgot my {a}. What is it?
    What was my {a} again?
    Can you remember my {a}?
    Name my {a}.
    Say my {a}.
    My {a} is what?
    Could you tell me what my {a} is?
    Do you recall my {a}?
    What is my {a}, do you remember?
    Remind me of my {a}.
    Do you know what my {a} is?
    And my {a}?""")
_TELL_OTHER = Phrasings("""
    {o}'s {a} is {v}.
    The {a} of {o} is {v}.
    Remember that {o}'s {a} is {v}.
    Please remember: {o}'s {a} is {v}.
    {v} is the {a} of {o}.
    My friend {o} has this {a}: {v}.
    You should know that {o}'s {a} is {v}.
    Note that the {a} of {o} is {v}.
    By the way, {o}'s {a} is {v}.
    My friend {o} told me that {v} is the right {a}.""")
_ASK_OTHER = Phrasings("""
    What is {o}'s {a}?
    What's {o}'s {a}?
    Do you remember {o}'s {a}?
    What is the {a} of {o}?
    Do you know the {a} of {o}?
    Tell me {o}'s {a}.
    Can you tell me {o}'s {a}?
    What was {o}'s {a}?
    Do you know {o}'s {a}?
    What was the {a} of {o} again?
    And {o}'s {a}?
    Please tell me the {a} of {o}.
    Do you still know {o}'s {a}?
    Which {a} does {o} have?
    Could you tell me {o}'s {a}?""")
_WHO = Phrasings("""
    Whose {a} is {v}?
    Who said that {v} is their {a}?
    Whose {a} was {v}?
    Do you know whose {a} is {v}?
    {v} is whose {a}?
    Tell me whose {a} is {v}.""")


def _with(phrasings: Phrasings, noun: str) -> Phrasings:
    return Phrasings([fill(template, {"a": noun}) for template in phrasings.all])


def _noun(noun: str, draw: Draw) -> Attribute:
    """An attribute of the kind "my favourite colour is …"."""
    return Attribute(
        key=noun,
        draw=draw,
        tell=_with(_TELL, noun),
        ask=_with(_ASK, noun),
        say=f"your {noun} is {{v}}",
        missing=f"your {noun}",
        tell_other=_with(_TELL_OTHER, noun),
        ask_other=_with(_ASK_OTHER, noun),
        say_other=f"{{o}}'s {noun} is {{v}}",
        missing_other=f"{{o}}'s {noun}",
        who=_with(_WHO, noun),
    )


NAME = Attribute(
    key="name",
    draw=_name,
    tell=Phrasings("""
        My name is {v}.
        I am {v}.
        I'm {v}.
        Call me {v}.
        Hi, I am {v}.
        Hello, my name is {v}.
        You can call me {v}.
        Hi, my name is {v}!
        People call me {v}.
        This is {v} speaking.
        Hello! I'm {v}.
        I am called {v}.
        Please call me {v}.
        Let me introduce myself: I am {v}.
        {v} is my name.
        They call me {v}.
        Good morning, I am {v}.
        My friends call me {v}.
        My name's {v}.
        The name is {v}."""),
    ask=Phrasings("""
        What is my name?
        Do you remember my name?
        Who am I?
        What's my name?
        Do you know who I am?
        Do you know my name?
        What am I called?
        Can you tell me my name?
        Tell me my name.
        Do you remember who I am?
        How am I called?
        Say my name.
        Do you still know my name?
        What was my name again?
        What did I say my name was?
        Please tell me my name.
        What did I tell you my name is?
        Can you remember my name?
        By what name do you know me?
        Do you recall my name?
        My name is what?
        Who is talking to you?
        What name did I give you?
        And who am I?
        Could you tell me what my name is?"""),
    say="your name is {v}",
    missing="your name",
    tell_other=_with(_TELL_OTHER, "first name"),
    ask_other=_with(_ASK_OTHER, "first name"),
    say_other="{o}'s first name is {v}",
    missing_other="{o}'s first name",
    who=_with(_WHO, "first name"),
)  # fmt: skip
HOME = Attribute(
    key="home",
    draw=place,
    tell=Phrasings("""
        I live in {v}.
        I live in {v}, remember that.
        My home is in {v}.
        I have a flat in {v} where I live.
        I am living in {v}.
        I am at home in {v}.
        I have lived in {v} for years.
        Remember that I live in {v}.
        I moved to {v}.
        The place where I live is {v}.
        I come from {v} and still live there.
        Just so you know, I live in {v}.
        My house is in {v}.
        {v} is where I live.
        I reside in {v}."""),
    ask=Phrasings("""
        Where do I live?
        Do you know where I live?
        In which city do I live?
        Where is my home?
        Do you remember where I live?
        Which city do I live in?
        Tell me where I live.
        What did I say, where do I live?
        Can you tell me where I live?
        Where did I say I live?
        What city do I live in?
        In what town do I live?
        Where do I live again?
        And where do I live?
        What place do I live in?"""),
    say="you live in {v}",
    missing="where you live",
    tell_other=Phrasings("""
        {o} lives in {v}.
        My friend {o} lives in {v}.
        My neighbour's cousin {o} lives in {v}.
        Remember that {o} lives in {v}.
        {o} has a house in {v}.
        {o} is at home in {v}.
        My brother {o} lives in {v}.
        {o} has moved to {v}.
        {v} is where {o} lives.
        By the way, {o} lives in {v}."""),
    ask_other=Phrasings("""
        Where does {o} live?
        Do you know where {o} lives?
        In which city does {o} live?
        Where is {o}'s home?
        Tell me where {o} lives.
        Which city does {o} live in?
        Do you remember where {o} lives?
        And where does {o} live?
        What city does {o} live in?
        Can you tell me where {o} lives?"""),
    say_other="{o} lives in {v}",
    missing_other="where {o} lives",
    who=Phrasings("""
        Who lives in {v}?
        Do you know who lives in {v}?
        Which of us lives in {v}?
        Tell me who lives in {v}.
        Who has a home in {v}?"""),
)  # fmt: skip
JOB = Attribute(
    key="job",
    draw=lambda rng, split: pick(rng, split, "job"),
    tell=Phrasings("""
        I work as a {v}.
        I am a {v} by profession.
        My job: {v}.
        I earn my money as a {v}.
        I have been working as a {v} for years.
        I work as a {v}, remember that.
        Remember that I work as a {v}.
        I have a job as a {v}.
        My profession is {v}.
        By profession I am a {v}."""),
    ask=Phrasings("""
        What is my job?
        What do I do for a living?
        What do I work as?
        Do you know my job?
        What is my profession?
        Do you remember what I work as?
        What's my job?
        Tell me my profession.
        What kind of work do I do?
        What did I say my job is?
        Do you remember my job?
        As what do I work?"""),
    say="you work as a {v}",
    missing="what your job is",
    tell_other=Phrasings("""
        {o} works as a {v}.
        My friend {o} works as a {v}.
        {o} is a {v} by profession.
        Remember that {o} works as a {v}.
        My sister {o} works as a {v}.
        {o} has a job as a {v}.
        By the way, {o} works as a {v}.
        {o} earns money as a {v}."""),
    ask_other=Phrasings("""
        What is {o}'s job?
        What does {o} do for a living?
        What does {o} work as?
        Do you know {o}'s job?
        What is {o}'s profession?
        What's {o}'s job?
        Tell me {o}'s job.
        As what does {o} work?"""),
    say_other="{o} works as a {v}",
    missing_other="what {o}'s job is",
    who=Phrasings("""
        Who works as a {v}?
        Which of us works as a {v}?
        Do you know who works as a {v}?
        Tell me who works as a {v}.
        Who is the {v}?"""),
)  # fmt: skip
LIKES = Attribute(
    key="likes",
    draw=_either("hobby"),
    tell=Phrasings("""
        I like {v}.
        I love {v}.
        I really like {v}.
        I like {v} a lot.
        I am very fond of {v}.
        I enjoy {v}.
        In my free time I like {v}.
        What I like is {v}.
        Remember that I like {v}.
        I am a fan of {v}."""),
    ask=Phrasings("""
        What do I like?
        Do you remember what I like?
        Do you know what I like?
        What did I say I like?
        Tell me what I like.
        What is it that I like?
        What do I enjoy?
        Can you tell me what I like?
        And what do I like?
        What did I tell you that I like?"""),
    say="you like {v}",
    missing="what you like",
    tell_other=Phrasings("""
        {o} likes {v}.
        My friend {o} likes {v}.
        {o} loves {v}.
        Remember that {o} likes {v}.
        My cousin {o} really likes {v}.
        {o} is a fan of {v}.
        By the way, {o} likes {v}."""),
    ask_other=Phrasings("""
        What does {o} like?
        Do you know what {o} likes?
        Tell me what {o} likes.
        What is it that {o} likes?
        Do you remember what {o} likes?
        And what does {o} like?
        Can you tell me what {o} likes?"""),
    say_other="{o} likes {v}",
    missing_other="what {o} likes",
    who=Phrasings("""
        Who likes {v}?
        Which of us likes {v}?
        Do you know who likes {v}?
        Tell me who likes {v}.
        Who is fond of {v}?"""),
)  # fmt: skip
AGE = Attribute(
    key="age",
    draw=lambda rng, split: str(rng.randint(5, 99)),
    tell=Phrasings("""
        I am {v} years old.
        I'm {v}.
        My age is {v}.
        I am {v} years of age.
        I just turned {v}.
        Remember that I am {v} years old.
        I have been {v} years old since spring."""),
    ask=Phrasings("""
        How old am I?
        What is my age?
        Do you know how old I am?
        Do you remember my age?
        Can you say how old I am?
        Tell me how old I am.
        What age am I?"""),
    say="you are {v} years old",
    missing="how old you are",
    tell_other=Phrasings("""
        {o} is {v} years old.
        My friend {o} is {v} years old.
        My son {o} is {v} years old.
        {o}'s age is {v}.
        {o} just turned {v}."""),
    ask_other=Phrasings("""
        How old is {o}?
        What is {o}'s age?
        Do you know how old {o} is?
        Tell me how old {o} is.
        What age is {o}?"""),
    say_other="{o} is {v} years old",
    missing_other="how old {o} is",
    who=Phrasings("""
        Who is {v} years old?
        Which of us is {v} years old?
        Do you know who is {v} years old?
        Who is {v}?
        Who said they are {v} years old?"""),
)  # fmt: skip

_NOUNS: tuple[tuple[str, Draw], ...] = (
    *((f"favourite {x}", _either(x)) for x in ("colour", "food", "animal", "fruit", "drink", "instrument")),
    ("favourite season", _either("season")), ("favourite day", _either("day")),
    ("favourite month", _either("month")), ("favourite city", place), ("favourite number", number),
    ("favourite country", _either("country")), ("favourite language", _either("language")),
    ("favourite book", _title), ("favourite film", _title), ("favourite song", _title),
    ("favourite game", _word), ("favourite band", _title), ("favourite flower", _word),
    ("favourite sport", _either("hobby")), ("favourite word", _word), ("favourite team", _name),
    ("hobby", _either("hobby")), ("mother tongue", _either("language")), ("birthday", _birthday),
    ("lucky number", number), ("room number", number), ("code word", _word), ("password", _word),
    ("phone extension", number), ("seat number", _code), ("locker code", _code), ("order number", _code),
    ("flight number", _code), ("shoe size", lambda rng, split: str(rng.randint(30, 49))),
    ("house number", number), ("customer number", _code), ("project", _title), ("project name", _word),
    ("company", _name), ("team", _name), ("nickname", _name), ("last name", _name), ("street", _name),
    ("dog's name", _name), ("cat's name", _name), ("brother's name", _name), ("sister's name", _name),
    ("mother's name", _name), ("father's name", _name), ("boss's name", _name), ("teacher's name", _name),
    ("best friend's name", _name), ("neighbour's name", _name), ("horse's name", _name),
    ("boat's name", _name), ("son's name", _name), ("daughter's name", _name), ("home town", place),
    ("holiday destination", place), ("secret word", _word), ("username", _word),
    ("dog", _name), ("cat", _name), ("car", _word), ("computer", _word), ("star sign", _word),
)  # fmt: skip
SPECIAL = (HOME, JOB, LIKES, AGE)
ATTRIBUTES: tuple[Attribute, ...] = (NAME, *SPECIAL, *(_noun(noun, draw) for noun, draw in _NOUNS))
BY_KEY = {attribute.key: attribute for attribute in ATTRIBUTES}


def draw_attribute(rng: random.Random, *, other: bool = False) -> Attribute:
    """The name comes most often, then where somebody lives and the like, then any noun."""
    roll = rng.random()
    if roll < 0.2 and not other:
        return NAME
    if roll < 0.5:
        return rng.choice(SPECIAL)
    return rng.choice(ATTRIBUTES[1:])


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
