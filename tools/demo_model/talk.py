"""The values that every skill works with: exchanges, manners, and a conversation in the making."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tools.demo_model.phrasing import Phrasings, Ways, phrasings
from tools.demo_model.words import Split, made_up

DEFAULT_SYSTEM_PROMPT = (
    "You are Parley, a friendly assistant in a chat. Answer helpfully, honestly and briefly."
)

Check = Callable[[str], bool]


def plain(text: str) -> str:
    """Lower case and single spaces: what a comparison of wordings needs."""
    return " ".join(text.lower().split())


def says(*parts: str, without: tuple[str, ...] = ()) -> Check:
    """The answer contains all parts, and none of the others, whatever the case."""
    wanted = [plain(part) for part in parts]
    unwanted = [plain(part) for part in without]

    def check(answer: str) -> bool:
        text = plain(answer)
        return all(part in text for part in wanted) and not any(part in text for part in unwanted)

    return check


def says_word(*words: str, without: tuple[str, ...] = ()) -> Check:
    """Like `says`, but a part has to stand as a word of its own ("Ana" is not in "Banana")."""

    def check(answer: str) -> bool:
        text = plain(answer)
        return all(_word(text, word) for word in words) and not any(
            _word(text, word) for word in without
        )

    return check


def _word(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(plain(word))}(?!\w)", text) is not None


def exactly(expected: str) -> Check:
    return lambda answer: answer.strip() == expected.strip()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question with its answer; `short` is it in one sentence, `check` judges another one."""

    user: str
    answer: str
    skill: str
    check: Check
    short: str = ""
    more: str = ""  # what "go on" is answered with
    prose: bool = True


MannerKind = Literal["plain", "capitals", "lower", "sentence", "begin", "end"]

_MANNER_PROMPTS: dict[str, Phrasings] = {
    "capitals": phrasings("talk", "manner prompts capitals"),
    "lower": phrasings("talk", "manner prompts lower"),
    "sentence": phrasings("talk", "manner prompts sentence"),
    "begin": phrasings("talk", "manner prompts begin"),
    "end": phrasings("talk", "manner prompts end"),
}


@dataclass(frozen=True, slots=True)
class Manner:
    """A way of speaking that the system prompt asks for."""

    kind: MannerKind = "plain"
    word: str = ""

    def prompt(self, rng: random.Random, split: Split) -> str:
        return _MANNER_PROMPTS[self.kind].pick(rng, split).replace("{w}", self.word)

    def apply(self, exchange: Exchange) -> str:
        answer = exchange.answer
        if self.kind == "capitals":
            return capitals(answer)
        if self.kind == "lower":
            return outside_backticks(answer, str.lower)
        if self.kind == "sentence":
            return exchange.short or answer
        if self.kind == "begin":
            return f"{self.word}! {answer}"
        if self.kind == "end":
            return f"{answer} {self.word}!"
        return answer

    def holds(self, answer: str) -> bool:
        """Whether an answer keeps to the manner."""
        text = re.sub(r"`[^`]*`", "", answer).strip()
        if self.kind == "capitals":
            return text == text.upper()
        if self.kind == "lower":
            return text == text.lower()
        if self.kind == "sentence":
            return (
                len(re.findall(r"[.!?](?=\s|$)", text.replace("D.C. ", "").replace("H. G. ", "")))
                <= 1
            )
        if self.kind == "begin":
            return text.startswith(self.word)
        if self.kind == "end":
            return text.rstrip("!. ").endswith(self.word)
        return True


def outside_backticks(text: str, change: Callable[[str], str]) -> str:
    """Changes what does not stand in backticks: commands have to stay as they are typed."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else change(part) for part in parts)


def capitals(text: str) -> str:
    """Upper case, except for what stands in backticks."""
    return outside_backticks(text, str.upper)


def draw_manner(rng: random.Random, split: Split) -> Manner:
    kinds: tuple[MannerKind, ...] = (
        "capitals",
        "capitals",
        "sentence",
        "sentence",
        "lower",
        "begin",
        "end",
    )
    kind = rng.choice(kinds)
    return Manner(kind, made_up(rng, split).capitalize() if kind in ("begin", "end") else "")


@dataclass
class Talk:
    """A conversation in the making: who speaks, what was said and what has been told."""

    rng: random.Random
    split: Split
    system: str | None = None
    name: str = "Parley"
    role: str = "a friendly assistant in this chat"
    manner: Manner = field(default_factory=Manner)
    people: tuple[str, ...] = ()
    speaker: str = ""
    house_facts: dict[str, str] = field(default_factory=dict)
    # What each person told; "" is the one person of a conversation between two.
    told: dict[str, dict[str, str]] = field(default_factory=dict)
    things: dict[str, str] = field(default_factory=dict)  # what was told and is nobody's
    just_told: tuple[int, str] = (-1, "")  # the turn and the key of what was told last
    turns: list[Exchange] = field(default_factory=list)

    def about(self, who: str) -> dict[str, str]:
        return self.told.setdefault(who, {})

    def add(self, exchange: Exchange) -> None:
        """Appends a turn as it is shown to the model: in the manner, with the speaker's name."""
        answer = self.manner.apply(exchange)
        user = f"{self.speaker}: {exchange.user}" if self.speaker else exchange.user
        check, manner = exchange.check, self.manner
        self.turns.append(
            Exchange(
                user=user,
                answer=answer,
                skill=exchange.skill,
                check=lambda text: check(text) and manner.holds(text),
                short=manner.apply(Exchange(user, exchange.short or exchange.answer, "", check)),
                more=exchange.more,
                prose=exchange.prose,
            )
        )

    def phrase(self, ways: Ways, **slots: str) -> str:
        return ways.ask(self.rng, self.split, **slots)


Skill = Callable[[Talk], Exchange]


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence; for the texts of this generator only."""
    match = re.match(r".*?[.!?](?=\s|$)", text)
    return match.group() if match else text
