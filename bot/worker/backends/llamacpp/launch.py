"""Starts a program that ends when the process that started this one ends, however that ends.

    python launch.py PARENT COMMAND…

PARENT is the process id of whoever runs this and holds the write end of its stdin. On Linux the
kernel is asked for a SIGKILL at the parent's end (prctl(2), PR_SET_PDEATHSIG, which survives
execve), and this process becomes the program. Elsewhere this process stays, waits for end-of-file
on its stdin, and then kills the program; if the program ends first, its exit code is passed on.

Standard library only; run by its path, so that it imports nothing of Parley.
"""

import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1


def main(arguments: "list[str]") -> int:
    """Become or run the program. Returns its exit code; 127 where it cannot be started."""
    parent, command = int(arguments[0]), arguments[1:]
    try:
        if sys.platform == "linux":
            return become(parent, command)
        return watch(command)
    except OSError as exc:
        sys.stderr.write(f"{command[0]} cannot be started: {exc.strerror}\n")
        return 127


def become(parent: int, command: "list[str]") -> int:
    """Replace this process by the program, which dies with the parent."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the request
        return 0
    read_only = os.open(os.devnull, os.O_RDONLY)
    os.dup2(read_only, 0)
    os.execv(command[0], command)  # noqa: S606  # the program that the worker names
    return 0


def watch(command: "list[str]") -> int:
    """Run the program until it ends or stdin does."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - as `become`

    def wait_for_parent() -> None:
        while os.read(0, 4096):
            pass
        child.kill()

    threading.Thread(target=wait_for_parent, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
