"""The llama.cpp backend: a llama-server of its own for one GGUF file.

The server batches, keeps prompts in its slots and samples; this side sends token ids, counts, and
decides what ends an answer. Each request is a connection; closing it is how an answer is cancelled.
"""

import queue
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.worker.backends import warm_up
from bot.worker.backends.llamacpp.arguments import server_arguments
from bot.worker.backends.llamacpp.binary import Server, find_server, inspect_server
from bot.worker.backends.llamacpp.device import Target, choose_device
from bot.worker.backends.llamacpp.gguf_header import GgufHeader, read_header
from bot.worker.backends.llamacpp.server import LlamaServer, ServerError
from bot.worker.backends.llamacpp.sizing import Sizes, choose_sizes, fitted, free_main_memory
from bot.worker.backends.llamacpp.stream import (
    BROKEN,
    EOS,
    FAILED,
    AnswerStream,
    StreamEvent,
    completion_body,
)
from bot.worker.exit_text import exit_text
from bot.worker.gguf.files import is_gguf
from bot.worker.protocol import (
    END,
    ERROR,
    LENGTH,
    Ended,
    Facts,
    LoadError,
    LoadOptions,
    Progress,
    Request,
    Step,
    Usage,
    cut_at_stop,
)

STEP_SECONDS = 0.02
"""How long a step waits for events: so late an arriving command is noticed."""
EXIT_SECONDS = 2.0
"""A broken connection mostly means that the server is ending: so long its exit is waited for."""
STALL_SECONDS = 600.0
"""With requests in flight, so long without any event of the server: it hung."""


@dataclass(slots=True)
class _Answer:
    request: Request
    stream: AnswerStream
    tokens: list[int] = field(default_factory=list)
    """All ids so far, without the stop token."""
    cached: "int | None" = None
    """Tokens of the prompt that were in the KV cache; of the first request for this answer."""


class LlamaCppBackend:
    """`bot.worker.backends.Backend` over one `LlamaServer`."""

    def __init__(self) -> None:
        self._server: LlamaServer | None = None
        self._events: queue.SimpleQueue[StreamEvent] = queue.SimpleQueue()
        self._answers: dict[int, _Answer] = {}
        self._by_stream: dict[AnswerStream, int] = {}
        self._context = 0
        self._heard_at = 0.0

    # ------------------------------------------------------------ loading

    def load(self, options: LoadOptions, report: Progress) -> Facts:
        if not is_gguf(Path(options.model)):
            raise LoadError(
                f'{options.model} is no GGUF file, and backend = "llamacpp" runs nothing else: set '
                '[model] backend = "auto", or name the .gguf file'
            )
        report("Starting llama-server", 0, 0)
        header = read_header(Path(options.model))
        binary = inspect_server(find_server(options.server))
        target = choose_device(binary, options.device)
        free = free_main_memory()
        options = fitted(header, target, options, free)
        sizes = choose_sizes(header, target, options, free)
        server = LlamaServer(binary.path)
        try:
            server.start(server_arguments(options, binary, target, sizes, server.address))
            server.wait_until_ready(options.model, report)
            _check_samples(server, options)
            self._context, self._server = options.context, server
            warm_up(self)
            return _facts(server, binary, target, header, sizes, options)
        except BaseException:
            server.close()
            raise

    # ------------------------------------------------------------ answers

    def add(self, request: Request) -> None:
        request.must_fit(self._context)
        if not self._answers:
            self._heard_at = time.monotonic()
        self._answers[request.id] = _Answer(request, self._send(request))

    def _send(self, request: Request) -> AnswerStream:
        assert self._server is not None
        stream = AnswerStream(self._server, completion_body(request, self._context), self._events)
        self._by_stream[stream] = request.id
        stream.start()
        return stream

    def cancel(self, request_id: int) -> None:
        answer = self._answers.pop(request_id)
        self._forget(answer.stream)

    def step(self) -> Step:
        """Collect what the server has generated since the last step, and wait for it up to
        `STEP_SECONDS`. Raises where the server has ended or hung."""
        step = Step()
        for event in self._arrived():
            self._heard_at = time.monotonic()
            answer = self._answers.get(self._by_stream.get(event.stream, -1))
            if answer is not None:
                self._collect(answer, event, step)
        self._check_server()
        return step

    def _arrived(self) -> Iterable[StreamEvent]:
        """The events that are there, or else the next one."""
        try:
            yield self._events.get(timeout=STEP_SECONDS)
            while True:
                yield self._events.get_nowait()
        except queue.Empty:
            return

    def _collect(self, answer: _Answer, event: StreamEvent, step: Step) -> None:
        request = answer.request
        if answer.cached is None:
            answer.cached = event.cached
        if event.end in (FAILED, BROKEN):
            self._check_server(EXIT_SECONDS if event.end == BROKEN else 0.0)
            self._end(answer, ERROR, step, event.message)
            return
        room = request.max_new_tokens - len(answer.tokens)
        ids, stopped = cut_at_stop(list(event.tokens[:room]), request.stop)
        if ids:
            step.tokens.append((request.id, ids))
            answer.tokens += ids
        if stopped:
            self._end(answer, END, step)
        elif len(answer.tokens) >= request.max_new_tokens:
            self._end(answer, LENGTH, step)
        elif event.end == EOS:
            self._continue(answer, step)
        elif event.end:
            self._end(answer, LENGTH, step)

    def _continue(self, answer: _Answer, step: Step) -> None:
        """The server ended the answer at one of its own end tokens, which is none of this request:
        go on after it, as every other backend does. What was computed is in the slot."""
        request, made = answer.request, len(answer.tokens)
        if not made:  # the end token's id is not known
            self._end(answer, END, step)
            return
        self._forget(answer.stream)
        rest = replace(
            request,
            prompt=request.prompt + answer.tokens,
            max_new_tokens=request.max_new_tokens - made,
            seed=request.seed + made,
        )
        answer.stream = self._send(rest)

    def _end(self, answer: _Answer, reason: str, step: Step, message: str = "") -> None:
        del self._answers[answer.request.id]
        self._forget(answer.stream)
        usage = Usage(cached_tokens=answer.cached or 0)
        step.ended.append(Ended(answer.request.id, reason, message, usage))

    def _forget(self, stream: AnswerStream) -> None:
        del self._by_stream[stream]
        stream.close()

    def _check_server(self, wait: float = 0.0) -> None:
        """Raises where the server has ended (MemoryError where memory ran out), or ends within
        `wait` seconds, or hung."""
        assert self._server is not None
        server, code = self._server, self._server.exit_code(wait)
        if code is not None:
            output = server.last_output()  # reads the rest of the log
            if server.memory_ran_out:
                raise MemoryError(f"llama-server: {server.memory_ran_out}")
            raise RuntimeError(f"llama-server ended ({exit_text(code)}).{output}")
        if time.monotonic() - self._heard_at > STALL_SECONDS:
            raise RuntimeError(
                f"llama-server hung: nothing came for {STALL_SECONDS:g} seconds."
                f"{server.last_output()}"
            )

    def close(self) -> None:
        """End the server. It also ends with this process."""
        if self._server is not None:
            self._server.close()


def _check_samples(server: LlamaServer, options: LoadOptions) -> None:
    """Compare the tokenizer of the bot's process with the server's. Raises LoadError with the first
    text that differs."""
    for text, ids in options.samples:
        if (theirs := server.tokenize(text)) != list(ids):
            raise LoadError(
                f"{options.model}: Parley's tokenizer and llama-server's differ for {text!r} "
                f"({list(ids)[:8]} and {theirs[:8]}): the file names a kind of tokenizer that one "
                "of them does not know. Choose another file of this model, or update llama-server"
            )


def _facts(
    server: LlamaServer,
    binary: Server,
    target: Target,
    header: GgufHeader,
    sizes: Sizes,
    options: LoadOptions,
) -> Facts:
    try:
        file_type = str(server.get("/props").get("model_ftype", ""))
    except ServerError:
        file_type = ""
    low_bit = header.file_type or file_type or "GGUF"
    notes = [f"llama-server {binary.version}"]
    if target.gpu and server.offloaded:
        notes.append(f"{server.offloaded.replace('/', ' of ')} layers on the GPU")
    if sizes.slots < options.max_parallel:
        notes.append(
            f"{sizes.slots} of {options.max_parallel} parallel answers fit the memory with a full "
            "context; the others wait"
        )
    if options.low_bit != "auto":
        notes.append(
            f'low_bit = "{options.low_bit}" has no effect: the file holds {low_bit} weights'
        )
    return Facts(target.title, low_bit, options.context, note="; ".join(notes))


def create() -> LlamaCppBackend:
    return LlamaCppBackend()
