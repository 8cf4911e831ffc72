"""Settings of a conversation, as they are typed."""

import pytest

from adapters.common.settings import with_changes, with_system_prompt
from bot.errors import NotUnderstood
from bot.ports import ConversationSettings

NOTHING_SET = ConversationSettings()


def test_a_typed_setting_changes_only_itself() -> None:
    before = ConversationSettings(system_prompt="Be brief.", temperature=0.3)
    after = with_changes(before, length="200")
    assert after == ConversationSettings("Be brief.", 0.3, 200)
    assert with_changes(after, temperature="1,5", names="Off") == ConversationSettings(
        "Be brief.", 1.5, 200, show_names=False
    )


def test_default_takes_a_setting_back() -> None:
    changed = with_changes(NOTHING_SET, temperature="0", length="9", names="on")
    assert with_changes(changed, temperature="default", length="", names="Default") == NOTHING_SET


@pytest.mark.parametrize("temperature", ["hot", "-0.1", "2.01", "nan", "inf"])
def test_a_temperature_out_of_range_says_what_would_be_right(temperature: str) -> None:
    with pytest.raises(NotUnderstood, match=r"from 0 .* to 2"):
        with_changes(NOTHING_SET, temperature=temperature)


@pytest.mark.parametrize("length", ["0", "-1", "1e3", "99999", "٣"])
def test_a_length_that_is_no_count_of_tokens_is_refused(length: str) -> None:
    with pytest.raises(NotUnderstood, match="number of tokens from 1 to 32,768"):
        with_changes(NOTHING_SET, length=length)


def test_names_are_on_off_or_default() -> None:
    with pytest.raises(NotUnderstood, match="on, off or default"):
        with_changes(NOTHING_SET, names="maybe")


def test_an_empty_system_prompt_goes_back_to_the_configurations() -> None:
    changed = with_system_prompt(NOTHING_SET, "  Answer in rhymes. ")
    assert changed.system_prompt == "Answer in rhymes."
    assert with_system_prompt(changed, " ").system_prompt is None


def test_an_overlong_system_prompt_is_refused_with_its_length() -> None:
    with pytest.raises(NotUnderstood, match="4,001 characters; the most is 4,000"):
        with_system_prompt(NOTHING_SET, "x" * 4001)
