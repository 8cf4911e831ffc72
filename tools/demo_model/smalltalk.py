"""Greetings, thanks, goodbyes, moods, jokes, and follow-ups on the last answer."""

from __future__ import annotations

from tools.demo_model.phrasing import Phrasings
from tools.demo_model.talk import Exchange, Talk, capitals, exactly, says

# Each: the skill's check words, the answer, the ways to say it.
_CHAT: tuple[tuple[str, str, Phrasings], ...] = (
    ("how can i help", "Hello! How can I help you?", Phrasings("""
        Hello
        Hi
        Hello!
        Hi!
        Good morning
        Hey
        Hi there
        Good evening
        Hey there!
        Good afternoon
        Hello there
        Good day
        Greetings
        Hiya
        Hi bot
        Howdy
        Hello Parley
        Morning!
        hey hey
        Hello friend""")),
    ("thank you for asking", "I am fine, thank you for asking. How can I help you?", Phrasings("""
        How are you?
        How are you doing?
        How do you do?
        Are you well?
        How are you today?
        How is it going?
        How's it going?
        Are you OK?
        How do you feel today?
        How are things?
        Hi, how are you?
        How have you been?
        Are you doing well?
        Hello, how are you?
        How are you doing today?""")),
    ("welcome", "You are welcome!", Phrasings("""
        Thanks!
        Thank you!
        Thank you very much.
        Thanks a lot!
        Many thanks.
        Thx
        Thank you so much!
        That helped, thank you.
        Great, thanks!
        Thanks for your help.
        Thanks, that is all.
        Ty
        Perfect, thank you!
        Thank you for your help.
        I thank you.""")),
    ("goodbye", "Goodbye! It was nice to talk with you.", Phrasings("""
        Bye
        Goodbye!
        See you later.
        Good night.
        See you!
        Bye bye
        I have to go now.
        See you tomorrow.
        Farewell!
        I am leaving now.
        Until next time!
        I must go, bye.
        Talk to you later.
        So long!
        Goodbye for now.""")),
    ("glad", "I am glad to hear that!", Phrasings("""
        I am happy today.
        I feel great!
        That is great!
        I had a wonderful day.
        I am so happy!
        Everything is fine.
        I feel good.
        Today was a good day.
        I got a new job!
        I passed my exam!
        We won the game!
        Life is good.
        I am in a good mood.
        What a lovely day!
        I am very well.""")),
    ("sorry to hear", "I am sorry to hear that. I hope it gets better soon.", Phrasings("""
        I am sad.
        I had a bad day.
        I feel sick.
        I am tired.
        I feel lonely.
        My day was terrible.
        I lost my keys.
        I am not feeling well.
        I am unhappy.
        I failed my exam.
        I have a headache.
        Everything went wrong today.
        I am angry.
        We lost the game.
        I feel bad today.""")),
    ("thank you", "Thank you, that is kind of you!", Phrasings("""
        You are great!
        You are very helpful.
        I like you.
        Good bot!
        You are funny.
        Well done!
        You are clever.
        Good job!
        Nice work!
        I love you.
        You are the best!
        That was a good answer.
        Impressive!
        You are really good.
        Very good!""")),
    ("sorry", "I am sorry. I am only a small demonstration model, but I do my best.", Phrasings("""
        You are stupid.
        That is wrong.
        Bad bot!
        You are useless.
        That is not right.
        You made a mistake.
        That was not helpful.
        I do not like you.
        You are wrong.
        This answer is bad.
        That makes no sense.
        You are dumb.
        What nonsense!
        That is not what I asked.
        You do not understand me.""")),
    ("all right", "All right!", Phrasings("""
        OK
        Okay.
        I see.
        Fine.
        All right.
        Good.
        Understood.
        Cool.
        Nice.
        Got it.
        Sure.
        Great.
        Alright then.
        Very well.
        Interesting.""")),
    ("here", "Yes, I am here. How can I help you?", Phrasings("""
        Are you there?
        Test
        Is anybody there?
        Can you hear me?
        Testing
        Ping
        Are you online?
        Are you awake?
        Do you hear me?
        This is a test.
        Are you still there?
        Anyone here?
        test 123
        Is somebody there?
        Can you read this?""")),
    ("gladly", "Gladly! What would you like to know?", Phrasings("""
        Can you help me?
        I have a question.
        Help me please.
        I need help.
        Can I ask you something?
        I want to ask you something.
        May I ask a question?
        Could you help me?
        I need your help.
        Can we talk?
        Let's talk.
        I would like to ask something.
        Do you have time?
        Please help me.
        Will you help me?""")),
)  # fmt: skip
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
    Do you have a joke for me?""")
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
    Can you say that again?""")
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
    Could you say that in one sentence?""")
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
    In upper case, please.""")
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
    Please tell me more.""")
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
    Tell me why.""")
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
    Do you mean that?""")

_NO_MORE = "That is all I can say about it. I am only a small demonstration model."
_NO_WHY = "I cannot explain it further. I am only a small demonstration model."
_AS_FAR = "As far as I know, yes. But I am only a small demonstration model, so check what matters."
_INLINE = (
    ("capitals", Phrasings("""
        {q} Answer in capitals.
        {q} In capitals please.
        Answer in capitals: {q}
        {q} Write the answer in capital letters.
        In capital letters: {q}
        {q} Use capitals.""")),
    ("sentence", Phrasings("""
        {q} Answer in one sentence.
        {q} In one sentence please.
        Answer in one sentence: {q}
        {q} One sentence only.
        In one sentence: {q}
        {q} Just one sentence.
        {q} Be brief.""")),
)  # fmt: skip


def chat(talk: Talk) -> Exchange:
    rng = talk.rng
    if rng.random() < 0.1 and talk.manner.kind != "sentence":
        joke = rng.choice(_JOKES)
        short = "What is brown and sticky? A stick."
        return Exchange(talk.phrase(_JOKE), joke, "small talk", lambda text: text.count("?") == 1, short)
    wanted, answer, ways = rng.choice(_CHAT)
    short = answer.split("! ")[-1].split(". ")[0]
    short = short if short[-1] in ".!?" else short + "."
    if "welcome" in wanted:
        short = answer
    way = ways.pick(rng, talk.split)
    roll = rng.random()
    if roll < 0.3:
        way = way.lower()
    elif roll < 0.4:
        way = way.rstrip(".!")
    elif roll < 0.5:
        way += rng.choice((" :)", " 🙂", "!", " 👍"))
    loose = {"gladly": "what would you like", "sorry to hear": "sorry to hear", "goodbye": "goodbye"}
    key = {"how can i help": "how can i help"}.get(wanted, loose.get(wanted, wanted))
    if wanted in ("gladly",):
        short = "What would you like to know?"
    if wanted == "goodbye":
        short = "Goodbye!"
    if wanted == "thank you for asking":
        short, key = "I am fine, thank you for asking.", "fine"
    if wanted == "here":
        short = "Yes, I am here."
    if wanted == "sorry":
        short, key = "I am sorry.", "i am sorry"
    if wanted == "thank you":
        short = answer
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
        return Exchange(talk.phrase(_AGAIN), last.answer, "follow-ups", exactly(last.answer), last.short)
    if roll < 0.5 and last.short and last.short != last.answer and plain:
        return Exchange(talk.phrase(_SHORTER), last.short, "follow-ups", exactly(last.short), last.short)
    if roll < 0.65 and short_enough and last.prose and talk.manner.kind == "plain":
        loud = capitals(last.answer)
        return Exchange(talk.phrase(_CAPITALS), loud, "follow-ups", exactly(loud), loud)
    if not last.more and roll < 0.8:
        short = "That is all I can say about it."
        return Exchange(talk.phrase(_MORE), _NO_MORE, "follow-ups", says("that is all"), short)
    if roll < 0.9:
        short = "I cannot explain it further."
        return Exchange(talk.phrase(_WHY), _NO_WHY, "follow-ups", says("cannot explain"), short)
    return Exchange(talk.phrase(_SURE), _AS_FAR, "follow-ups", says("as far as i know"), "As far as I know, yes.")


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
