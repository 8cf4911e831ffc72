"""Runs all checks of `parley doctor`, in the order in which they are shown."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from adapters.discord.checkup import check_discord
from adapters.slack.checkup import check_slack
from bot.checks import Result, State
from bot.config import ModelSettings, Settings, load
from bot.errors import ConfigError, ParleyError
from bot.models.choose import interpreter
from parley.doctor import backends, model
from parley.doctor.interpreter import Probe, probe
from parley.doctor.machine import Machine, check_driver, check_oneapi
from parley.doctor.packages import check_packages, check_python
from parley.doctor.resolve import resolve_backend
from storage.inspection import inspect_database


async def run_checks(config: Path | None) -> list[Result]:
    """Every check that the settings ask for. Without readable settings, only those that need none.
    Changes nothing: no database is created, nothing is posted. Never raises ParleyError."""
    results = [check_python(), *check_packages()]
    try:
        settings = load(config)
    except ConfigError as error:
        remedy = "Correct it; the checks that depend on the settings were skipped."
        results += [
            Result("Settings", "file", State.FAILED, line, remedy)
            for line in str(error).splitlines()
        ]
        return [*results, *check_driver(Machine(), needed=False), check_oneapi(Machine())]
    results.append(Result("Settings", "file", State.OK, "valid"))
    groups = await asyncio.gather(
        _check_inference(settings),
        _check_database(settings),
        check_discord(settings.discord),
        check_slack(settings.slack),
    )
    return [*results, *(result for group in groups for result in group)]


async def _check_inference(settings: Settings) -> list[Result]:
    """Everything that running the model needs: driver, back end, device, model, memory."""
    section = settings.model
    if section.backend == "openai":
        return await backends.check_servers(settings)
    if section.backend == "scripted":
        return [Result(backends.AREA, "scripted", State.OK, "chosen; it runs no model")]
    resolved = await resolve_backend(settings)
    python = interpreter(settings)
    probes = await asyncio.gather(*(probe(name, python) for name in backends.LIBRARIES))
    used = resolved.settings.model
    auto = resolved.reason or resolved.error
    return [
        *check_driver(Machine(), needed=backends.wants_intel_gpu(section)),
        check_oneapi(Machine()),
        *([backends.check_choice(resolved, section)] if auto else []),
        *(backends.check_library(each, used) for each in probes),
        *backends.check_devices(probes),
        *await asyncio.to_thread(_check_on_device, settings, used, probes),
    ]


def _check_on_device(
    settings: Settings, used: ModelSettings, probes: Sequence[Probe]
) -> list[Result]:
    """The device that a start would use, and the model on it. `used` is ``[model]`` with back end
    and device resolved. Blocking."""
    results, folder = model.check_model(settings)
    found = next((each for each in probes if each.library == used.backend), None)
    if found is None or found.error:
        return results
    # Labelled with the configured device, although the demo model's "auto" may mean the CPU.
    label = f"[model] device = {settings.model.device}"
    on_device = replace(backends.check_device(found, used), what=label)
    device = backends.device_for(found, used.device)
    if folder is not None and device is not None:
        refused = model.check_low_bit(folder, used, found.library, device)
        results.append(refused or model.check_memory(folder, used, found.library, device))
    return [on_device, *results]


async def _check_database(settings: Settings) -> list[Result]:
    try:
        found = await inspect_database(settings.database_url)
    except ParleyError as error:
        detail, _, remedy = str(error).rpartition("; ")
        remedy = f"{remedy[:1].upper()}{remedy[1:]}."
        return [Result("Database", "storage", State.FAILED, detail or remedy, remedy)]
    return [Result("Database", "storage", State.OK, found)]
