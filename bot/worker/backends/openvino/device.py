"""Chooses the device that OpenVINO uses."""

from dataclasses import dataclass
from typing import Any

from bot.worker.memory import available_memory
from bot.worker.protocol import LoadError


@dataclass(frozen=True, slots=True)
class Device:
    """A CPU or GPU that OpenVINO can use."""

    name: str
    """OpenVINO's name: CPU, GPU, GPU.1."""
    title: str
    """For people: "GPU.0 (Intel(R) Arc(TM) B580 Graphics)"."""
    gpu_memory: int = 0
    """Bytes that the model and its KV cache may use; 0 for a CPU."""

    @property
    def kind(self) -> str:
        """CPU or GPU."""
        return self.name.partition(".")[0]


def choose_device(core: Any, wanted: str) -> Device:
    """The device for ``[model] device``: "auto", "cpu", "gpu" or "gpu.1". `core` is an
    ``openvino.Core``. Raises LoadError, with the devices that are available, where `wanted` is
    not."""
    found = [name for name in core.available_devices if name.partition(".")[0] in ("CPU", "GPU")]
    gpus = [name for name in found if name.startswith("GPU")]
    if wanted == "auto":
        name = _best(core, gpus) if gpus else "CPU"
    elif wanted == "gpu" and gpus:
        name = _best(core, gpus)
    elif wanted.upper() in found:
        name = wanted.upper()
    elif wanted == "gpu.0" and gpus == ["GPU"]:
        name = "GPU"
    else:
        raise LoadError(_no_such_device(wanted, found))
    title = f"{name} ({core.get_property(name, 'FULL_DEVICE_NAME').strip()})"
    memory = 0
    if name.startswith("GPU"):
        memory = int(core.get_property(name, "GPU_DEVICE_TOTAL_MEM_SIZE"))
        if not _is_discrete(core, name):  # it shares main memory
            memory = min(memory, available_memory() or memory)
    return Device(name, title, memory)


def _best(core: Any, gpus: list[str]) -> str:
    """A discrete GPU if there is one: the integrated GPU often comes first."""
    discrete = [name for name in gpus if _is_discrete(core, name)]
    return (discrete or gpus)[0]


def _is_discrete(core: Any, name: str) -> bool:
    return "DISCRETE" in str(core.get_property(name, "DEVICE_TYPE")).upper()


def _no_such_device(wanted: str, found: list[str]) -> str:
    known = ", ".join(f'"{name.lower()}"' for name in found)
    text = f'[model] device = "{wanted}": OpenVINO has no such device here; it has {known}'
    if wanted.startswith("gpu") and not any(name.startswith("GPU") for name in found):
        return text + ". Install the GPU's compute runtime (Level Zero and OpenCL), or use the cpu"
    if wanted.startswith(("xpu", "cuda")):
        return text + '. "xpu" and "cuda" are devices of backend = "torch"'
    return text
