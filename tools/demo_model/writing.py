"""Lists, tables, code, poems, stories, emoji and words of other languages."""

from __future__ import annotations

import re
from functools import cache

from tools.demo_model.knowledge import lines
from tools.demo_model.phrasing import Phrasings, fill
from tools.demo_model.talk import Check, Exchange, Talk, says
from tools.demo_model.words import made_up, person, pick, place

# --- code -----------------------------------------------------------------------------------------

_CODE_ASK: dict[str, tuple[str, Phrasings]] = {
    "hello": (
        'a program that prints "{w}"',
        Phrasings("""
        Write a program in {l} that prints "{w}".
        Write a {l} program that prints "{w}".
        How do I print "{w}" in {l}?
        Print "{w}" in {l}.
        Show me how to print "{w}" in {l}.
        Code that prints "{w}" in {l}, please.
        Show me {l} code that prints "{w}".
        Write {l} code to print "{w}".
        I need a {l} program that writes "{w}".
        Give me {l} code that prints "{w}"."""),
    ),
    "count": (
        "a program that counts to {n}",
        Phrasings("""
        Write a {l} program that counts to {n}.
        Write a loop from 1 to {n} in {l}.
        How do I count to {n} in {l}?
        Show me a loop to {n} in {l}.
        Print the numbers from 1 to {n} in {l}.
        Write {l} code that counts from 1 to {n}.
        Code that counts to {n} in {l}, please.
        Show me {l} code that prints the numbers from 1 to {n}.
        I need a loop to {n} in {l}.
        Give me a {l} program that counts to {n}."""),
    ),
}
_TASKS = {
    "add": "adds two numbers",
    "factorial": "computes the factorial of a number",
    "reverse": "reverses a string",
    "even": "checks whether a number is even",
    "largest": "finds the largest number",
    "read": "reads a file",
    "fibonacci": "computes Fibonacci numbers",
    "greet": "greets somebody by name",
}
_TASK_ASK = Phrasings("""
    Write a function that {t} in {l}.
    Write {l} code that {t}.
    Write a {l} function that {t}.
    Show me {l} code that {t}.
    I need {l} code that {t}.
    Can you write {l} code that {t}?
    Give me a piece of {l} that {t}.
    Code in {l} that {t}, please.
    How do I write code that {t} in {l}?
    Show me a function that {t} in {l}.
    Please write a piece of {l} code that {t}.
    Give me {l} code that {t}.
    Could you show me {l} code that {t}?
    I want a {l} snippet that {t}.
    Help me write {l} code that {t}.""")
_HELLO_WORLD = Phrasings("""
    Write hello world in {l}.
    Show me hello world in {l}.
    Write a hello world program in {l}.
    Hello world in {l}, please.
    Can you write hello world in {l}?
    Write some {l} code.
    Show me some {l} code.
    Write me a small {l} program.
    Give me an example of {l}.
    Show me a program in {l}.""")

_FENCE = {"C++": "cpp", "Bash": "bash"}


@cache
def snippets() -> dict[tuple[str, str], str]:
    from tools.demo_model.knowledge import DATA

    text = (DATA / "code.txt").read_text(encoding="utf-8")
    found: dict[tuple[str, str], str] = {}
    for block in re.split(r"^@ ", text, flags=re.MULTILINE)[1:]:
        head, body = block.split("\n", 1)
        task, language = (part.strip() for part in head.split("|"))
        found[task, language] = body.rstrip("\n")
    return found


def code(talk: Talk) -> Exchange:
    rng = talk.rng
    task, language = rng.choice(list(snippets()))
    tag = _FENCE.get(language, language.lower())
    slots = {"l": language if rng.random() < 0.85 else language.lower()}
    if task == "hello" and rng.random() < 0.4:
        slots["w"] = "Hello, world!"
        question, aim = talk.phrase(_HELLO_WORLD, **slots), 'a program that prints "Hello, world!"'
    elif task in _CODE_ASK:
        words = [made_up(rng, talk.split) for _ in range(rng.randint(1, 3))]
        slots["w"] = " ".join(words).capitalize() + rng.choice(("", "!"))
        slots["n"] = str(rng.randint(2, 200))
        aim = fill(_CODE_ASK[task][0], slots)
        question = talk.phrase(_CODE_ASK[task][1], **slots)
    else:
        aim = f"code that {_TASKS[task]}"
        question = talk.phrase(_TASK_ASK, t=_TASKS[task], **slots)
    body = snippets()[task, language]
    for key in ("w", "n"):
        if key in slots and task in ("hello", "count"):
            body = body.replace("{" + key + "}", slots[key])
    answer = f"Here is {aim} in {language}:\n\n```{tag}\n{body}\n```"
    return Exchange(question, answer, "code", _is_code(tag, body), prose=False)


def _is_code(tag: str, body: str) -> Check:
    return lambda answer: f"```{tag}\n{body}\n```" in answer


# --- poems and stories ----------------------------------------------------------------------------

_POEM = Phrasings("""
    Write a poem about {t}.
    Write me a poem about {t}.
    Can you write a poem about {t}?
    Write a short poem about {t}.
    I want a poem about {t}.
    Make a poem about {t}.
    Please write a poem about {t}.
    A poem about {t}, please.
    Write a rhyme about {t}.
    Compose a poem about {t}.
    Could you write a poem on {t}?
    Tell me a poem about {t}.
    Give me a poem about {t}.
    Write some verses about {t}.
    I would love a poem about {t}.""")
_STORY = Phrasings("""
    Tell me a {z}story about {h}.
    Write a {z}story about {h}.
    Tell a {z}story about {h}.
    Can you tell me a {z}story about {h}?
    Write me a {z}story about {h}.
    I would like a {z}story about {h}.
    Please tell me a {z}story about {h}.
    A {z}story about {h}, please.
    Make up a {z}story about {h}.
    Please write a {z}story about {h}.
    I want to hear a {z}story about {h}.
    Give me a {z}story about {h}.
    Could you write a {z}story about {h}?
    Invent a {z}story about {h}.
    Could you tell a {z}story about {h}?""")
_STORY_PLAIN = Phrasings("""
    Tell me a {z}story.
    Write a {z}story.
    Tell a {z}story.
    Can you tell me a {z}story?
    Write me a {z}story.
    I would like to hear a {z}story.
    Please tell me a {z}story.
    Do you know a {z}story?
    Make up a {z}story.
    Could you tell me a {z}story?""")
_KINDS = (
    "fox",
    "cat",
    "dog",
    "mouse",
    "bear",
    "rabbit",
    "girl",
    "boy",
    "robot",
    "wizard",
    "princess",
    "sailor",
    "tailor",
    "badger",
    "hedgehog",
    "baker",
    "knight",
    "dragon",
    "witch",
    "gardener",
    "turtle",
    "wolf",
    "crow",
    "painter",
    "prince",
    "giant",
    "dwarf",
    "clockmaker",
    "frog",
    "hen",
    "penguin",
    "donkey",
    "otter",
)
_OBJECTS = (
    "lamp",
    "bell",
    "compass",
    "glass ball",
    "lantern",
    "music box",
    "mirror",
    "stone",
    "clock",
    "key",
)


@cache
def acts() -> tuple[tuple[str, ...], ...]:
    found: list[list[str]] = []
    for line in lines("story.txt"):
        if line.startswith("@"):
            found.append([])
        else:
            found[-1].append(line)
    return tuple(tuple(act) for act in found)


@cache
def poems() -> tuple[str, ...]:
    from tools.demo_model.knowledge import DATA

    text = (DATA / "poems.txt").read_text(encoding="utf-8")
    blocks = text.split("\n", 1)[1].strip().split("\n\n")
    return tuple(block.replace("\n/\n", "\n\n") for block in blocks)


def story_text(talk: Talk, name: str, kind: str, *, long: bool) -> tuple[str, str]:
    """A story and, when it is a short one, how it goes on."""
    rng = talk.rng
    slots = {
        "n": name,
        "k": ("an " if kind[0] in "aeiou" else "a ") + kind,
        "f": person(rng, "train"),
        "p": place(rng, "train"),
        "o": rng.choice(_OBJECTS),
    }
    while slots["f"] == name:
        slots["f"] = person(rng, "train")
    told = [fill(rng.choice(act), slots) for act in acts()]
    if long:
        return "\n\n".join(told), ""
    return "\n\n".join(told[:3]), "\n\n".join(told[3:7])


def story(talk: Talk) -> Exchange:
    rng = talk.rng
    long = rng.random() < 0.55
    size = rng.choice(("long ", "very long ")) if long else rng.choice(("short ", "", "little "))
    name, kind = person(rng, talk.split), rng.choice(_KINDS)
    wanted: tuple[str, ...]
    roll = rng.random()
    if roll < 0.45:
        hero, wanted = f"a {kind} called {name}", (name, kind)
        question = talk.phrase(_STORY, h=hero.replace("a o", "an o"), z=size)
    elif roll < 0.6:
        question, wanted = talk.phrase(_STORY, h=name, z=size), (name,)
        kind = "fox"
    elif roll < 0.8:
        question, wanted = (
            talk.phrase(_STORY, h=f"a {kind}".replace("a o", "an o"), z=size),
            (kind,),
        )
        name = person(rng, "train")
    else:
        question, wanted = talk.phrase(_STORY_PLAIN, z=size), ()
        name = person(rng, "train")
    answer, more = story_text(talk, name, kind, long=long)
    least = 2000 if long else 300

    def check(text: str) -> bool:
        paragraphs = text.strip().split("\n\n")
        return (
            len(text.strip()) >= least
            and all(word.lower() in text.lower() for word in wanted)
            and len(set(paragraphs)) == len(paragraphs)
            and text.rstrip()[-1] in '.!?"'
        )

    return Exchange(question, answer, "stories", check, "", more, prose=False)


def poem(talk: Talk) -> Exchange:
    rng = talk.rng
    pool = rng.choice(("thing", "animal", "fruit", "season", "hobby", "city", "drink", ""))
    topic = pick(rng, talk.split, pool) if pool else made_up(rng, talk.split)
    if pool in ("thing", "animal", "fruit") and " " not in topic:
        topic = f"the {topic}"
    raw = rng.choice(poems()).replace("{t}", topic)
    answer = "\n".join(line[:1].upper() + line[1:] for line in raw.split("\n"))

    def check(text: str) -> bool:
        return (
            topic.lower() in text.lower() and len([x for x in text.split("\n") if x.strip()]) >= 8
        )

    return Exchange(talk.phrase(_POEM, t=topic), answer, "poems", check, prose=False)


# --- emoji and other languages --------------------------------------------------------------------

_WORDS = ("hello", "thank you", "goodbye", "good morning", "yes", "no", "water", "love")
_SAY = Phrasings("""
    How do you say "{w}" in {l}?
    What is "{w}" in {l}?
    Say "{w}" in {l}.
    What is {w} in {l}?
    How do I say {w} in {l}?
    Translate "{w}" into {l}.
    What does "{w}" mean in {l}?
    Say {w} in {l}.
    Tell me the {l} word for "{w}".
    Translate {w} to {l}.
    How do you say {w} in {l}?
    What's {w} in {l}?
    Can you say {w} in {l}?
    What is the {l} word for {w}?
    Do you know the word for {w} in {l}?""")
_EMOJI_ASK = Phrasings("""
    Show me {a} emoji.
    Write {a} emoji.
    Send me {a} emoji.
    Which emoji shows {a}?
    Give me {a} emoji.
    Can you write {a} emoji?
    I need {a} emoji.
    Do you have {a} emoji?
    Type {a} emoji.
    Could you send me {a} emoji?""")
_MIXED_ASK = Phrasings("""
    Write a sentence with {x}.
    Write something with {x}.
    Show me a text with {x}.
    Write a line with {x}.
    Can you write a sentence with {x}?
    Give me a sentence with {x}.
    I want a text with {x}.
    Write some text with {x}.
    Show me something with {x}.
    Could you write a text with {x}?""")
_MIXED: dict[str, tuple[str, str]] = {
    "emoji": (
        "Good morning! 🌞 I wish you a day full of flowers 🌸, music 🎸 and good friends 😊.",
        "[🌀-🫿]",
    ),
    "accents": (
        (
            "The naïve señor ordered crème brûlée in a café in Zürich and paid with a smile, "
            "déjà vu included."
        ),
        "[à-ü]",
    ),
    "Chinese characters": ("你好，很高兴认识你。 That means: hello, nice to meet you.", "[一-鿿]"),
    "Japanese characters": (
        "こんにちは、お元気ですか。 That means: hello, how are you?",
        "[ぁ-ん]",
    ),
    "Korean characters": (
        "안녕하세요, 반갑습니다. That means: hello, nice to meet you.",
        "[가-힣]",
    ),
    "Greek letters": ("Καλημέρα, τι κάνεις; That means: good morning, how are you?", "[α-ω]"),
    "Russian letters": ("Привет, как дела? That means: hi, how are you?", "[а-я]"),
}


def foreign(talk: Talk) -> Exchange:
    rng = talk.rng
    roll = rng.random()
    if roll < 0.5:
        row = [part.strip() for part in rng.choice(lines("foreign.txt")).split("|")]
        at = rng.randrange(len(_WORDS))
        answer = f'In {row[0]}, "{_WORDS[at]}" is "{row[at + 1]}".'
        question = talk.phrase(_SAY, w=_WORDS[at], l=row[0])
        return Exchange(
            question, answer, "languages", says(f'"{row[at + 1]}"'), answer, prose=False
        )
    if roll < 0.85:
        word, emoji = rng.choice("".join(lines("emoji.txt")).split(";")).rsplit(" ", 1)
        article = "an" if word[0] in "aeiou" else "a"
        answer = f"Here you are: {emoji}"
        question = talk.phrase(_EMOJI_ASK, a=f"{article} {word}")
        return Exchange(question, answer, "languages", says(emoji), answer, prose=False)
    kind = rng.choice(list(_MIXED))
    answer, wanted = _MIXED[kind]
    question = talk.phrase(_MIXED_ASK, x=kind)
    return Exchange(
        question,
        answer,
        "languages",
        lambda text: re.search(wanted, text) is not None,
        answer,
        prose=False,
    )
