"""What readers see of growing answers is nearly as new as Slack's limits allow; virtual time."""

import pytest

from benchmarks.slack_lag import LIMITS, best_age, measure

MOST = 1.2
"""Times the age in the best schedule under the limits."""


@pytest.mark.parametrize("answers", [1, 2, 4, 8, 30])
@pytest.mark.parametrize("way", LIMITS)
async def test_what_is_shown_is_nearly_as_new_as_the_limits_allow(way: str, answers: int) -> None:
    outcome = await measure(answers, 60.0, streaming=way == "streams")
    assert outcome.age <= MOST * best_age(answers, LIMITS[way])
    assert outcome.refused == 0
