"""All that can be told of a person: what has a grammar of its own, then any noun."""

from __future__ import annotations

import random

from tools.demo_model.memory import (
    ASK_OTHER,
    TELL_OTHER,
    WHO,
    Attribute,
    Draw,
    a_birthday,
    a_code,
    a_name,
    a_title,
    a_word,
    either,
    noun_attribute,
    with_noun,
)
from tools.demo_model.phrasing import Phrasings
from tools.demo_model.words import number, pick, place

NAME = Attribute(
    key="name",
    draw=a_name,
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
        The name is {v}.
        My first name is {v}.
        Hello, I am {v}.
        {v} here.
        Hi, {v} here.
        It is me, {v}.
        I go by the name of {v}.
        Hello, this is {v}.
        Hi, this is {v}.
        You are talking to {v}.
        You speak with {v}."""),
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
        Could you tell me what my name is?
        Could you tell me my name?
        Do you know what my name is?
        Do you remember what my name is?
        Who am I again?
        What is my first name?
        Can you tell me who I am?
        Can you say my name?
        Have I told you my name?
        What did I call myself?
        With whom are you talking?
        Tell me who I am.
        What did I say, what is my name?
        I forgot my name. What is it?
        Name me.
        Say who I am."""),
    say="your name is {v}",
    missing="your name",
    tell_other=with_noun(TELL_OTHER, "first name"),
    ask_other=with_noun(ASK_OTHER, "first name"),
    say_other="{o}'s first name is {v}",
    missing_other="{o}'s first name",
    who=with_noun(WHO, "first name"),
)
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
)
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
)
LIKES = Attribute(
    key="likes",
    draw=either("hobby"),
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
)
AGE = Attribute(
    key="age",
    draw=lambda rng, _split: str(rng.randint(5, 99)),
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
)

_NOUNS: tuple[tuple[str, Draw], ...] = (
    *(
        (f"favourite {x}", either(x))
        for x in ("colour", "food", "animal", "fruit", "drink", "instrument")
    ),
    ("favourite season", either("season")),
    ("favourite day", either("day")),
    ("favourite month", either("month")),
    ("favourite city", place),
    ("favourite number", number),
    ("favourite country", either("country")),
    ("favourite language", either("language")),
    ("favourite book", a_title),
    ("favourite film", a_title),
    ("favourite song", a_title),
    ("favourite game", a_word),
    ("favourite band", a_title),
    ("favourite flower", a_word),
    ("favourite sport", either("hobby")),
    ("favourite word", a_word),
    ("favourite team", a_name),
    ("hobby", either("hobby")),
    ("mother tongue", either("language")),
    ("birthday", a_birthday),
    ("lucky number", number),
    ("room number", number),
    ("code word", a_word),
    ("password", a_word),
    ("phone extension", number),
    ("seat number", a_code),
    ("locker code", a_code),
    ("order number", a_code),
    ("flight number", a_code),
    ("shoe size", lambda rng, _split: str(rng.randint(30, 49))),
    ("house number", number),
    ("customer number", a_code),
    ("project", a_title),
    ("project name", a_word),
    ("company", a_name),
    ("team", a_name),
    ("nickname", a_name),
    ("last name", a_name),
    ("street", a_name),
    ("dog's name", a_name),
    ("cat's name", a_name),
    ("brother's name", a_name),
    ("sister's name", a_name),
    ("mother's name", a_name),
    ("father's name", a_name),
    ("boss's name", a_name),
    ("teacher's name", a_name),
    ("best friend's name", a_name),
    ("neighbour's name", a_name),
    ("horse's name", a_name),
    ("boat's name", a_name),
    ("son's name", a_name),
    ("daughter's name", a_name),
    ("home town", place),
    ("holiday destination", place),
    ("secret word", a_word),
    ("username", a_word),
    ("dog", a_name),
    ("cat", a_name),
    ("car", a_word),
    ("computer", a_word),
    ("star sign", a_word),
)
SPECIAL = (HOME, JOB, LIKES, AGE)
ATTRIBUTES: tuple[Attribute, ...] = (
    NAME,
    *SPECIAL,
    *(noun_attribute(noun, draw) for noun, draw in _NOUNS),
)
BY_KEY = {attribute.key: attribute for attribute in ATTRIBUTES}


def draw_attribute(rng: random.Random, *, other: bool = False) -> Attribute:
    """The name comes most often, then where somebody lives and the like, then any noun."""
    roll = rng.random()
    if roll < 0.2 and not other:
        return NAME
    if roll < 0.5:
        return rng.choice(SPECIAL)
    return rng.choice(ATTRIBUTES[1:])
