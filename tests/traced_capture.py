"""A capture for CPUs that repeats what was computed, not the Python code: as a graph on a GPU does.

Values that Python had at the capture are fixed from then on, and work that reads a tensor's
contents cannot be captured.
"""

from collections.abc import Callable
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")
proxy_tensor: Any = pytest.importorskip("torch.fx.experimental.proxy_tensor")


class TracedCapture:
    """Captures by recording torch's operators."""

    def __init__(self) -> None:
        self.captured = 0
        self.replayed = 0

    def __call__(self, work: Callable[[], None]) -> Callable[[], Callable[[], None]]:
        def traced() -> Any:
            work()
            return torch.zeros(())  # a graph needs something to return

        graph = proxy_tensor.make_fx(traced)()  # runs it, too

        def replay() -> None:
            self.replayed += 1
            graph()

        def capture() -> Callable[[], None]:
            self.captured += 1
            return replay

        return capture
