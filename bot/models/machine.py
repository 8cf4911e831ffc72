"""What a machine offers for running a model: main memory, and GPUs with theirs."""

from dataclasses import dataclass

GPU_SHARE = 0.85
"""The share of a GPU's own memory that a model may take; the rest is for intermediate results and
for what is on the screen."""

MAIN_SHARE = 0.6
"""The share of main memory, which the operating system and other programs need too."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that the model's libraries see."""

    name: str
    """As the library names it: "GPU.0"."""
    title: str
    """The product's name."""
    memory: int
    """Bytes."""
    shared: bool
    """Its memory is the machine's main memory, as with integrated graphics."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine's memory."""

    memory: int
    """Bytes of main memory in all; 0 if unknown."""
    gpus: tuple[Gpu, ...] = ()
    llama_server: bool = False
    """Whether GGUF files can be run as it is: llama-server is installed."""


@dataclass(frozen=True, slots=True)
class Room:
    """Memory in which a model could be."""

    title: str
    """Of the device, for people: "Intel(R) Arc(TM) A770 Graphics" or "the CPU"."""
    size: int
    """Bytes that a model may take there."""
    gpu: bool


def rooms(machine: Machine) -> list[Room]:
    """Where a model could be, fastest first: GPUs with memory of their own (the largest first),
    integrated graphics, the CPU. A room of unknown size is left out."""
    main = int(machine.memory * MAIN_SHARE)
    own = sorted((gpu for gpu in machine.gpus if not gpu.shared), key=lambda gpu: -gpu.memory)
    found = [Room(gpu.title, int(gpu.memory * GPU_SHARE), gpu=True) for gpu in own]
    for gpu in machine.gpus:
        if gpu.shared:
            size = int(gpu.memory * GPU_SHARE)
            found.append(Room(gpu.title, min(size, main) if main else size, gpu=True))
    return [*found, *([Room("the CPU", main, gpu=False)] if main else [])]


def largest(machine: Machine) -> int:
    """Bytes of the largest memory of this machine, used by others or not: what needs more cannot
    run here. 0 if unknown."""
    return max([machine.memory, *(gpu.memory for gpu in machine.gpus)])
