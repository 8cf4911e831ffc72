"""Whatever comes over the worker's pipe, the bot gets an answer's tokens or one clear error.

The number of examples is that of the hypothesis profile.
"""

import asyncio
import json
from typing import Any, cast

from hypothesis import example, given
from hypothesis import strategies as st

from bot.errors import ModelError, ParleyError
from bot.generation.options import Timeouts
from bot.generation.worker_client import WorkerClient
from bot.worker.frames import MAGIC, FrameError, FrameReader, encode
from bot.worker.protocol import Facts, to_message

READY = to_message("ready", Facts("none", "none", 4096))
REQUEST = {"prompt": [1], "stop": [], "max_new_tokens": 5}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
kinds = st.sampled_from(["step", "beat", "ready", "progress", "failed", "fatal", "hello", "", 3])
names = st.sampled_from(
    ["type", "step", "steps", "tokens", "ended", "message", "memory", "what", "done", "total", "x"]
)
endings = st.fixed_dictionaries(
    {"id": st.integers(0, 2) | anything, "reason": st.sampled_from(["end", "error", "no"])},
    optional={"message": anything, "usage": st.just(USAGE) | anything},
)
steps = st.fixed_dictionaries(
    {"type": st.just("step")},
    optional={
        "step": st.integers() | anything,
        "tokens": st.lists(st.tuples(st.integers(0, 2), st.lists(anything, max_size=3))) | anything,
        "ended": st.lists(endings, max_size=2) | anything,
    },
)
nearly = st.builds(
    lambda kind, fields: {**fields, "type": kind}, kinds, st.dictionaries(names, anything)
)
messages = (st.just(READY) | steps | nearly | st.dictionaries(names, anything)).map(
    lambda message: encode(cast("dict[str, Any]", message))
)
deep = st.just(len(b"[" * 100_000).to_bytes(4, "big") + b"[" * 100_000)
streams = st.lists(messages | deep | st.binary(max_size=20), max_size=6).map(b"".join)


class EndedProcess:
    """A process that has written everything; it ends when it is killed or asked to."""

    pid = 1
    returncode: int | None = None
    stdin = None

    def __init__(self, output: bytes) -> None:
        self.stdout, self.stderr = asyncio.StreamReader(), asyncio.StreamReader()
        self.stdout.feed_data(output)
        self.stdout.feed_eof()
        self.stderr.feed_eof()

    async def wait(self) -> int:
        self.returncode = 0
        return 0

    def kill(self) -> None:
        self.returncode = -9


async def received(output: bytes) -> tuple[list[int], str]:
    """The tokens of an answer that is open while `output` comes, and how it ended."""
    process = cast("asyncio.subprocess.Process", EndedProcess(output))
    client = WorkerClient(process, "python", Timeouts())
    answer = client.add(REQUEST, lambda: None)
    async with asyncio.timeout(20):
        await client._run()
        tokens: list[int] = []
        try:
            while True:
                ids, finished = await answer.next()
                tokens += ids
                if finished is not None:
                    return tokens, finished.reason
        except ParleyError as error:
            return tokens, str(error)


UNKNOWN_END = encode(
    {"type": "step", "step": 0, "tokens": [], "ended": [{"id": 1, "reason": "no", "usage": USAGE}]}
)


@given(streams)
@example(UNKNOWN_END)
def test_an_answer_ends_with_tokens_or_with_one_clear_line(output: bytes) -> None:
    tokens, end = asyncio.run(received(MAGIC + output))
    assert all(type(token) is int for token in tokens)
    assert end
    assert "\n" not in end
    assert "Traceback" not in end


@given(st.binary(max_size=60) | streams)
def test_output_before_the_first_frame_is_skipped_or_refused(output: bytes) -> None:
    _, end = asyncio.run(received(output))
    assert "\n" not in end


@given(streams, st.integers(1, 64))
def test_frames_come_whole_or_the_stream_is_refused(stream: bytes, size: int) -> None:
    reader = FrameReader()
    refusal = ""
    try:
        for start in range(0, len(stream), size):
            for message in reader.feed(stream[start : start + size]):
                assert json.dumps(message) is not None
    except FrameError as error:
        refusal = str(error)
    assert "\n" not in refusal


async def test_a_malformed_message_before_the_model_is_ready_is_a_model_error() -> None:
    process = cast(
        "asyncio.subprocess.Process", EndedProcess(MAGIC + encode({"type": "ready", "device": 3}))
    )
    client = WorkerClient(process, "python", Timeouts())
    await client._run()
    error = client._facts.exception()
    assert isinstance(error, ModelError)
    assert "a message of type ready is malformed" in str(error)
