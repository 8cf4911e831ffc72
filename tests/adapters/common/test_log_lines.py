"""Log lines that stay few."""

import logging

import pytest

from adapters.common.log_lines import Repeated, library_logger
from tests.virtual_clock import VirtualClock

logger = logging.getLogger("tests.log_lines")


async def test_what_happens_again_is_one_line_in_the_interval_with_its_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = VirtualClock()
    repeated = Repeated(clock, 60.0)
    for _ in range(3):
        repeated.warn(logger, "refused")
    assert caplog.messages == ["refused"]
    await clock.sleep(60.0)
    repeated.warn(logger, "refused")
    repeated.warn(logger, "refused")
    await clock.sleep(60.0)
    repeated.warn(logger, "refused")
    assert caplog.messages[1:] == [
        "refused (2 more since the last such line)",
        "refused (1 more since the last such line)",
    ]


async def test_after_a_reset_the_next_occurrence_is_logged_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    repeated = Repeated(VirtualClock(), 60.0)
    assert not repeated.reset()
    repeated.warn(logger, "refused")
    assert repeated.reset()
    repeated.warn(logger, "refused")
    assert caplog.messages == ["refused", "refused"]


def test_a_librarys_logger_drops_tracebacks_and_what_is_below_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = library_logger("tests.log_lines.library")
    assert library_logger("tests.log_lines.library") is log
    log.info("connected")
    try:
        raise ValueError
    except ValueError:
        log.exception("it failed")
    assert caplog.messages == ["it failed"]
    assert "Traceback" not in caplog.text
