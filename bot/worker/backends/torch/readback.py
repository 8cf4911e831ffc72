"""Brings token ids from the device, while it already computes what comes next.

Imports torch; it is itself imported only when a model is loaded.
"""

import importlib
from typing import Any

torch: Any = importlib.import_module("torch")


class Readback:
    """Copies of token ids in the memory of the processor."""

    def __init__(self, rows: int, device: str) -> None:
        """`rows`: the most token ids of a copy."""
        self._copy = torch.zeros(rows, dtype=torch.int64)
        self._count = 0
        self._event: Any = None
        self._stream: Any = None
        self.apart = device == "cpu"
        """Whether `finish` waits for nothing that the device was given to do after `start`."""
        module: Any = getattr(torch, device.partition(":")[0], None)
        if not self.apart and hasattr(module, "Event"):
            try:
                # Only into pinned memory a device copies while this thread goes on.
                self._copy = self._copy.pin_memory()
            except (RuntimeError, NotImplementedError):  # not every device, or not so much
                return
            self._event, self.apart = module.Event(), True
            # Of this device, which need not be torch's current one.
            self._stream = module.current_stream(device)

    def start(self, tokens: Any) -> None:
        """Copy these token ids [count] as soon as the device has computed them. What it is given to
        do from now on may already change them."""
        self._count = len(tokens)
        self._copy[: self._count].copy_(tokens, non_blocking=self._event is not None)
        if self._event is not None:
            self._event.record(self._stream)

    def finish(self) -> list[int]:
        """The token ids of the last `start`, as soon as they are there."""
        if self._event is not None:
            self._event.synchronize()
        tokens: list[int] = self._copy[: self._count].tolist()
        return tokens
