"""Checks of backends: which can run under the model's interpreter, and on which devices."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.checks import Result, State
from bot.config import ModelSettings, Settings
from bot.generation.models import settings_named
from bot.messages import Reasoning
from parley.doctor.interpreter import Device, Probe
from parley.doctor.resolve import Resolved
from parley.environments.recipes import IPEX_NOTICE

if TYPE_CHECKING:
    from bot.generation.openai import Trial

AREA = "Backends"
DEVICES = "Devices"
LIBRARIES = ("openvino", "torch", "ipex", "llamacpp")
"""The backends that run a model on this machine."""
_INSTALL = {
    "openvino": "Run: {python} -m pip install openvino-genai",
    "torch": 'Run: {python} -m pip install "transformers>=5,<6" torch --index-url '
    "https://download.pytorch.org/whl/xpu --extra-index-url https://pypi.org/simple",
    "ipex": "Run: parley backend install ipex, which prints the settings that use it.",
    "llamacpp": "Run: parley backend install llamacpp",
}
_FAMILY = {"openvino": "gpu", "torch": "xpu", "ipex": "xpu", "llamacpp": "gpu"}
"""The prefix of the device names that each library gives to Intel GPUs."""


def check_choice(resolved: Resolved, section: ModelSettings) -> Result:
    """What ``backend = "auto"`` resolves to, and why. `section` is ``[model]`` as configured."""
    what = f"[model] backend = {section.backend}"
    if resolved.error:
        remedy = "See the lines below, and correct [model] python if it is set."
        if resolved.damaged:
            remedy = "See the line about the model below."
        detail = f"no backend can be chosen: {resolved.error}"
        return Result(AREA, what, State.FAILED, detail, remedy)
    return Result(AREA, what, State.OK, f"uses {resolved.backend}: {resolved.reason}")


def check_note(resolved: Resolved) -> list[Result]:
    """What is lost with the model where the chosen backend runs it; nothing where nothing is."""
    if not resolved.note:
        return []
    detail, _, remedy = resolved.note.partition(": ")
    remedy = f"{remedy[:1].upper()}{remedy[1:]}"
    return [Result("Model", resolved.backend, State.WARNING, detail, remedy)]


def check_speed(resolved: Resolved, probes: Iterable[Probe]) -> list[Result]:
    """What would make the model faster on this CPU; nothing on a GPU, or where nothing would."""
    used = resolved.settings.model
    devices = [device_for(probe, used.device) for probe in probes if probe.library == used.backend]
    on_cpu = any(device is not None and device.name.lower() == "cpu" for device in devices)
    if not resolved.advice or not on_cpu:
        return []
    return [Result(AREA, "speed", State.OK, resolved.advice)]


def wants_intel_gpu(section: ModelSettings) -> bool:
    """Whether the settings name a GPU of Intel's, so that running without one is a failure."""
    return section.device.startswith(("gpu", "xpu"))


def check_library(probe: Probe, section: ModelSettings) -> Result:
    """Whether this backend can be used. If not, that is a failure only where it is the chosen one:
    `section` is ``[model]`` with the backend resolved."""
    chosen = probe.library == section.backend
    if not probe.error:
        versions = ", ".join(f"{name} {version}" for name, version in probe.packages.items())
        python = "" if probe.server else f" (Python {probe.python})"
        detail = f"{versions}{python}" + (", chosen" if chosen else "")
        if chosen and probe.library == "ipex":
            return Result(AREA, probe.library, State.WARNING, detail, IPEX_NOTICE)
        return Result(AREA, probe.library, State.OK, detail)
    if not chosen and probe.library == "llamacpp":  # the error names a path, and reports are public
        return Result(AREA, probe.library, State.SKIPPED, "no llama-server that runs here")
    if not chosen:
        return Result(AREA, probe.library, State.SKIPPED, probe.error)
    remedy = _INSTALL[probe.library].format(python=section.python or "python")
    if not probe.python:
        remedy = "Correct [model] python: it names the interpreter that runs the model."
    return Result(AREA, probe.library, State.FAILED, probe.error, remedy)


def check_server(probe: Probe, section: ModelSettings) -> list[Result]:
    """Which llama-server would run the model; nothing for another backend."""
    if probe.library != "llamacpp" or section.backend != "llamacpp" or not probe.server:
        return []
    return [Result("Model", "llama-server", State.OK, probe.server)]


def check_devices(probes: Iterable[Probe]) -> list[Result]:
    """One line for each device that a library found."""
    return [
        Result(DEVICES, f"{probe.library} {device.name}", State.OK, _described(device))
        for probe in probes
        for device in probe.devices
    ]


def _described(device: Device) -> str:
    parts = [device.title]
    parts += [f"{device.memory / 1e9:.1f} GB"] if device.memory else []
    parts += [f"driver {device.driver}"] if device.driver else []
    return ", ".join(parts)


def device_for(probe: Probe, wanted: str) -> Device | None:
    """The device that ``[model] device`` means for this library; None if it has no such device."""
    names = {device.name.lower(): device for device in probe.devices}
    family = _FAMILY[probe.library]
    accelerators = [
        n for n in names if n.startswith((family, "cuda" if family == "xpu" else family))
    ]
    if wanted == "auto":
        return names[accelerators[0]] if accelerators else names.get("cpu")
    if wanted in names:
        return names[wanted]
    of_kind = [name for name in accelerators if name.startswith(wanted)]
    return names[of_kind[0]] if of_kind else None


def check_device(probe: Probe, section: ModelSettings) -> Result:
    """Whether the library has the device of the settings."""
    what = f"[model] device = {section.device}"
    device = device_for(probe, section.device)
    if device is None:
        have = ", ".join(d.name.lower() for d in probe.devices) or "none"
        family = _FAMILY[probe.library]
        remedy = f'Choose one of these, or "auto". In {probe.library} Intel GPUs are "{family}".'
        detail = f"{probe.library} has no such device; it has: {have}"
        return Result(DEVICES, what, State.FAILED, detail, remedy)
    if section.device == "auto" and device.memory is None:
        remedy = (
            "If there is a GPU, see the lines about its driver. Small models are fast enough on a "
            "CPU, large ones are slow."
        )
        return Result(DEVICES, what, State.WARNING, f"no GPU found; using {device.title}", remedy)
    return Result(DEVICES, what, State.OK, f"{device.name} ({device.title})")


def _about_thinking(trial: "Trial", reasoning: Reasoning) -> str:
    """What is known of the model's thinking, and of the effect of ``reasoning``."""
    thinks = "; it thinks before it answers" if trial.thinks else ""
    if reasoning is Reasoning.AUTO or trial.switched:
        return thinks
    unknown = f'whether [model] reasoning = "{reasoning}" has an effect, the server decides'
    return f"{thinks}; {unknown}"


async def check_servers(settings: Settings) -> list[Result]:
    """Whether each server of ``[model.openai]`` answers a tiny question with the model."""
    # It brings an HTTP client, which takes a while to import.
    from bot.generation.openai import ServerOptions, try_servers

    section = settings.model.openai
    if not section.base_urls:
        remedy = (
            'Set [model.openai] base_urls, such as ["http://127.0.0.1:11434/v1"] for Ollama on '
            "this machine; docs/servers.md has the addresses of the others."
        )
        return [Result(AREA, "openai", State.FAILED, "base_urls is empty", remedy)]
    options = ServerOptions(
        base_urls=section.base_urls,
        model=section.model,
        api_key=section.api_key.get_secret_value(),
        context=settings.model.context,
    )
    return [_tried(trial, settings.model.reasoning) for trial in await try_servers(options)]


async def check_further(settings: Settings) -> list[Result]:
    """Whether each server of ``[models.NAME]`` answers a tiny question with its model."""
    if not settings.models:
        return []
    from bot.generation.openai import try_servers
    from parley.app import further_options

    results: list[Result] = []
    for name, section in settings.models.items():
        trials = await try_servers(further_options(name, section))
        tried = [_tried(trial, settings.model.reasoning) for trial in trials]
        results += [_of_model(result, name) for result in tried]
    return results


def _of_model(result: Result, name: str) -> Result:
    """The same about ``[models.NAME]``."""
    return replace(
        result,
        what=f"{name}: {result.what}",
        detail=settings_named(result.detail, name),
        remedy=settings_named(result.remedy, name),
    )


def _tried(trial: "Trial", reasoning: Reasoning) -> Result:
    if trial.error:
        return Result(AREA, trial.url, State.FAILED, trial.error, trial.remedy)
    counts = "exact token counts" if trial.exact else "token counts are estimates"
    product = f" ({trial.product})" if trial.product else ""
    detail = f"{trial.model}{product} answers, context {trial.context} tokens, {counts}"
    detail += _about_thinking(trial, reasoning)
    if trial.note:
        return Result(AREA, trial.url, State.WARNING, detail, f"{trial.note}.")
    return Result(AREA, trial.url, State.OK, detail)
