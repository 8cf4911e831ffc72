"""What all tests share: the profiles of hypothesis, the marks, and who may start processes.

Marks are given here, by what a test uses, wherever that says enough:

- ``process``: starts other processes. Only such tests may; they run one at a time (`make test`),
  and have more time than others, times PARLEY_TEST_TIMEOUT_FACTOR.
- ``property``: checks examples that hypothesis draws.
"""

import os
import signal
import subprocess
from collections.abc import Generator
from typing import NoReturn

import pytest
from hypothesis import is_hypothesis_test, settings

from tests.limits import seconds

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background commands so, and the programs that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the processors: torch's threads would only wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# No deadline: how long an example takes says nothing on a busy machine. Each failure is printed
# with @reproduce_failure, which reproduces it on another machine too.
settings.register_profile("usual", deadline=None, print_blob=True)
# The same examples on each run: a commit does not fail by chance for what an earlier one broke.
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
# `make test-thorough`: new examples on each run, and many.
settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=5000)
# `make fuzz`: more than 100,000 inputs in all.
settings.register_profile("fuzz", deadline=None, print_blob=True, max_examples=6000)
settings.load_profile("ci" if os.environ.get("CI") else "usual")

PROCESS_FIXTURES = {"program", "demo", "replicas"}
"""Fixtures whose tests start a process."""
PROCESS_SECONDS = 300.0
"""Time limit of a test that starts processes, unless it has its own."""


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    own_limit = config.getoption("timeout") is not None  # --timeout holds for all
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("property")
        if not PROCESS_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("process")
        limited = own_limit or item.get_closest_marker("timeout")
        if item.get_closest_marker("process") and not limited:
            item.add_marker(pytest.mark.timeout(seconds(PROCESS_SECONDS)))


_REFUSED = pytest.StashKey[list[object]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let no test start a process that does not have the mark."""
    refused = item.stash[_REFUSED] = []

    def refuse(_: object, command: object, *args: object, **options: object) -> NoReturn:
        refused.append(command)
        raise PermissionError(f"{item.nodeid} lacks the mark process")

    with pytest.MonkeyPatch.context() as patch:
        if not item.get_closest_marker("process"):
            patch.setattr(subprocess.Popen, "__init__", refuse)
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail such a test even where it takes a process that cannot be started for granted."""
    try:
        return (yield)
    finally:
        if refused := item.stash[_REFUSED]:
            pytest.fail(f"starts a process and needs pytest.mark.process: {refused[0]}")
