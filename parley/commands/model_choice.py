"""Runs `parley model list --available` and `parley model recommend`: choosing a model."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import typer

from bot.config import Settings
from bot.models.catalogue import CONTEXT, Catalogue, Listing, Route, Thinking, load_catalogue
from bot.models.choose import interpreter
from bot.models.machine import Gpu, Machine, rooms
from bot.models.recommend import Recommendation, recommend
from bot.worker.memory import total_memory
from parley.doctor.interpreter import Probe, probe
from parley.environments.llamacpp import is_installed
from parley.output import say

_ROUTES = {
    Route.OPENVINO: "openvino",
    Route.GGUF: "llamacpp (GGUF)",
    Route.CONVERTER: "openvino (converted)",
}

_THINKING = {
    Thinking.ALWAYS: "always thinks first",
    Thinking.SWITCH: "can think first",
    Thinking.NO: "answers at once",
}
INDENT = "   "
"""Before what belongs to a model."""


def list_available(*, as_json: bool) -> None:
    """Print the catalogue, two lines for each model, or as JSON with the sources of each."""
    catalogue = load_catalogue()
    if as_json:
        facts = {
            "seen": catalogue.seen.isoformat(),
            "models": [_listing_as_json(model) for model in catalogue.models],
        }
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    for model in catalogue.models:
        typer.echo(model.name)
        say(_facts(model), INDENT)
    typer.echo()
    say(
        f"Memory is with a conversation of {CONTEXT:,} tokens. Download one with: parley model "
        "pull NAME. Any other model of the Hub can be pulled, too. Names and sizes are what public "
        f"sources said on {catalogue.seen} (--json shows them); pull asks the Hub itself."
    )


def _facts(model: Listing) -> str:
    active = f" ({model.active:g} active)" if model.active < model.parameters else ""
    return ", ".join(
        [
            f"{model.parameters:g} billion parameters{active}",
            f"{_gigabytes(model.download)} to download",
            f"{_gigabytes(model.memory)} of memory",
            f"{model.context:,} tokens",
            _THINKING[model.thinking],
            f"{model.licence}{', gated' if model.gated else ''}",
            _ROUTES[model.route],
        ]
    )


async def recommend_models(settings: Settings, *, as_json: bool) -> None:
    """Print the models that fit this machine best, with the commands that install and use them."""
    machine = await find_machine(settings)
    found = recommend(machine, load_catalogue())
    if as_json:
        typer.echo(json.dumps(_as_json(machine, found), ensure_ascii=False, indent=2))
        return
    for line in _advice(machine, found, load_catalogue()):
        if line.startswith(INDENT):  # to be copied
            typer.echo(line)
        else:
            say(line)


async def find_machine(settings: Settings) -> Machine:
    """This machine: its memory, the GPUs that OpenVINO or else torch finds under the model's
    interpreter, and whether there is a llama-server. Takes seconds. Never raises."""
    python, passed_on = interpreter(settings), settings.model.environment
    found = await probe("openvino", python, passed_on)
    if found.error:
        found = await probe("torch", python, passed_on)
    return Machine(
        memory=total_memory() or 0,
        gpus=_gpus(found),
        llama_server=is_installed(settings),
    )


def _gpus(found: Probe) -> tuple[Gpu, ...]:
    return tuple(
        Gpu(device.name, device.title, device.memory, device.shared)
        for device in found.devices
        if device.memory is not None
    )


def _advice(
    machine: Machine, found: Sequence[Recommendation], catalogue: Catalogue
) -> Iterator[str]:
    yield f"This machine: {described(machine)}"
    for number, each in enumerate(found, 1):
        model, note = each.model, f"; {each.note}" if each.note else ""
        yield ""
        yield (
            f"{number}. {model.base} ({model.licence}), {model.parameters:g} billion parameters: "
            f"{_gigabytes(model.memory)} of {_gigabytes(each.room.size)} on {each.room.title}, "
            f"room for {each.context:,} tokens{note}"
        )
        yield f"{INDENT}parley model pull {model.name}"
        yield from (INDENT + line for line in setting_lines(model.name))
    if found:
        yield ""
        yield (
            "The two lines below “pull” belong into config.toml; if it has [model] already, only "
            "the second one, below that."
        )
        return
    smallest = min((each for each in catalogue.models if not each.gated), key=lambda m: m.memory)
    yield (
        f"No model of the catalogue fits; the smallest one ({smallest.name}) needs "
        f"{_gigabytes(smallest.memory)}. The demo model runs everywhere: parley chat. A model on "
        "another machine can be used through its server: docs/servers.md."
    )


def setting_lines(name: str) -> tuple[str, str]:
    """The lines of config.toml that choose the model `name`."""
    return "[model]", f'name = "{name}"'


def described(machine: Machine) -> str:
    """The machine in words: its memory and its GPUs."""
    parts = [f"{_gigabytes(machine.memory)} of main memory" if machine.memory else "memory unknown"]
    parts += [
        f"{gpu.title} with {_gigabytes(gpu.memory)}{' (shared)' if gpu.shared else ''}"
        for gpu in machine.gpus
    ]
    parts += [] if machine.gpus else ["no GPU found"]
    return ", ".join(parts)


def _as_json(machine: Machine, found: Sequence[Recommendation]) -> dict[str, object]:
    return {
        "machine": asdict(machine),
        "rooms": [asdict(room) for room in rooms(machine)],
        "models": [
            {
                **_listing_as_json(each.model),
                "device": each.room.title,
                "room": each.room.size,
                "context_that_fits": each.context,
                "note": each.note,
                "pull": f"parley model pull {each.model.name}",
                "setting": "\n".join(setting_lines(each.model.name)),
            }
            for each in found
        ],
    }


def _listing_as_json(model: Listing) -> dict[str, object]:
    return asdict(model) | {"memory": model.memory}


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
