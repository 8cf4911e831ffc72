"""Numbered lists of any length up to 120, counting, and tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.demo_model.phrasing import phrasings
from tools.demo_model.talk import Check, Exchange, Talk
from tools.demo_model.words import POOLS, allowed, made_up

# --- numbered lists -------------------------------------------------------------------------------

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def number_word(n: int) -> str:
    if n < 20:
        return _ONES[n]
    if n < 100:
        return _TENS[n // 10] + (f"-{_ONES[n % 10]}" if n % 10 else "")
    return "one hundred" + (f" and {number_word(n - 100)}" if n > 100 else "")


# The order is fixed: what a list of so many animals holds is then a matter of counting alone.
LISTS: dict[str, Sequence[str]] = {
    "animals": POOLS["animal"][:120],
    "things": POOLS["thing"][:120],
    "words": tuple(
        word
        for pair in zip(POOLS["fruit"], POOLS["thing"], POOLS["animal"], strict=False)
        for word in pair
    )[:120],
    "numbers": tuple(number_word(n) for n in range(1, 121)),
    "fruits": POOLS["fruit"],
    "colours": POOLS["colour"],
    "countries": POOLS["country"],
    "cities": POOLS["city"],
    "jobs": POOLS["job"],
    "foods": POOLS["food"],
    "hobbies": POOLS["hobby"],
    "instruments": POOLS["instrument"],
    "languages": POOLS["language"],
    "days of the week": POOLS["day"],
    "months": POOLS["month"],
    "names": tuple(
        name
        for name in POOLS
        and [
            "Ada",
            "Ben",
            "Clara",
            "David",
            "Emma",
            "Felix",
            "Greta",
            "Hugo",
            "Ida",
            "Jonas",
            "Klara",
            "Leo",
            "Mia",
            "Noah",
            "Olga",
            "Paul",
            "Quentin",
            "Rosa",
            "Simon",
            "Tina",
            "Uma",
            "Victor",
            "Wanda",
            "Xenia",
            "Yara",
            "Zoe",
        ]
    ),
}
_LIST = phrasings("lists", "list")
_COUNT_TO = phrasings("lists", "count to")
GO_ON = 5


def numbered(items: Sequence[str], start: int = 1) -> str:
    return "\n".join(f"{place}. {item}" for place, item in enumerate(items, start))


def has_items(count: int, start: int = 1) -> Check:
    """Exactly the numbers from `start` on, each with something behind it, `count` of them."""

    def check(answer: str) -> bool:
        found = re.findall(r"^(\d+)\. (\S.*)$", answer, re.MULTILINE)
        return [int(number) for number, _ in found] == list(range(start, start + count))

    return check


def number_list(talk: Talk) -> Exchange:
    rng = talk.rng
    if rng.random() < 0.15:
        return _count(talk)
    kind = rng.choice(list(LISTS)) if rng.random() < 0.5 else rng.choice(list(LISTS)[:4])
    size = len(LISTS[kind])
    roll = rng.random()
    top = 12 if roll < 0.45 else 30 if roll < 0.7 else 60 if roll < 0.85 else 120
    least = 2 if size < 40 or top < 60 else min(top // 2, size // 2)
    count = rng.randint(least, min(top, size))
    for _ in range(50):  # a short pool may hold no length that was kept back
        if allowed(f"{kind} {count}", talk.split):
            break
        count = rng.randint(least, min(top, size))
    text = str(count) if count > 12 or rng.random() < 0.8 else number_word(count)
    answer = f"Here are {count} {kind}:\n\n{numbered(LISTS[kind][:count])}"
    more = ""
    if count + GO_ON <= size:
        more = (
            f"Here are {GO_ON} more:\n\n{numbered(LISTS[kind][count : count + GO_ON], count + 1)}"
        )
    question = talk.phrase(_LIST, n=text, k=kind)
    return Exchange(question, answer, "lists", has_items(count), "", more, prose=False)


def _count(talk: Talk) -> Exchange:
    count = talk.rng.choice(
        (talk.rng.randint(3, 20), talk.rng.randint(3, 50), talk.rng.randint(50, 120))
    )
    answer = ", ".join(str(n) for n in range(1, count + 1)) + "."

    def check(text: str) -> bool:
        return re.findall(r"\d+", text) == [str(n) for n in range(1, count + 1)]

    more = ", ".join(str(n) for n in range(count + 1, count + GO_ON + 1)) + "."
    return Exchange(
        talk.phrase(_COUNT_TO, n=str(count)), answer, "lists", check, "", more, prose=False
    )


# --- tables ---------------------------------------------------------------------------------------

_COLUMNS: dict[str, Sequence[str]] = {
    "Name": LISTS["names"],
    "City": POOLS["city"],
    "Colour": POOLS["colour"],
    "Animal": POOLS["animal"],
    "Fruit": POOLS["fruit"],
    "Day": POOLS["day"],
    "Month": POOLS["month"],
    "Country": POOLS["country"],
    "Language": POOLS["language"],
    "Job": POOLS["job"],
    "Food": POOLS["food"],
    "Thing": POOLS["thing"],
    "Instrument": POOLS["instrument"],
    "Hobby": POOLS["hobby"],
    "Number": [str(n) for n in range(1, 60)],
    "Age": [str(n) for n in range(20, 70, 3)],
    "Price": [f"{n}.50" for n in range(2, 40, 2)],
}
_TABLE = phrasings("lists", "table")
_TABLE_PLAIN = phrasings("lists", "table plain")


def is_table(columns: Sequence[str], rows: int) -> Check:
    def check(answer: str) -> bool:
        found = [line for line in answer.split("\n") if line.startswith("|")]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in found]
        return (
            len(found) == rows + 2
            and cells[0] == list(columns)
            and all(len(row) == len(columns) and all(row) for row in cells)
        )

    return check


def table(talk: Talk) -> Exchange:
    rng = talk.rng
    if rng.random() < 0.15:
        columns, rows, question = ["Name", "City", "Animal"], 3, talk.phrase(_TABLE_PLAIN)
    else:
        columns = rng.sample(list(_COLUMNS), rng.randint(2, 4))
        if rng.random() < 0.3:
            columns[rng.randrange(len(columns))] = made_up(rng, talk.split).capitalize()
        rows = rng.randint(2, 8)
        names = ", ".join(columns[:-1]) + " and " + columns[-1]
        question = talk.phrase(
            _TABLE, c=names, r=str(rows) if rng.random() < 0.8 else number_word(rows)
        )
    return Exchange(question, _table(columns, rows), "tables", is_table(columns, rows), prose=False)


def _table(columns: Sequence[str], rows: int) -> str:
    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    body = []
    for at in range(rows):
        cells = []
        for column in columns:
            values = _COLUMNS.get(column, POOLS["thing"])
            cells.append(values[at % len(values)])
        body.append(row(cells))
    return "\n".join([row(columns), row(["---"] * len(columns)), *body])
