"""Chooses the device of ``[model] device`` among those that llama-server sees."""

from dataclasses import dataclass

from bot.worker.backends.llamacpp.binary import INSTALL, Server, ServerDevice
from bot.worker.protocol import LoadError

_INTEGRATED = ("uhd", "iris", "integrated")
"""Parts of the names of Intel's integrated graphics, in lower case."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the model is computed."""

    gpu: ServerDevice | None
    """None for the CPU."""

    @property
    def title(self) -> str:
        """For people: "CPU", "GPU (Intel(R) Arc(TM) B580 Graphics)"."""
        return f"GPU ({self.gpu.title})" if self.gpu else "CPU"


def choose_device(server: Server, wanted: str) -> Target:
    """The device for ``[model] device``: "auto", "cpu", "gpu" or "gpu.1" (in the order in which
    the server lists them). Raises LoadError, with the remedy, where it is not there."""
    gpus = server.devices
    if wanted == "cpu" or (wanted == "auto" and not gpus):
        return Target(None)
    if wanted in ("auto", "gpu") and gpus:
        return Target(_best(gpus))
    number = wanted.partition(".")[2]
    if wanted.startswith("gpu.") and int(number) < len(gpus):
        return Target(gpus[int(number)])
    raise LoadError(_no_such_device(server, wanted))


def _best(gpus: "tuple[ServerDevice, ...]") -> ServerDevice:
    """A graphics card if there is one: an integrated GPU often comes first. Of several cards the
    one with the most memory; of equals the first."""
    cards = [gpu for gpu in gpus if not is_integrated(gpu)]
    return max(cards or gpus, key=lambda gpu: gpu.memory)


def is_integrated(gpu: ServerDevice) -> bool:
    """Whether the GPU uses main memory, as far as its name says so."""
    title = gpu.title.lower()
    if "arc" in title:  # also "Intel(R) Arc(TM) Graphics", which is in the processor
        return "intel" in title and not any(c.isdigit() for c in title.partition("arc")[2])
    return any(part in title for part in _INTEGRATED) or title.endswith("graphics")


def _no_such_device(server: Server, wanted: str) -> str:
    known = ", ".join(['"cpu"', *(f'"gpu.{n}"' for n in range(len(server.devices)))])
    text = f'[model] device = "{wanted}": {server.path} has no such device; it has {known}'
    if wanted.startswith(("xpu", "cuda")):
        return text + '. "xpu" and "cuda" are devices of backend = "torch"; here a GPU is "gpu"'
    if not server.devices:
        return (
            f"{text}. Build one for GPUs with: {INSTALL} --gpu vulkan (or sycl, cuda), and check "
            "the GPU's driver with: parley doctor"
        )
    return text
