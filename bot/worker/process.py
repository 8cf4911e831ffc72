"""The worker from its first frame to its exit code."""

import os
import platform
import signal
import traceback

from bot.worker import backends
from bot.worker.backends import Backend
from bot.worker.channel import BotGone, Channel
from bot.worker.loop import Loop
from bot.worker.protocol import Facts, LoadError, LoadOptions, to_message, without_type

BEAT_SECONDS = 2.0
OK, LOAD_FAILED, BROKE = 0, 3, 4
"""Exit codes. 2 is Python's own for a script that cannot run."""


def run() -> int:
    """Talk to the bot on stdin and stdout until it says ``quit`` or is gone; the exit code."""
    # Ctrl+C and a service's stop reach every process of the group. The bot decides what then
    # happens here, and its end ends this process too.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        return _run(Channel.take_over_stdio())
    except BotGone:
        return OK


def _run(channel: Channel) -> int:
    channel.send({"type": "hello", "pid": os.getpid(), "python": platform.python_version()})
    channel.start_reading()
    channel.start_beating(BEAT_SECONDS)
    first = channel.commands.get().message
    if first["type"] != "load":
        return OK
    options = LoadOptions(**without_type(first))
    try:
        backend = backends.create(options.backend)
        facts = _load(backend, options, channel)
    except LoadError as exc:
        channel.send({"type": "failed", "message": str(exc)})
        return LOAD_FAILED
    channel.send(to_message("ready", facts))
    return _serve(backend, channel)


def _load(backend: Backend, options: LoadOptions, channel: Channel) -> Facts:
    """Load the model. Whatever goes wrong becomes a LoadError; the details go to stderr."""

    def report(what: str, done: int, total: int) -> None:
        channel.send({"type": "progress", "what": what, "done": done, "total": total})

    try:
        return backend.load(options, report)
    except LoadError:
        raise
    except MemoryError as exc:
        raise LoadError(
            f"{options.model} does not fit into memory; choose [model] low_bit = "
            '"sym_int4", a smaller context or a smaller model'
        ) from exc
    except Exception as exc:
        traceback.print_exc()
        raise LoadError(f"{options.model} cannot be loaded: {one_line(exc)}") from exc


def _serve(backend: Backend, channel: Channel) -> int:
    loop = Loop(backend, channel.commands, channel.send)
    channel.steps = lambda: loop.steps
    try:
        loop.run()
    except Exception as exc:
        traceback.print_exc()
        channel.send({"type": "fatal", "message": one_line(exc)})
        return BROKE
    return OK


def one_line(exc: BaseException, limit: int = 300) -> str:
    """An exception's type and text, cut to one line."""
    text = " ".join(str(exc).split())
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
