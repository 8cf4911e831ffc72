"""Token ids come back in order, and a device that cannot pin memory is known."""

import importlib
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")
readback: Any = importlib.import_module("bot.worker.backends.torch.readback")


def test_what_is_read_is_what_was_there_when_reading_began() -> None:
    tokens = torch.tensor([7, 8, 9])
    reading = readback.Readback(4, "cpu")
    reading.start(tokens)
    tokens += 1
    assert reading.finish() == [7, 8, 9]
    reading.start(tokens[:2])
    assert reading.finish() == [8, 9]


class Device:
    """Stands for ``torch.xpu``."""

    @staticmethod
    def current_stream(device: str) -> str:
        return f"stream of {device}"

    class Event:
        def __init__(self) -> None:
            self.done: list[str] = []

        def record(self, stream: str) -> None:
            self.done.append(f"record on the {stream}")

        def synchronize(self) -> None:
            self.done.append("synchronize")


def test_a_device_with_pinned_memory_is_waited_for_by_an_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "xpu", Device)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    reading = readback.Readback(4, "xpu:1")
    assert reading.apart
    reading.start(torch.tensor([5]))
    assert reading.finish() == [5]
    assert reading._event.done == ["record on the stream of xpu:1", "synchronize"]


@pytest.mark.parametrize("refusal", [RuntimeError, NotImplementedError])
def test_without_pinned_memory_tokens_are_read_in_the_plain_way(
    monkeypatch: pytest.MonkeyPatch, refusal: type[Exception]
) -> None:
    def pin_memory(self: Any) -> Any:
        raise refusal("no pinned memory here")

    monkeypatch.setattr(torch, "xpu", Device)
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    reading = readback.Readback(4, "xpu")
    assert not reading.apart
    reading.start(torch.tensor([5, 6]))
    assert reading.finish() == [5, 6]
