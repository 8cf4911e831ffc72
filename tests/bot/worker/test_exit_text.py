"""How a process ended, in words."""

import signal
import sys

import pytest

from bot.worker.exit_text import exit_text


@pytest.mark.parametrize(
    ("code", "said"), [(None, "it is still running"), (0, "exit code 0"), (3, "exit code 3")]
)
def test_an_exit_code_is_named(code: int | None, said: str) -> None:
    assert exit_text(code) == said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_signal_is_named_and_one_without_a_name_by_its_number() -> None:
    assert exit_text(-signal.SIGSEGV) == "killed by SIGSEGV"
    assert exit_text(-signal.SIGKILL) == "killed by SIGKILL, perhaps because memory ran out"
    if sys.platform == "linux":
        assert exit_text(-40) == "killed by signal 40"
    assert exit_text(-1000) == "killed by signal 1000"
