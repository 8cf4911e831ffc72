"""Messages on a pipe.

A frame is the length of its body (four bytes, big-endian, unsigned) and the body: one JSON object
in UTF-8. The worker writes the sentinel `MAGIC` before its first frame, so that the bot can skip
whatever an interpreter or a wrapper script printed before.
"""

import json
import struct
from collections.abc import Iterator
from typing import Any

MAGIC = b"\n\x00parley-worker/1\x00\n"
MAX_BODY = 64 * 1024 * 1024
"""Bytes. A frame that announces more is not a frame but other output, misread as a length."""

_LENGTH = struct.Struct(">I")

Message = dict[str, Any]


class FrameError(ValueError):
    """The bytes are not frames, or a message does not fit one."""


def encode(message: Message) -> bytes:
    """`message` as one frame. Raises FrameError where its body is longer than `MAX_BODY`."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    if len(body) > MAX_BODY:
        raise FrameError(f"a message of {len(body)} bytes is too long for a frame")
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Decodes a stream of frames that arrives in chunks of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that `data` completes, in order. The iterator must be exhausted before the
        next call. Raises FrameError where the stream is not made of frames; the reader cannot be
        used afterwards."""
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._buffer, start)
                if length > MAX_BODY:
                    raise FrameError(f"a frame announces {length} bytes")
                end = start + _LENGTH.size + length
                if len(self._buffer) < end:
                    return
                body = bytes(self._buffer[start + _LENGTH.size : end])
                start = end
                yield _decode(body)
        finally:
            del self._buffer[:start]


def _decode(body: bytes) -> Message:
    try:
        message = json.loads(body.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as exc:
        raise FrameError("a frame holds no JSON") from exc
    if not isinstance(message, dict):
        raise FrameError("a frame holds no JSON object")
    return message
