"""Work is captured once and then repeated, by what the installed torch has for the device."""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from bot.worker.backends.torch.graphs import (
    DEVICE_ALONE,
    CapturedSteps,
    graph_capture,
    repeat,
)


class Device:
    """Stands for ``torch.cuda``: a graph repeats what ran while it was captured."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.capturing: Any = None
        self.options: dict[str, Any] = {}
        self.CUDAGraph = self.XPUGraph = lambda: SimpleNamespace(replay=self.replay)
        self.Stream = self.new_stream

    def new_stream(self, device: str) -> Any:
        return SimpleNamespace(wait_stream=lambda _: None)

    def replay(self) -> None:
        self.log.append("replay")

    current_stream = new_stream

    def graph_pool_handle(self) -> str:
        return "the pool"

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        yield

    @contextmanager
    def graph(self, graph: Any, **options: Any) -> Iterator[None]:
        self.options = options
        self.log.append("capture")
        yield

    def set_sync_debug_mode(self, mode: str) -> None:
        self.log.append(mode)


def test_a_cpu_has_no_graphs() -> None:
    assert graph_capture(SimpleNamespace(), "cpu") is None


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "xpu", "xpu:1"])
def test_a_torch_without_graphs_for_the_device_captures_nothing(device: str) -> None:
    assert graph_capture(SimpleNamespace(xpu=SimpleNamespace(), cuda=None), device) is None


def test_work_is_run_once_before_its_capture_and_repeated_by_the_graph() -> None:
    device = Device()
    capture = graph_capture(SimpleNamespace(cuda=device), "cuda")
    assert capture is not None
    record = capture(lambda: device.log.append("work"))
    assert device.log == ["error", "work", "default"]
    again = record()
    assert device.log == ["error", "work", "default", "capture", "work"]
    again()
    assert device.log[-1] == "replay"
    assert device.options["pool"] == "the pool"
    assert device.options["capture_error_mode"] == "thread_local"


def test_only_the_first_work_is_forbidden_to_wait_for_the_device() -> None:
    device = Device()
    capture = graph_capture(SimpleNamespace(cuda=device), "cuda")
    assert capture is not None
    for _ in range(2):
        capture(lambda: None)()
    assert device.log == ["error", "default", "capture", "capture"]


def test_intels_graphs_get_no_options_that_they_do_not_know() -> None:
    device = Device()
    capture = graph_capture(SimpleNamespace(xpu=device), "xpu:0")
    assert capture is not None
    capture(lambda: None)()
    assert set(device.options) == {"pool", "stream"}


def test_waiting_is_allowed_again_after_work_that_cannot_be_captured() -> None:
    device = Device()
    capture = graph_capture(SimpleNamespace(cuda=device), "cuda")
    assert capture is not None
    with pytest.raises(RuntimeError, match="synchronizing"):
        capture(failing)
    assert device.log == ["error", "default"]


def failing() -> None:
    raise RuntimeError("called a synchronizing CUDA operation")


# ---------------------------------------------------------------- steps by key


def test_each_run_runs_a_step_exactly_once_and_the_second_one_captures_it() -> None:
    log = list[str]()

    def capture(work: Callable[[], None]) -> Callable[[], Callable[[], None]]:
        def record() -> Callable[[], None]:
            log.append("captured")
            return work

        work()
        return record

    def make() -> Callable[[], None]:
        log.append("made")
        return lambda: log.append("run")

    steps = CapturedSteps(capture)
    for key in (1, 1, 2, 1):
        steps.run(key, make)
    assert log == ["made", "run", "captured", "run", "made", "run", "run"]
    assert len(steps) == 1


def test_while_the_device_is_in_use_alone_steps_are_run_and_not_captured() -> None:
    steps, log = CapturedSteps(repeat), list[str]()
    taken, free = threading.Event(), threading.Event()

    def wait() -> None:
        with DEVICE_ALONE:
            taken.set()
            free.wait()

    other = threading.Thread(target=wait)
    other.start()
    taken.wait()
    try:
        for _ in range(3):
            steps.run(1, lambda: lambda: log.append("run"))
        assert len(steps) == 0
    finally:
        free.set()
        other.join()
    for _ in range(2):
        steps.run(1, lambda: lambda: log.append("run"))
    assert log == ["run"] * 5
    assert len(steps) == 1


def test_a_step_that_is_forgotten_is_captured_anew() -> None:
    steps, log = CapturedSteps(repeat), list[str]()
    for name in ("old", "new"):
        for _ in range(2):
            steps.run(1, lambda: functools.partial(log.append, name))  # noqa: B023 (used at once)
        steps.forget(1)
    assert log == ["old", "old", "new", "new"]
    steps.run(1, lambda: lambda: log.append("begun"))
    steps.forget(1)
    steps.run(1, lambda: lambda: log.append("anew"))
    assert log[4:] == ["begun", "anew"]


def test_what_fails_at_its_capture_is_not_kept() -> None:
    steps = CapturedSteps(repeat)
    with pytest.raises(RuntimeError):
        steps.run(1, lambda: failing)
    log = list[str]()
    steps.run(1, lambda: lambda: log.append("run"))
    assert log == ["run"]
    assert len(steps) == 0
