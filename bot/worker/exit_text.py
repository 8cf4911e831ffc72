"""How a process ended, in words."""

import signal


def exit_text(code: "int | None") -> str:
    """How a process ended, for people. `code`: its ``returncode`` as `subprocess` has it, negative
    for a signal."""
    if code is None:
        return "it is still running"
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        name = f"signal {-code}"
    hint = ", perhaps because memory ran out" if name == "SIGKILL" else ""
    return f"killed by {name}{hint}"
