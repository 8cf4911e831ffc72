"""An exception is one line, however long its text is."""

import pytest

from bot.worker.exception_text import one_line


@pytest.mark.parametrize(
    ("exc", "said"),
    [
        (ValueError("no\n\n such\tdevice "), "ValueError: no such device"),
        (MemoryError(), "MemoryError"),
        (RuntimeError(" \n"), "RuntimeError"),
        (RuntimeError("x" * 300), "RuntimeError: " + "x" * 300),
        (RuntimeError("x" * 301), "RuntimeError: " + "x" * 299 + "…"),
    ],
)
def test_type_and_text_are_one_line(exc: Exception, said: str) -> None:
    assert one_line(exc) == said


def test_a_text_that_is_cut_ends_visibly_and_is_as_long_as_allowed() -> None:
    assert one_line(RuntimeError("a driver\nis missing"), 8) == "RuntimeError: a drive…"
    assert one_line(RuntimeError("a driver"), 8) == "RuntimeError: a driver"
