"""A worker whose memory runs out: the scripted backend in a worker process, with a limit."""

import sys
from pathlib import Path

import bot.worker

_PROGRAM = """
import sys, types
from dataclasses import replace
package = types.ModuleType("bot"); package.__path__ = [{parent!r}]
sys.modules["bot"] = package
from bot.worker import backends, process
from bot.worker.backends.scripted import ScriptedBackend
class Model(ScriptedBackend):
    def load(self, options, report):
        facts = super().load(options, report)
        if options.fit:
            self._context = {fitting}
            return replace(facts, context=self._context, note=f"only {{self._context}} fit")
        return facts
    def step(self):
        context = self._context
        for answer in self._answers.values():
            prompt, made = len(answer.request.prompt), answer.made
            if {full}: raise RuntimeError("XPU out of memory")
        return super().step()
backends.create = lambda name: Model()
sys.exit(process.run())
"""


def out_of_memory_python(folder: Path, full: str, fitting: str = "3072") -> str:
    """A program for ``[model] python`` whose backend raises an out-of-memory error before a step
    while `full` is true for an answer: a Python expression of ``context``, ``prompt`` and ``made``
    (all in tokens). With ``[model] context = 0`` its window has `fitting` tokens, an expression,
    too. `folder` is created."""
    folder.mkdir(exist_ok=True)
    program = folder / "worker.py"
    parent = str(Path(bot.worker.__file__).parents[1])
    program.write_text(_PROGRAM.format(parent=parent, full=full, fitting=fitting))
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} "{program}"\n')
    script.chmod(0o755)
    return str(script)
