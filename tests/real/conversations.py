"""Thirty conversations of the kinds that people have: short, long, several turns, code, other
scripts, emoji, odd white space."""

from bot.messages import Exchange, Prompt

_STORY = (
    "The lighthouse keeper climbed the stairs every evening, trimmed the wick, and wrote one line "
    "into the log: the wind, the sea, the ships that passed. "
)
_CODE = '''def mean(values):
    """The arithmetic mean."""
    total = 0
    for value in values:
        total += value
    return total / len(values)
'''
_CHAT = (
    Exchange("My name is Ada and I live in Lyon.", "Nice to meet you, Ada!"),
    Exchange("I have two cats, Byte and Nibble.", "Byte and Nibble are fine names for cats."),
)
_MATHS = (
    Exchange("What is 2 + 2?", "4"),
    Exchange("And times 3?", "12"),
    Exchange("Minus 5?", "7"),
)

CONVERSATIONS = (
    Prompt("", (), "Hello!"),
    Prompt("", (), "What is the capital of France?"),
    Prompt("", (), "Name three colours."),
    Prompt("You answer in one word.", (), "What is the capital of Italy?"),
    Prompt("You are a pirate.", (), "How is the weather?"),
    Prompt("", (), "Write a haiku about the sea."),
    Prompt("", (), "Explain photosynthesis to a child."),
    Prompt("", (), "What is 17 * 23?"),
    Prompt("", (), "Count from 1 to 20."),
    Prompt("", (), f"What does this function do?\n\n```python\n{_CODE}```"),
    Prompt("", (), "Write a Python function that reverses a string."),
    Prompt("", (), "Write a SQL query that counts the rows of a table `users`."),
    Prompt("", (), "```js\nconst a = [1, 2, 3].map(x => x * 2);\n```\nWhat is `a`?"),
    Prompt("", (), "今天天气怎么样?请用中文回答。"),
    Prompt("", (), "東京はどんな街ですか。"),
    Prompt("", (), "안녕하세요, 자기소개를 해 주세요."),
    Prompt("", (), "Привет! Как дела?"),
    Prompt("", (), "مرحبا، كيف حالك؟"),
    Prompt("", (), "¿Qué es el año bisiesto? Responde en español."),
    Prompt("", (), "What do 🦊, 👩‍👩‍👧 and 🇫🇷 mean?"),
    Prompt("", (), "Answer only in emoji: 🎂🎉?"),
    Prompt("", _CHAT[:1], "What is my name?"),
    Prompt("", _CHAT, "What are my cats called?"),
    Prompt("You are a calculator.", _MATHS, "Times 10?"),
    Prompt("Be brief.", (*_CHAT, *_MATHS), "Where do I live?"),
    Prompt("", (), "Summarize this in one sentence:\n\n" + _STORY * 12),
    Prompt("", (), "What comes after this?\n\n" + "one two three four five " * 60),
    Prompt("Answer with the last word.", (), " ".join(f"word{number}" for number in range(150))),
    Prompt("", (), "a    b\t\tc\n\n\n\nd: how many letters are there?"),
    Prompt("", (), "e\u0301 or é — “quotes”, ‘single’, 1,234.56 €, x²+y²=z²: what is this?"),
)
