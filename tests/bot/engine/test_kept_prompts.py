"""Prompts are kept in memory within a bound, and reach the store with a bad verdict."""

from bot.engine.kept_prompts import KeptPrompts
from bot.measures import RecordedPrompt
from bot.messages import Exchange, Prompt


def recorded(text: str) -> RecordedPrompt:
    return RecordedPrompt(Prompt("", (Exchange(text, ""),), ""), (1,))


def test_the_oldest_prompts_go_where_there_is_no_room() -> None:
    kept = KeptPrompts(most_characters=10)
    for answer in range(4):
        kept.put(answer, recorded("x" * 4))
    assert [kept.get(answer) is not None for answer in range(4)] == [False, False, True, True]


def test_a_prompt_that_is_replaced_or_dropped_takes_no_room() -> None:
    kept = KeptPrompts(most_characters=10)
    kept.put(1, recorded("x" * 4))
    for _ in range(5):
        kept.put(2, recorded("y" * 6))
    assert kept.get(1) == recorded("x" * 4)
    kept.drop(2)
    kept.drop(2)
    kept.put(3, recorded("z" * 6))
    assert kept.get(1) is not None
    kept.clear()
    assert (kept.get(1), kept.get(3)) == (None, None)


def test_a_prompt_that_is_too_long_by_itself_is_not_kept() -> None:
    kept = KeptPrompts(most_characters=3)
    kept.put(1, recorded("x" * 4))
    assert kept.get(1) is None
