import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import OverQuota
from bot.ports import Quota, Spent
from storage.rules import check_quota, storable

anything = st.text(alphabet=st.characters())  # surrogates included


@given(anything)
def test_storable_text_is_utf8_without_nul_and_stays_as_it_is(text: str) -> None:
    kept = storable(text)
    assert "\0" not in kept
    assert kept.encode().decode() == kept
    assert storable(kept) == kept


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")))
def test_text_that_can_be_kept_is_kept(text: str) -> None:
    assert storable(text) == text


@pytest.mark.parametrize(
    ("quota", "spent", "refused"),
    [
        (Quota(), Spent(10**9, 10**9), ""),
        (Quota(2, 0), Spent(1, 10**9), ""),
        (Quota(2, 0), Spent(2, 0), "2 answers"),
        (Quota(0, 1000), Spent(10**9, 999), ""),
        (Quota(0, 1000), Spent(0, 1000), "1,000 tokens"),
    ],
)
def test_a_quota_is_used_up_when_it_is_reached(quota: Quota, spent: Spent, refused: str) -> None:
    if not refused:
        check_quota(quota, spent)
        return
    with pytest.raises(OverQuota, match=refused) as info:
        check_quota(quota, spent)
    assert "midnight UTC" in info.value.user_text
