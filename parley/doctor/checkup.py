"""Runs all checks of `parley doctor` and reports each result as soon as it is known."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from adapters.discord.checkup import check_discord
from adapters.slack.checkup import check_slack
from bot.checks import Result, State
from bot.config import ModelSettings, Settings, load
from bot.errors import ConfigError, ParleyError
from bot.models.choose import interpreter, without_effect
from bot.url_passwords import without_passwords
from parley.doctor import backends, model
from parley.doctor.import_names import check_import_names
from parley.doctor.interpreter import Probe, probe
from parley.doctor.machine import Machine, check_driver, check_oneapi
from parley.doctor.packages import check_packages, check_python
from parley.doctor.resolve import resolve_backend
from parley.environments.llamacpp import server_path
from storage.inspection import inspect_database


class Findings:
    """The results of the checks, in the order in which they are shown. A subclass can show them,
    and the check that is running."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    @contextmanager
    def running(self, what: str) -> Iterator[None]:  # noqa: ARG002
        """Called around a check that may take seconds, with its description. No result is added
        meanwhile."""
        yield

    def add(self, results: Iterable[Result]) -> None:
        """Called with results as soon as they are known."""
        self.results += results


async def run_checks(config: Path | None, findings: Findings | None = None) -> list[Result]:
    """Every check that the settings ask for, added to `findings` as they end and returned in the
    same order. Without readable settings, only those that need none. Changes nothing: no database
    is created, nothing is posted. Never raises ParleyError."""
    findings = findings or Findings()
    findings.add([check_python(), *check_packages()])
    findings.add(await asyncio.to_thread(check_import_names))
    try:
        settings = load(config)
    except ConfigError as error:
        remedy = "Correct it; the checks that depend on the settings were skipped."
        findings.add(
            Result("Settings", "file", State.FAILED, line, remedy)
            for line in str(error).splitlines()
        )
        findings.add([*check_driver(Machine(), needed=False), check_oneapi(Machine())])
        return findings.results
    findings.add([Result("Settings", "file", State.OK, "valid"), *_check_secrets(settings)])
    async with asyncio.TaskGroup() as tasks:
        others = {
            "Checking the database": tasks.create_task(_check_database(settings)),
            "Checking Discord": tasks.create_task(check_discord(settings.discord)),
            "Checking Slack": tasks.create_task(check_slack(settings.slack)),
        }
        await _check_inference(settings, findings)
        await _check_further(settings, findings)
        for what, task in others.items():
            with findings.running(what):
                results = await task
            findings.add(results)
    return findings.results


def _check_secrets(settings: Settings) -> list[Result]:
    """Whether the file of secrets is for its owner's eyes only; nothing where there is none."""
    file = settings.secrets_file
    if file is None:
        return []
    if not settings.warnings:
        return [Result("Settings", "secrets", State.OK, f"only you can read {file}")]
    detail = f"other users of this machine can read {file}"
    remedy = f"Run: chmod 600 {file} (or parley doctor --fix)"
    return [Result("Settings", "secrets", State.WARNING, detail, remedy)]


def _check_sections(section: ModelSettings, backend: str) -> list[Result]:
    """The settings of other backends than the one that is used; nothing where there are none."""
    return [
        Result(backends.AREA, "settings", State.WARNING, line, "Remove it, or choose its backend.")
        for line in without_effect(section, backend)
    ]


async def _check_inference(settings: Settings, findings: Findings) -> None:
    """Everything that running the model needs: driver, backend, device, model, memory."""
    section = settings.model
    if section.backend in ("openai", "scripted"):
        findings.add(_check_sections(section, section.backend))
    if section.backend == "openai":
        urls = without_passwords(", ".join(section.openai.base_urls))
        with findings.running(f"Asking the model servers {urls}"):
            results = await backends.check_servers(settings)
        findings.add(results)
        return
    if section.backend == "scripted":
        findings.add([Result(backends.AREA, "scripted", State.OK, "chosen; it runs no model")])
        return
    findings.add(check_driver(Machine(), needed=backends.wants_intel_gpu(section)))
    findings.add([check_oneapi(Machine())])
    with findings.running("Resolving the backend"):
        resolved = await resolve_backend(settings)
    used = resolved.settings.model
    findings.add(_check_sections(section, used.backend))
    if resolved.reason or resolved.error:
        findings.add([backends.check_choice(resolved, section)])
    findings.add(backends.check_note(resolved))
    probes = await _probe_libraries(settings, used, findings)
    findings.add(backends.check_devices(probes))
    findings.add(backends.check_speed(resolved, probes))
    with findings.running(f"Examining the model {settings.model.name}"):
        results = await asyncio.to_thread(_check_on_device, settings, used, probes)
    findings.add(results)


async def _check_further(settings: Settings, findings: Findings) -> None:
    """The servers of ``[models.NAME]``."""
    if settings.models:
        with findings.running(f"Asking the servers of {', '.join(settings.models)}"):
            results = await backends.check_further(settings)
        findings.add(results)


async def _probe_libraries(
    settings: Settings, used: ModelSettings, findings: Findings
) -> list[Probe]:
    """Probe all libraries concurrently; their results are added in order."""
    python, passed_on = interpreter(settings), settings.model.environment
    probes = []
    async with asyncio.TaskGroup() as tasks:
        running = {
            name: tasks.create_task(probe(name, python, passed_on, server=server_path(settings)))
            for name in backends.LIBRARIES
        }
        for name, task in running.items():
            with findings.running(f"Searching the devices of {name}"):
                probes.append(await task)
            findings.add([backends.check_library(probes[-1], used)])
    return probes


def _check_on_device(
    settings: Settings, used: ModelSettings, probes: Sequence[Probe]
) -> list[Result]:
    """The device that a start would use, and the model on it. `used` is ``[model]`` with backend
    and device resolved. Blocking."""
    results, folder = model.check_model(settings)
    found = next((each for each in probes if each.library == used.backend), None)
    if found is None or found.error:
        return results
    results = [*backends.check_server(found, used), *results]
    # Labelled with the configured device, although the demo model's "auto" may mean the CPU.
    label = f"[model] device = {settings.model.device}"
    on_device = replace(backends.check_device(found, used), what=label)
    device = backends.device_for(found, used.device)
    if folder is not None and (thinking := model.check_reasoning(folder, used)):
        results.append(thinking)
    if folder is not None and device is not None:
        refused = model.check_low_bit(folder, used, found.library, device, settings.cache_folder)
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
