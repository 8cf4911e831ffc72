"""The worker process: clean pipes, one line for each failure, exit when the bot is gone."""

import importlib
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import bot.worker
from bot.worker.__main__ import COMMANDS
from bot.worker.frames import MAGIC, FrameReader, Message, encode
from bot.worker.protocol import LoadOptions, to_message

pytestmark = pytest.mark.process

MAIN = Path(bot.worker.__file__).with_name("__main__.py")
LOAD = encode(to_message("load", LoadOptions("scripted", script="one two", tokens_per_second=0)))
QUIT = encode({"type": "quit"})

HARNESS = f"""
import runpy, sys, types
bot = types.ModuleType("bot")
bot.__path__ = [{str(MAIN.parent.parent)!r}]
sys.modules["bot"] = bot
from bot.worker import backends, channel, process
from bot.worker.protocol import *
channel.GRACE_SECONDS = 0.2

class Model:
    def add(self, request): self.id = request.id
    def cancel(self, id): pass
"""


def frames(output: bytes) -> list[Message]:
    before, magic, rest = output.partition(MAGIC)
    assert (before, magic) == (b"", MAGIC)
    return [m for m in FrameReader().feed(rest) if m["type"] != "beat"]


def run_worker(sent: bytes, *command: str, hang_up: bool = False) -> tuple[list[Message], str, int]:
    """Frames, stderr and exit code of a worker that is sent these bytes. Then the bot waits for
    it to end by itself, or, with `hang_up`, is gone."""
    with subprocess.Popen(
        [sys.executable, *(command or (str(MAIN),))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(sent)
        process.stdin.close() if hang_up else process.stdin.flush()
        output, errors = process.stdout.read(), process.stderr.read().decode()
        return frames(output), errors, process.wait()


def run_with_model(
    model: str, sent: bytes = LOAD, *, hang_up: bool = False
) -> tuple[list[Message], str, int]:
    """The same with a backend made of these methods."""
    code = HARNESS + textwrap.indent(textwrap.dedent(model), "    ")
    code += "\nbackends.create = lambda name: Model()\nsys.exit(process.run())"
    return run_worker(sent, "-c", code, hang_up=hang_up)


def add(answer_id: int) -> bytes:
    fields: dict[str, Any] = {"id": answer_id, "prompt": [2], "stop": [], "max_new_tokens": 9}
    return encode({"type": "add", **fields})


def test_a_worker_says_hello_loads_and_leaves_when_told() -> None:
    sent, _, code = run_worker(LOAD + QUIT)
    assert [m["type"] for m in sent] == ["hello", "ready"]
    assert code == 0


def test_a_worker_needs_no_package_until_it_loads_a_model() -> None:
    sent, _, code = run_worker(LOAD + QUIT, "-S", str(MAIN))  # without site-packages
    assert [m["type"] for m in sent] == ["hello", "ready"]
    assert code == 0


def test_a_worker_leaves_when_the_bot_is_gone() -> None:
    _, _, code = run_worker(b"", hang_up=True)
    assert code == 0


def test_a_worker_that_still_loads_leaves_when_the_bot_is_gone() -> None:
    model = """
        def load(self, options, report):
            import time
            time.sleep(3600)
    """
    sent, _, code = run_with_model(model, hang_up=True)
    assert [m["type"] for m in sent] == ["hello"]
    assert code == 0


def test_cleanup_runs_when_the_bot_is_gone() -> None:
    model = """
        def load(self, options, report):
            import sys, time
            try:
                while True:
                    report("converting", 0, 0)
                    time.sleep(0.001)
            finally:
                sys.stderr.write("cleaned up")
    """
    _, stderr, code = run_with_model(model, hang_up=True)
    assert stderr == "cleaned up"
    assert code == 0


def test_what_libraries_print_goes_to_stderr_and_corrupts_no_frame() -> None:
    model = """
        def load(self, options, report):
            import os
            print("python says", flush=True)
            os.write(1, b"C says\\n")
            report("loading", 1, 2)
            os.system("echo a child says")
            return Facts("cpu", "fp16", 8)
    """
    sent, stderr, _ = run_with_model(model, LOAD + QUIT)
    assert [m["type"] for m in sent] == ["hello", "progress", "ready"]
    assert {"python says", "C says", "a child says"} <= set(stderr.splitlines())


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ('raise LoadError("the folder is empty")', "the folder is empty"),
        ('raise RuntimeError("bad\\n  weights")', "/m cannot be loaded: RuntimeError: bad weights"),
        ("raise MemoryError", "/m with a context of 2048 tokens does not fit into memory"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_reported_in_one_line(failure: str, said: str) -> None:
    load = encode(to_message("load", LoadOptions("scripted", model="/m")))
    sent, _, code = run_with_model(f"def load(self, options, report): {failure}", load)
    assert sent[-1]["type"] == "failed"
    assert sent[-1]["message"].startswith(said)
    assert "\n" not in sent[-1]["message"]
    assert code == 3


def test_a_backend_that_fails_says_why_before_the_process_ends() -> None:
    model = """
        def load(self, options, report): return Facts("cpu", "fp16", 8)
        def step(self): raise RuntimeError("device lost")
    """
    sent, _, code = run_with_model(model, LOAD + add(1))
    assert sent[-1] == {"type": "fatal", "message": "RuntimeError: device lost", "memory": False}
    assert code == 4


def test_memory_that_runs_out_while_answers_are_written_is_told_from_other_faults() -> None:
    model = """
        def load(self, options, report): return Facts("cpu", "fp16", 8)
        def step(self): raise RuntimeError("XPU out of memory. Tried to allocate 2.00 GiB")
    """
    sent, _, _ = run_with_model(model, LOAD + add(1))
    assert sent[-1]["memory"] is True


def test_a_context_that_does_not_fit_is_halved_once_and_said() -> None:
    model = """
        def load(self, options, report):
            if options.context > 2048: raise DoesNotFit("1.0 GB are free and 1.5 are needed")
            return Facts("gpu", "fp16", options.context)
    """
    sent, _, _ = run_with_model(model, LOAD + QUIT)
    assert sent[-1]["type"] == "ready"
    assert sent[-1]["context"] == 2048
    assert sent[-1]["note"] == (
        "the context was halved to 2048 tokens: 1.0 GB are free and 1.5 are needed"
    )


def test_a_half_context_that_does_not_fit_either_is_refused_with_the_numbers() -> None:
    model = """
        def load(self, options, report):
            raise DoesNotFit(f"{options.context} tokens need more than 1.0 GB")
    """
    sent, _, code = run_with_model(model)
    assert (sent[-1]["type"], code) == ("failed", 3)
    assert sent[-1]["message"] == "2048 tokens need more than 1.0 GB"


def test_a_context_without_room_for_anything_is_refused_by_its_setting() -> None:
    sent, _, code = run_worker(encode(to_message("load", LoadOptions("scripted", context=3))))
    assert sent[-1]["message"].startswith("[model] context = 3 leaves no room for a question")
    assert code == 3


def test_an_unknown_backend_is_refused_by_name() -> None:
    sent, _, code = run_worker(encode(to_message("load", LoadOptions("llamafile"))))
    assert '"llamafile" is unknown; choose one of "openvino", "torch"' in sent[-1]["message"]
    assert code == 3


def test_the_worker_imports_nothing_else_of_parley() -> None:
    code = f"""
import runpy, sys
sys.argv = [{str(MAIN)!r}]
try:
    runpy.run_path({str(MAIN)!r}, run_name="__main__")
finally:
    ours = [m for m in sys.modules if m.split(".")[0] in ("bot", "adapters", "storage")]
    sys.stderr.write("imported: " + " ".join(sorted(ours)) + "\\n")
    sys.stderr.write("file: " + str(getattr(sys.modules["bot"], "__file__", None)) + "\\n")
"""
    _, stderr, _ = run_worker(LOAD + QUIT, "-P", "-c", code)
    imported = next(line for line in stderr.splitlines() if line.startswith("imported: "))
    assert all(m == "bot" or m.startswith("bot.worker") for m in imported.split()[1:])
    assert "file: None" in stderr  # bot/__init__.py itself was not run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_worker_is_there(command: str) -> None:
    assert callable(importlib.import_module(COMMANDS[command]).run)
