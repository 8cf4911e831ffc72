"""The server never outlives the worker, however that ends."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bot.worker.backends.llamacpp import launch
from tests.until import until

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a shell"),
]

WATCH = textwrap.dedent(
    f"""
    import runpy, sys
    launch = runpy.run_path({launch.__file__!r})
    sys.exit(launch["watch"](sys.argv[2:]))
    """
)


def parent_of(tmp_path: Path, *launcher: str) -> "subprocess.Popen[bytes]":
    """A process that starts a shell through the launcher, which writes its process id to a file."""
    code = textwrap.dedent(
        f"""
        import os, subprocess, sys, time
        child = subprocess.Popen(
            [sys.executable, *{launcher!r}, str(os.getpid()), "/bin/sh", "-c",
             "cd {tmp_path}; echo $$ > part && mv part pid; exec sleep 600"],
            stdin=subprocess.PIPE, start_new_session=True,
        )
        time.sleep(600)
        """
    )
    return subprocess.Popen([sys.executable, "-c", code])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(OSError):
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    return True


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param(
            (launch.__file__,),
            id="as here",
        ),
        pytest.param(("-c", WATCH), id="where the kernel cannot be asked"),
    ],
)
async def test_the_program_ends_when_its_parent_is_killed(
    tmp_path: Path, launcher: tuple[str, ...]
) -> None:
    parent = parent_of(tmp_path, *launcher)
    try:
        await until(lambda: (tmp_path / "pid").exists())
        pid = int((tmp_path / "pid").read_text())
        assert alive(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        await until(lambda: not alive(pid))
    finally:
        parent.kill()
        parent.wait()


@pytest.mark.parametrize("launcher", [(launch.__file__,), ("-c", WATCH)])
def test_the_exit_code_and_the_output_are_the_programs(launcher: tuple[str, ...]) -> None:
    command = [sys.executable, *launcher, str(os.getpid()), "/bin/sh", "-c", "echo said; exit 7"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.read() == b"said\n"
        assert running.wait() == 7


def test_a_program_that_cannot_be_started_is_told_in_one_line() -> None:
    command = [sys.executable, launch.__file__, str(os.getpid()), "/no/llama-server"]
    done = subprocess.run(command, stderr=subprocess.PIPE, stdin=subprocess.PIPE, check=False)
    assert done.returncode == 127
    assert done.stderr == b"/no/llama-server cannot be started: No such file or directory\n"
