"""Work is captured once and then repeated, by what the installed torch has for the device."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from bot.worker.backends.torch.graphs import CapturedSteps, graph_capture, repeat


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
    again = capture(lambda: device.log.append("work"))
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
        capture(lambda: None)
    assert device.log == ["error", "default", "capture", "capture"]


def test_intels_graphs_get_no_options_that_they_do_not_know() -> None:
    device = Device()
    capture = graph_capture(SimpleNamespace(xpu=device), "xpu:0")
    assert capture is not None
    capture(lambda: None)
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


def test_each_run_runs_a_step_exactly_once() -> None:
    steps, log = CapturedSteps(repeat), list[str]()

    def make() -> Callable[[], None]:
        log.append("made")
        return lambda: log.append("run")

    for key in (1, 1, 2, 1):
        steps.run(key, make)
    assert log == ["made", "run", "run", "made", "run", "run"]
    assert len(steps) == 2


def test_a_step_that_is_forgotten_is_captured_anew() -> None:
    steps, log = CapturedSteps(repeat), list[str]()
    steps.run(1, lambda: lambda: log.append("old"))
    steps.forget(1)
    steps.run(1, lambda: lambda: log.append("new"))
    assert log == ["old", "new"]


def test_what_fails_at_its_capture_is_not_kept() -> None:
    steps = CapturedSteps(repeat)
    with pytest.raises(RuntimeError):
        steps.run(1, lambda: failing)
    assert len(steps) == 0
