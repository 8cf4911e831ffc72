"""One answer of llama-server: a request to ``/completion``, and its server-sent events.

The endpoint: tools/server/README.md of llama.cpp. Two things are not written there:

- While the bytes at the end of the text are an incomplete character, the server sends no event, and
  the next event names the last token alone. ``tokens_predicted`` tells how many are missing; their
  ids are found again by tokenizing the event's text (see `_complete`).
- An event about the progress of the prompt names a token 0 that does not exist.
"""

import contextlib
import http.client
import json
import queue
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.worker.backends.llamacpp.server import LlamaServer, ServerError, error_text
from bot.worker.protocol import Request

EOS, LIMIT, FAILED, BROKEN = "eos", "limit", "failed", "broken"
"""`StreamEvent.end`: the server generated one of its own end tokens; ``n_predict`` or the slot's
context was reached; the request failed; the connection ended before the answer did."""

_RANDOM_SEED = 2**32 - 1
"""LLAMA_DEFAULT_SEED: the server draws a seed of its own for it."""
_BEFORE = ("\n", "a", ".", "")
"""Texts that a text is tokenized after, so that a tokenizer that puts a space before the first word
puts it there."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """What came of one answer."""

    stream: "AnswerStream"
    tokens: Sequence[int] = ()
    cached: "int | None" = None
    """Tokens of the prompt that were in the KV cache, where the event says so."""
    end: str = ""
    """EOS, LIMIT, FAILED or BROKEN; "" while the answer goes on."""
    message: str = ""
    """With FAILED and BROKEN: the reason, for the operator."""


class AnswerStream:
    """Sends one request in a thread of its own and puts what comes back into a queue. The last
    event has an ``end``, unless `close` was called."""

    def __init__(
        self,
        server: LlamaServer,
        body: "dict[str, Any]",
        events: "queue.SimpleQueue[StreamEvent]",
    ) -> None:
        self._server = server
        self._body = body
        self._events = events
        self._connection = server.connect()
        self._socket: socket.socket | None = None
        """The connection's, which hands it to the response and forgets it."""
        self._predicted = 0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="llama-server answer", daemon=True)

    def start(self) -> None:
        """Send the request. Returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End the request: the server stops within a decoding step once the connection is gone.
        Returns at once. Later events of this stream are to be ignored."""
        self._closed.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it has ended by itself
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, which closes it

    def join(self, seconds: float) -> None:
        """Wait for the thread's end."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            for event in self._read():
                self._events.put(event)
                if event.end:
                    return
            self._fail(BROKEN, "llama-server closed the connection in the middle of an answer")
        except (OSError, http.client.HTTPException, ServerError) as exc:
            self._fail(BROKEN, f"the connection to llama-server broke: {exc!r:.200}")
        # Whatever is wrong with it ends this answer: without an event it would be waited for.
        except Exception as exc:
            self._fail(FAILED, f"llama-server sent what is no event of an answer: {exc!r:.200}")
        finally:
            self._connection.close()

    def _fail(self, end: str, message: str) -> None:
        if not self._closed.is_set():
            self._events.put(StreamEvent(self, end=end, message=message))

    def _read(self) -> Iterator[StreamEvent]:
        connection = self._connection
        connection.connect()
        self._socket = connection.sock
        if self._closed.is_set():  # `close` came before there was a socket
            return
        data = json.dumps(self._body).encode()
        connection.request("POST", "/completion", data, self._server.headers())
        with connection.getresponse() as response:
            if response.status != http.client.OK:
                yield self._failure(json.loads(response.read()))
                return
            for line in response:
                if (event := self._event(line)) is not None:
                    yield event

    def _event(self, line: bytes) -> "StreamEvent | None":
        """The event in one line of the stream; None for the others (comments, empty lines)."""
        field, _, value = line.partition(b":")
        if field == b"error":  # as older builds write it
            return self._failure(json.loads(value))
        if field != b"data" or value.strip() == b"[DONE]":
            return None
        fields = json.loads(value)
        if "error" in fields:
            return self._failure(fields)
        if (progress := fields.get("prompt_progress")) is not None:
            return StreamEvent(self, cached=int(progress.get("cache", 0)))
        tokens = self._complete(fields)
        if not fields.get("stop"):
            return StreamEvent(self, tokens)
        cached = (fields.get("timings") or {}).get("cache_n")
        end = EOS if fields.get("stop_type") in ("eos", "word") else LIMIT
        return StreamEvent(self, tokens, None if cached is None else int(cached), end)

    def _failure(self, fields: "dict[str, Any]") -> StreamEvent:
        return StreamEvent(self, end=FAILED, message=f"llama-server: {error_text(fields)}")

    def _complete(self, fields: "dict[str, Any]") -> "list[int]":
        """The ids of all tokens since the last event.

        Those that the server left out are part of characters that this event's text completes. The
        ids of that text give the same text again; they are nearly always the very same tokens."""
        tokens = [int(token) for token in fields.get("tokens", ())]
        predicted = int(fields.get("tokens_predicted", self._predicted + len(tokens)))
        new, self._predicted = predicted - self._predicted, predicted
        if new <= len(tokens):
            return tokens[:new] if new > 0 else []
        text = str(fields.get("content", ""))
        if not text:  # the answer ends in the middle of a character
            return tokens
        return self._ids_of(text)

    def _ids_of(self, text: str) -> "list[int]":
        """The ids of `text` in the middle of another text. Raises ServerError."""
        ids: list[int] = []
        for before in _BEFORE:
            prefix = self._server.tokenize(before) if before else []
            ids = self._server.tokenize(before + text)
            if ids[: len(prefix)] == prefix:
                return ids[len(prefix) :]
        return ids


def completion_body(request: Request, context: int) -> "dict[str, Any]":
    """The request as ``/completion`` takes it: sampling as the other backends sample (repetition
    penalty over prompt and answer, temperature, top-k, top-p, in this order), nothing else."""
    greedy = request.temperature <= 0
    return {
        "prompt": request.prompt,
        "n_predict": request.max_new_tokens,
        "temperature": max(0.0, request.temperature),
        "top_k": 1 if greedy else request.top_k,
        "top_p": 1.0 if greedy else request.top_p,
        "min_p": 0.0,
        "repeat_penalty": request.repetition_penalty,
        "repeat_last_n": context,
        "seed": request.seed % _RANDOM_SEED,
        "samplers": ["penalties", "temperature", "top_k", "top_p"],
        "stream": True,
        "return_tokens": True,
        "return_progress": True,
        "cache_prompt": True,
        # Of the last event: it would repeat the prompt as text.
        "response_fields": ["stop", "stop_type", "tokens", "tokens_predicted", "timings"],
    }
