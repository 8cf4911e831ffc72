"""Captured steps: work on a device that is recorded once, and then launched as a whole.

A decoding step of a model is some thousand small kernels. Launching them one by one takes Python
and the driver longer than the GPU needs to compute them; a graph of all of them is launched at
once. This is the only module that knows of graphs.

What is captured must always use the same tensors, have the same shapes, and never wait for the
device: a graph repeats the kernels, not the Python code around them.
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

Work = Callable[[], None]

DEVICE_ALONE = threading.RLock()
"""Held while work is captured, and by other threads while they wait for the whole device, which
would make the capture fail."""


class Capture(Protocol):
    """A way to capture work."""

    def __call__(self, work: Work) -> Callable[[], Work]:
        """Run `work` once, and return what captures it, without running it: a function that returns
        what does the same again. Both raise what `work` or the capture raises; then nothing is
        captured, and `work` may have run."""
        ...


def repeat(work: Work) -> Callable[[], Work]:
    """The capture of a device without graphs: every run launches all kernels again."""
    work()
    return lambda: work


def graph_capture(torch: Any, device: str) -> Capture | None:
    """The capture by graphs of this device, CUDA's or (SYCL's, for Intel) XPU's; None where the
    device or the installed torch has none."""
    kind = device.partition(":")[0]
    name = {"cuda": "CUDAGraph", "xpu": "XPUGraph"}.get(kind)
    module = getattr(torch, kind, None)
    if name is None or not hasattr(module, name) or not hasattr(module, "graph"):
        return None
    return GraphCapture(module, name, device)


class GraphCapture:
    """Captures graphs by ``torch.cuda`` or ``torch.xpu``, which have the same interface."""

    def __init__(self, module: Any, name: str, device: str) -> None:
        """`module`: ``torch.cuda`` or ``torch.xpu``; `name`: of its class of graphs."""
        self._module = module
        self._new_graph = getattr(module, name)
        self._device = device
        self._stream = module.Stream(device=device)
        self._pool = module.graph_pool_handle()
        """One memory pool for all graphs: nothing in it outlives a replay, since what goes into
        captured work and what comes out is in tensors from outside."""
        self._options: dict[str, Any] = {}
        if name == "CUDAGraph":
            # Another thread may compile meanwhile, and allocate memory on the device.
            self._options["capture_error_mode"] = "thread_local"
        self._first = True

    def __call__(self, work: Work) -> Callable[[], Work]:
        module, stream = self._module, self._stream
        # A run on the side stream first, as CUDA's documentation asks: libraries allocate then.
        stream.wait_stream(module.current_stream(self._device))
        with module.stream(stream), self._refusing_to_wait():
            work()
        module.current_stream(self._device).wait_stream(stream)
        return lambda: self._record(work)

    def _record(self, work: Work) -> Work:
        graph = self._new_graph()
        with self._module.graph(graph, pool=self._pool, stream=self._stream, **self._options):
            work()
        return graph.replay  # type: ignore[no-any-return]

    @contextmanager
    def _refusing_to_wait(self) -> Iterator[None]:
        """Until the first work is captured: raise RuntimeError where it waits for the device, as
        experts and some scaled positions do. Afterwards a capture would fail, which not every
        version of torch recovers from. Not for later ones: it holds for all threads."""
        if not self._first or not hasattr(self._module, "set_sync_debug_mode"):
            yield
            return
        self._module.set_sync_debug_mode("error")
        try:
            yield
            self._first = False
        finally:
            self._module.set_sync_debug_mode("default")


class CapturedSteps:
    """Steps by key, each captured when it is run for the second time. The first time it runs as it
    is: to run and to capture it at once would hold up the answers for twice as long."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._begun: dict[Hashable, tuple[Callable[[], Work], Work]] = {}
        """What captures a step that has run once, and its work."""
        self._steps: dict[Hashable, tuple[Work, Work]] = {}
        """What repeats a step, and its work, which keeps the tensors that the graph uses."""

    def __len__(self) -> int:
        return len(self._steps)

    def run(self, key: Hashable, make: Callable[[], Work]) -> None:
        """Run the step of this key, exactly once; where it is new, `make` makes its work. Raises
        what the capture raises. While another thread waits for the device nothing is captured: the
        work is only run."""
        if (known := self._steps.get(key)) is not None:
            known[0]()
        elif not DEVICE_ALONE.acquire(blocking=False):
            make()()
        else:
            try:
                self._run_alone(key, make)
            finally:
                DEVICE_ALONE.release()

    def _run_alone(self, key: Hashable, make: Callable[[], Work]) -> None:
        begun = self._begun.pop(key, None)
        if begun is None:
            work = make()
            self._begun[key] = self._capture(work), work
            return
        capture, work = begun
        again = capture()
        self._steps[key] = again, work
        again()

    def forget(self, key: Hashable) -> None:
        """Drop the step of this key, and the memory of its graph."""
        self._steps.pop(key, None)
        self._begun.pop(key, None)

    def clear(self) -> None:
        """Drop all steps."""
        self._steps.clear()
        self._begun.clear()
