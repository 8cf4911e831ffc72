"""The worker process from its first frame to its exit code: load the model, then serve requests."""

import os
import platform
import signal
import traceback
from collections.abc import Callable
from dataclasses import replace

from bot.worker import backends
from bot.worker.backends import Backend
from bot.worker.backends.choose import choose_backend
from bot.worker.backends.engine_choice import Choice
from bot.worker.channel import Channel, PipeClosed
from bot.worker.context import READ_SECONDS, SHARE, context_that_is_read
from bot.worker.exception_text import one_line
from bot.worker.frames import Message
from bot.worker.loop import Loop
from bot.worker.protocol import (
    MIN_CONTEXT,
    DoesNotFit,
    Facts,
    LoadError,
    LoadOptions,
    payload,
    to_message,
)

HEARTBEAT_SECONDS = 2.0
OK, LOAD_FAILED, BACKEND_FAILED = 0, 3, 4
"""Exit codes of the process. 2 is Python's own for a script that cannot run."""

SMALLEST = 4
"""Tokens. In a smaller context window the short answer of warming up has no room."""
OUT_OF_MEMORY = ("out of memory", "out_of_device_memory", "out_of_host_memory", "out_of_resources")
"""Parts of the error texts of torch, Level Zero (ze_api.h) and OpenCL, in lower case."""


def run() -> int:
    """Serve the bot on stdin and stdout until ``quit`` arrives or the bot is gone. Returns the exit
    code. Must be called from the main thread: it changes signal handlers."""
    # Ctrl+C and a service's stop reach every process of the group. The bot decides about shutdown,
    # and when it exits, end-of-file on stdin ends this process too.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        return _run(Channel.take_over_stdio())
    except PipeClosed:
        return OK


def _run(channel: Channel) -> int:
    channel.send({"type": "hello", "pid": os.getpid(), "python": platform.python_version()})
    channel.start_reading()
    channel.start_heartbeat(HEARTBEAT_SECONDS)
    first = channel.commands.get().message
    if first["type"] != "load":
        return OK
    options = LoadOptions(**payload(first))
    try:
        backend, facts = load(options, channel.send)
    except LoadError as exc:
        channel.send({"type": "failed", "message": str(exc)})
        return LOAD_FAILED
    channel.send(to_message("ready", facts))
    return _serve(backend, channel)


def load(options: LoadOptions, send: Callable[[Message], None]) -> tuple[Backend, Facts]:
    """The backend with its model loaded, and what was loaded. Where memory is too small for the
    context window, half of it is tried, once, and `Facts.note` says so. `send` gets ``progress``
    messages. Raises LoadError."""
    if options.context < SMALLEST:
        raise LoadError(
            f"[model] context = {options.context} leaves no room for a question and an answer: "
            "choose 1024 or more, or 0 for as much as fits"
        )
    notes = []
    if options.backend == "auto":
        choice = _choose(options)
        options = replace(options, backend=choice.backend)
        notes.append(f'backend "{choice.backend}" was chosen: {choice.reason}')
    try:
        backend, facts = _load(options, send)
    except DoesNotFit as exc:
        smaller = options.context // 2
        if smaller < MIN_CONTEXT:
            raise
        notes.append(f"the context was halved to {smaller} tokens: {exc}")
        try:
            backend, facts = _load(replace(options, context=smaller), send)
        except DoesNotFit as second:
            raise second from exc
    if facts.note:
        notes.append(facts.note)
    if options.fit and options.backend != "scripted":
        facts = _fitted(backend, facts, options.context, notes)
    return backend, replace(facts, backend=options.backend, note="; ".join(notes))


def _fitted(backend: Backend, facts: Facts, most: int, notes: "list[str]") -> Facts:
    """The facts with the context window that this machine reads in time; `notes` gets a line where
    it is less than `most` tokens."""
    context = context_that_is_read(backend, facts.context)
    if context < facts.context:
        why = f"more is not read within {READ_SECONDS:.0f} seconds"
    else:
        why = f"more would take over {SHARE:.0%} of the free memory"
    if context < most:
        notes.append(f"context = 0 means {context} tokens here: {why}")
    return replace(facts, context=context)


def _choose(options: LoadOptions) -> Choice:
    """`choose_backend`, in which a broken installation may raise anything, as `_load`."""
    try:
        return choose_backend(options)
    except LoadError:
        raise
    except Exception as exc:
        traceback.print_exc()
        raise LoadError(f"no backend can be chosen: {one_line(exc)}") from exc


def _load(options: LoadOptions, send: Callable[[Message], None]) -> tuple[Backend, Facts]:
    """Load the model. Any error becomes a LoadError of one line; the traceback goes to stderr."""

    def report(what: str, done: int, total: int) -> None:
        send({"type": "progress", "what": what, "done": done, "total": total})

    backend = backends.create(options.backend)
    try:
        return backend, backend.load(options, report)
    except LoadError:
        raise
    except Exception as exc:
        if is_out_of_memory(exc):
            raise DoesNotFit(
                f"{options.model} with a context of {options.context} tokens does not fit into "
                f'memory ({one_line(exc)}); choose [model] low_bit = "sym_int4", a smaller '
                "context or a smaller model"
            ) from exc
        traceback.print_exc()
        raise LoadError(f"{options.model} cannot be loaded: {one_line(exc)}") from exc


def is_out_of_memory(exc: BaseException) -> bool:
    """Whether `exc` reports that memory ran out: MemoryError, ``torch.OutOfMemoryError`` (or the
    one of a kind of device, in older versions), or a RuntimeError with a GPU runtime's text."""
    if isinstance(exc, MemoryError) or "OutOfMemory" in type(exc).__name__:
        return True
    text = str(exc).lower()
    return isinstance(exc, RuntimeError) and any(said in text for said in OUT_OF_MEMORY)


def _serve(backend: Backend, channel: Channel) -> int:
    """Run the decoding loop until it ends. Returns the exit code."""
    loop = Loop(backend, channel.commands, channel.send)
    channel.steps = lambda: loop.steps
    try:
        loop.run()
    except Exception as exc:
        traceback.print_exc()
        memory = is_out_of_memory(exc)
        channel.send({"type": "fatal", "message": one_line(exc), "memory": memory})
        return BACKEND_FAILED
    return OK
