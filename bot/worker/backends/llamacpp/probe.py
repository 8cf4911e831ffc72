"""What the doctor asks about llama.cpp: which llama-server there is, its version and its devices.

Also a command, run in the worker's interpreter, that loads no model:

    python …/bot/worker/__main__.py llamacpp SERVER

SERVER is the path of a llama-server, or "" to search the PATH. The last line on stdout is a JSON
object with the fields of `bot.worker.probe`; ``packages`` has the version of llama-server, and
``server`` its path.
"""

import json
import platform
import sys
from typing import Any

from bot.worker.backends.llamacpp.binary import NoServer, find_server, inspect_server
from bot.worker.backends.llamacpp.device import is_integrated


def run() -> int:
    """Print the JSON object for the second argument. Returns exit code 0 also without a server."""
    sys.stdout.write("\n" + json.dumps(describe(sys.argv[2])) + "\n")
    return 0


def describe(configured: str) -> "dict[str, Any]":
    """The facts about the llama-server at `configured`, or on the PATH; ``error`` says why it
    cannot be used."""
    cpu = {"name": "CPU", "title": platform.processor() or "CPU", "memory": None, "driver": ""}
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "packages": {},
        "devices": [],
        "server": "",
        "error": "",
    }
    try:
        server = inspect_server(find_server(configured))
    except NoServer as exc:
        return facts | {"error": str(exc)}
    gpus = [
        {
            "name": f"GPU.{number}",
            "title": f"{gpu.title} ({gpu.name})",
            "memory": gpu.memory,
            "driver": "",
            "shared": is_integrated(gpu),
        }
        for number, gpu in enumerate(server.devices)
    ]
    return facts | {
        "packages": {"llama-server": server.version},
        "devices": [*gpus, cpu],
        "server": server.path,
    }
