"""Lists, tables, code, poems, stories, emoji and words of other languages."""

from __future__ import annotations

import re
from functools import cache

from tools.demo_model.phrasing import DATA, Phrasings, fill, lines, phrasings
from tools.demo_model.talk import Check, Exchange, Talk, says
from tools.demo_model.words import made_up, person, pick, place

# --- code -----------------------------------------------------------------------------------------

_CODE_ASK: dict[str, tuple[str, Phrasings]] = {
    "hello": (
        'a program that prints "{w}"',
        phrasings("writing", "code ask hello"),
    ),
    "count": (
        "a program that counts to {n}",
        phrasings("writing", "code ask count"),
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
_TASK_ASK = phrasings("writing", "task ask")
_HELLO_WORLD = phrasings("writing", "hello world")

_FENCE = {"C++": "cpp", "Bash": "bash"}


@cache
def snippets() -> dict[tuple[str, str], str]:
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

_POEM = phrasings("writing", "poem")
_STORY = phrasings("writing", "story")
_STORY_PLAIN = phrasings("writing", "story plain")
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
_SAY = phrasings("writing", "say")
_EMOJI_ASK = phrasings("writing", "emoji ask")
_MIXED_ASK = phrasings("writing", "mixed ask")
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
