"""Chooses models of the catalogue for a machine.

A model fits where its weights and the KV cache of a long conversation fit into one device's memory.
Of those that fit, the better one is the one that is likely to answer better: more parameters, with
a mixture of experts counted as the geometric mean of all and of those that a token passes through.
On a CPU, where memory is slow, those come first that answer at the speed of reading; and where
there is a GPU, those that fit into its memory. A model that needs a program which is not installed
comes after those that run as it is.
"""

from dataclasses import dataclass

from bot.models.catalogue import CONTEXT, Catalogue, Listing, Route
from bot.models.machine import Machine, Room, rooms

MOST = 3
"""Models that are recommended at most."""

CPU_ACTIVE = 5.0
"""Billions of parameters up to which a CPU answers at about the speed of reading: 4 bits of each
are read for every token, and main memory delivers some 20 to 60 GB a second."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A model that fits a machine."""

    model: Listing
    room: Room
    """The device where it fits."""
    context: int
    """Tokens of conversation that fit beside its weights, at most those it was trained for."""
    note: str = ""
    """What else it needs, or why it is slow; mostly ""."""


def recommend(machine: Machine, catalogue: Catalogue) -> list[Recommendation]:
    """Up to `MOST` models for `machine`, best first; empty where none fits. Of rows for the same
    model one is taken, and none that is gated. Deterministic."""
    found: dict[str, Recommendation] = {}
    fitting = [fit for model in catalogue.models if (fit := fits(model, machine)) is not None]
    for each in sorted(fitting, key=lambda fit: _rank(fit, machine)):
        found.setdefault(each.model.base, each)
    return list(found.values())[:MOST]


def fits(model: Listing, machine: Machine) -> Recommendation | None:
    """Where `model` fits this machine; None where it does not, or is gated."""
    if model.gated:
        return None
    for room in rooms(machine):
        if model.memory <= room.size:
            left = room.size - int(model.memory - min(CONTEXT, model.context) * model.cache)
            context = min(model.context, left // model.cache)
            return Recommendation(model, room, context, _note(model, room, machine))
    return None


def _rank(fit: Recommendation, machine: Machine) -> tuple[bool, bool, bool, float]:
    slow = not fit.room.gpu and fit.model.active > CPU_ACTIVE
    needs_more = fit.model.route is Route.GGUF and not machine.llama_server
    beside_gpu = bool(machine.gpus) and not fit.room.gpu
    return slow, needs_more, beside_gpu, -((fit.model.parameters * fit.model.active) ** 0.5)


def _note(model: Listing, room: Room, machine: Machine) -> str:
    notes = []
    if model.route is Route.GGUF and not machine.llama_server:
        notes.append("needs llama-server: parley backend install llamacpp")
    if not room.gpu and model.active > CPU_ACTIVE:
        notes.append("slow on a CPU")
    return "; ".join(notes)
