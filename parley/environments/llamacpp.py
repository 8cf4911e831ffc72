"""Where the llama-server is that runs GGUF files."""

import shutil
import sys
from pathlib import Path

from platformdirs import user_data_path

from bot.config import APP, Settings

NAME = "llama-server.exe" if sys.platform == "win32" else "llama-server"


def default_folder() -> Path:
    """The folder into which `parley backend install llamacpp` builds."""
    return user_data_path(APP) / "backends" / "llamacpp"


def is_installed(settings: Settings) -> bool:
    """Whether there is a llama-server: that of the settings, one that Parley built, or one on the
    PATH. It is not started."""
    return bool(server_path(settings) or shutil.which(NAME))


def server_path(settings: Settings) -> str:
    """``[model.llamacpp] server`` as a path, else that of the server that Parley built; "" where
    the PATH is to be searched."""
    if configured := settings.model.llamacpp.server:
        return str(settings.path(configured))
    built = default_folder() / NAME
    return str(built) if built.is_file() else ""
