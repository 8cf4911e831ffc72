"""Starts the worker when this file is run by its path.

The package ``bot`` above it is never imported, and its folder (perhaps another interpreter's
site-packages) is kept off ``sys.path``: the worker's interpreter must find its own libraries, not
Parley's. Written so that an old Python can at least say that it is too old.
"""

import importlib
import os
import sys
import types

COMMANDS = {
    "choose": "bot.worker.backends.choose",
    "probe": "bot.worker.probe",
    "llamacpp": "bot.worker.backends.llamacpp.probe",
    "logits": "bot.worker.logits",
    "compare": "bot.worker.compare",
    "alone": "bot.worker.alone",
}
"""What is asked of this interpreter instead of serving a model, by the first argument: a module
whose ``run`` does it."""
WORKER = "bot.worker.process"


def main():  # type: () -> int
    """Run the worker, or one of `COMMANDS`. Returns the process's exit code; 2 where this Python is
    older than 3.10."""
    if sys.version_info < (3, 10):  # noqa: UP036
        message = "the model's process needs Python 3.10 or newer; {} is Python {}\n"
        sys.stderr.write(message.format(sys.executable, sys.version.split()[0]))
        return 2
    worker_dir = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    if sys.path and os.path.abspath(sys.path[0] or ".") == worker_dir:  # noqa: PTH100
        del sys.path[0]  # the script's own folder: its modules are imported as bot.worker.…
    package = types.ModuleType("bot")
    package.__path__ = [os.path.dirname(worker_dir)]  # noqa: PTH120
    sys.modules["bot"] = package

    module = importlib.import_module(COMMANDS[sys.argv[1]] if sys.argv[1:] else WORKER)
    return int(module.run())


if __name__ == "__main__":
    sys.exit(main())
