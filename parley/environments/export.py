"""Finds the environment with optimum-intel that `parley backend install export` creates."""

from pathlib import Path

from platformdirs import user_data_path

from bot.config import APP
from bot.errors import ModelError
from parley.environments.install import MARKER, interpreter_in


def default_folder() -> Path:
    """Where the environment is created unless the operator names another folder."""
    return user_data_path(APP) / "backends" / "export"


def exporter(folder: Path | None) -> str:
    """The interpreter of the environment in `folder`, or in the default folder where that is None;
    "" where the default folder holds no complete environment. Raises ModelError where `folder`
    holds none."""
    place = (folder or default_folder()).expanduser().absolute()
    if (place / MARKER).is_file():
        return str(interpreter_in(place))
    if folder is None:
        return ""
    raise ModelError(
        f"{place} holds no environment for exports: create it with parley backend install export "
        f"--folder {place}"
    )
