"""The soak itself, for a short while."""

from tests.chaos.soak import Sample, grown, in_process


def test_growth_after_the_warm_up_is_told() -> None:
    flat = [Sample(50_000, 8)] * 10
    assert grown(flat) == []
    assert grown([*flat, Sample(90_000, 8)]) == ["memory grew from 50000 to 90000 kB"]
    assert grown([*flat, Sample(50_000, 20)]) == ["descriptors grew from 8 to 20"]
    assert grown([*flat, *[Sample(50_000, 8, 40)] * 9]) == ["tasks grew from 0 to 40"]


def test_a_few_minutes_of_traffic_leave_nothing_behind() -> None:
    assert in_process("discord", 300.0) == []
