"""Sessions end when they should, and the limits of attempts are kept."""

import re
from pathlib import Path

import pytest

from bot.errors import ConfigError
from parley.web.lag import LoopLag
from parley.web.password import (
    ALL_ATTEMPTS,
    ATTEMPTS,
    SHORTEST,
    Passwords,
    TooManyAttempts,
    hash_of,
    matches,
    memory_of,
)
from parley.web.sessions import IDLE, LONGEST, MOST, Sessions
from tests.parley.web.scene import HASH, PASSWORD
from tests.virtual_clock import VirtualClock


async def test_a_session_ends_when_it_is_not_used() -> None:
    clock = VirtualClock()
    sessions = Sessions(clock)
    token = sessions.open()
    for _ in range(3):
        await clock.sleep(IDLE - 1)
        assert sessions.valid(token)
    await clock.sleep(IDLE)
    assert not sessions.valid(token)
    assert not sessions.valid(token)


async def test_a_session_ends_at_last_though_it_is_used() -> None:
    clock = VirtualClock()
    sessions = Sessions(clock)
    token, begun = sessions.open(), clock.monotonic()
    while clock.monotonic() + IDLE / 2 < begun + LONGEST:
        await clock.sleep(IDLE / 2)
        assert sessions.valid(token) is (clock.monotonic() < begun + LONGEST)
    await clock.sleep(IDLE / 2)
    assert not sessions.valid(token)


def test_a_clock_that_jumps_ends_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(VirtualClock())
    token, link = sessions.open(), sessions.new_link()
    for moment in (0.0, 4e9):
        monkeypatch.setattr("time.time", lambda moment=moment: moment)
        assert sessions.valid(token)
    assert sessions.redeem(link)


def test_sessions_and_links_do_not_grow_without_end() -> None:
    sessions = Sessions(VirtualClock())
    tokens = [sessions.open() for _ in range(MOST + 1)]
    assert [sessions.valid(token) for token in tokens] == [False] + [True] * MOST
    links = [sessions.new_link() for _ in range(MOST + 1)]
    assert sessions.redeem(links[0]) is None


@pytest.mark.process
async def test_a_hash_is_argon2id_and_matches_its_password_alone() -> None:
    hashed = hash_of(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await matches(hashed, PASSWORD)
    assert not await matches(hashed, PASSWORD + " ")
    assert not await matches(hashed, "")
    assert not await matches("$argon2id$damaged", PASSWORD)


@pytest.mark.process
async def test_the_memory_of_a_check_is_that_of_another_process() -> None:
    """So it needs nothing of this one, which could not give it back."""
    hashed = hash_of(PASSWORD)
    Path("/proc/self/clear_refs").write_text("5")  # begin to measure the peak anew
    before = peak()
    assert await matches(hashed, PASSWORD)
    assert peak() - before < memory_of(hashed) // 2


def peak() -> int:
    """The largest memory that this process had, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.process  # only tries to start one
async def test_a_password_is_checked_though_no_process_can_be_started(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hashed = hash_of(PASSWORD)
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert await matches(hashed, PASSWORD)
    assert not await matches(hashed, "wrong")
    assert "/nowhere/python cannot be started" in caplog.text


@pytest.mark.parametrize("password", ["", "x" * (SHORTEST - 1), "x" * 5000])
def test_a_password_that_is_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(ConfigError, match="A password has 10 to 1,024 characters"):
        hash_of(password)


async def test_the_addresses_of_one_ipv6_network_count_as_one() -> None:
    passwords = Passwords(HASH, VirtualClock())
    for number in range(ATTEMPTS):
        assert not await passwords.right("x", f"2001:db8::{number}")
    with pytest.raises(TooManyAttempts):
        await passwords.right(PASSWORD, "2001:db8::ffff")
    assert await passwords.right(PASSWORD, "2001:db8:0:1::1")


async def test_right_passwords_use_up_no_attempts() -> None:
    passwords = Passwords(HASH, VirtualClock())
    for _ in range(ALL_ATTEMPTS + 1):
        assert await passwords.right(PASSWORD, "192.0.2.1")


def test_the_lag_is_that_of_the_slowest_samples() -> None:
    lag = LoopLag()
    assert lag.percentile(0.99) == 0.0
    for milliseconds in range(100):
        lag.add(milliseconds / 1000)
    assert lag.percentile(0.99) == 0.099
    assert lag.percentile(0.5) == 0.05
