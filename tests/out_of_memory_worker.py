"""A worker whose memory runs out: the scripted backend in a worker process, with a limit."""

import sys
from pathlib import Path

import bot.worker

_PROGRAM = """
import sys, types
package = types.ModuleType("bot"); package.__path__ = [{parent!r}]
sys.modules["bot"] = package
from bot.worker import backends, process
from bot.worker.backends.scripted import ScriptedBackend
class Model(ScriptedBackend):
    def step(self):
        context = self._context
        for answer in self._answers.values():
            prompt, made = len(answer.request.prompt), answer.made
            if {full}: raise RuntimeError("XPU out of memory")
        return super().step()
backends.create = lambda name: Model()
sys.exit(process.run())
"""


def out_of_memory_python(folder: Path, full: str) -> str:
    """A program for ``[model] python`` whose backend raises an out-of-memory error before a step
    while `full` is true for an answer: a Python expression of ``context``, ``prompt`` and ``made``
    (all in tokens). `folder` is created."""
    folder.mkdir(exist_ok=True)
    program = folder / "worker.py"
    parent = str(Path(bot.worker.__file__).parents[1])
    program.write_text(_PROGRAM.format(parent=parent, full=full))
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} "{program}"\n')
    script.chmod(0o755)
    return str(script)
