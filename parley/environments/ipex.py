"""Finds the environments with ipex-llm that `parley backend install ipex` creates."""

from pathlib import Path

from platformdirs import user_data_path

from bot.config import APP
from parley.environments.install import MARKER, interpreter_in


def default_folder(*, cpu: bool) -> Path:
    """Where the environment is created unless the operator names another folder."""
    return user_data_path(APP) / "backends" / ("ipex-cpu" if cpu else "ipex")


def installed(device: str) -> tuple[str, str] | None:
    """The interpreter of an environment in its default folder, and the device that it is for:
    `device`, as in ``[model] device``, or "cpu" where "auto" has only the environment for CPUs.
    None for none."""
    gpu, cpu = default_folder(cpu=False), default_folder(cpu=True)
    if device != "cpu" and (gpu / MARKER).is_file():
        return str(interpreter_in(gpu)), device
    if device in ("auto", "cpu") and (cpu / MARKER).is_file():
        return str(interpreter_in(cpu)), "cpu"
    return None
