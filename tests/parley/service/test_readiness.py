"""When everything is connected."""

import pytest

from parley.service.readiness import Readiness


@pytest.fixture
def told() -> list[str]:
    return []


def both(told: list[str]) -> Readiness:
    return Readiness(["Discord", "Slack"], lambda: told.append("ready"))


def test_all_platforms_have_to_be_connected(told: list[str]) -> None:
    readiness = both(told)
    assert readiness.summary == "Connecting to Discord and Slack"
    readiness.connected("Slack")
    assert not readiness.ready
    assert told == []
    assert readiness.summary == "Answering on Slack, connecting to Discord"
    readiness.connected("Discord")
    assert readiness.ready
    assert told == ["ready"]
    assert readiness.summary == "Answering on Slack and Discord"


def test_one_that_failed_is_not_waited_for(told: list[str]) -> None:
    readiness = both(told)
    readiness.connected("Slack")
    readiness.failed("Discord")
    assert told == ["ready"]
    assert readiness.summary == "Answering on Slack"


def test_where_all_failed_nothing_is_ready(told: list[str]) -> None:
    readiness = both(told)
    readiness.failed("Slack")
    readiness.failed("Discord")
    assert not readiness.ready
    assert told == []
    assert readiness.summary == "No platform is connected"


def test_it_is_told_once(told: list[str]) -> None:
    readiness = both(told)
    for platform in ("Discord", "Slack", "Slack"):
        readiness.connected(platform)
    readiness.failed("Slack")
    assert told == ["ready"]
    assert readiness.summary == "Answering on Discord"
