"""Whatever a GGUF file holds, reading it ends with a model or with one clear line, and quickly."""

import functools
import struct
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from bot.errors import ModelError
from bot.models.folder import ModelFolder
from bot.models.gguf import read_gguf
from bot.prompting.tokenizer import TextTokenizer
from bot.worker.backends.llamacpp.gguf_header import read_header
from bot.worker.backends.openvino import gguf_file
from bot.worker.protocol import LoadError
from tests.chat_templates import CHATML
from tests.fuzz.mutations import damaged_bytes
from tests.fuzz.test_files import ends_in_one_line
from tests.tiny_gguf import byte_level, sentencepiece, write_gguf

MOST_MEMORY = 64 << 20
"""Bytes that reading a damaged file of some 40 kB may allocate."""


@functools.cache
def whole(kind: str) -> bytes:
    tokenizer = byte_level() if kind == "gpt2" else sentencepiece()
    with tempfile.TemporaryDirectory() as folder:
        return write_gguf(Path(folder, "a.gguf"), tokenizer=tokenizer, template=CHATML).read_bytes()


def examine(data: bytes) -> None:
    """Read the file as the bot does, the model's properties and then its tokenizer, and as the
    backends do."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.gguf")
        file.write_bytes(data)
        tracemalloc.start()
        try:
            model = ends_in_one_line(lambda: ModelFolder.read(file), ModelError)
            assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
        finally:
            tracemalloc.stop()
        if isinstance(model, ModelFolder):
            gguf = read_gguf(file)
            assert gguf.cache_values >= 0
            assert gguf.parameters >= 0
            ends_in_one_line(lambda: TextTokenizer.load(file), ModelError)
        ends_in_one_line(lambda: read_header(file), LoadError)
        ends_in_one_line(lambda: gguf_file.read_gguf(file), LoadError)


DAMAGED = st.sampled_from(["gpt2", "llama"]).flatmap(lambda kind: damaged_bytes(whole(kind)))
NUMBERS = st.sampled_from([0, 1, 7, 8, 9, 255, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1])


@st.composite
def with_other_numbers(draw: st.DrawFn) -> bytes:
    """A whole file in whose header counts, lengths and types are replaced."""
    data = bytearray(whole(draw(st.sampled_from(["gpt2", "llama"]))))
    for _ in range(draw(st.integers(1, 4))):
        width = draw(st.sampled_from([4, 8]))
        limit = draw(st.sampled_from([64, 1200, len(data)]))
        place = draw(st.integers(4, limit - width))
        number = draw(NUMBERS | st.integers(0, 2**64 - 1)) & (1 << 8 * width) - 1
        data[place : place + width] = number.to_bytes(width, "little")
    return bytes(data)


@given(DAMAGED | with_other_numbers() | st.binary(max_size=300).map(lambda data: b"GGUF" + data))
@example(b"GGUF" + struct.pack("<IQQ", 3, 0, 2**16) + bytes(200))
@example(b"GGUF" + struct.pack("<IQQ", 3, 2**18, 0) + bytes(200))
def test_a_gguf_file(data: bytes) -> None:
    examine(data)


KEYS = [
    "general.architecture",
    "general.type",
    "general.name",
    "general.file_type",
    "general.alignment",
    "split.count",
    "split.tensors.count",
    "llama.context_length",
    "llama.attention.head_count",
    "llama.attention.head_count_kv",
    "llama.full_attention_interval",
    "llama.pooling_type",
    "tokenizer.ggml.model",
    "tokenizer.ggml.pre",
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.scores",
    "tokenizer.ggml.merges",
    "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.add_bos_token",
    "tokenizer.chat_template",
]
VALUES = (
    st.integers(0, 2**32 - 1)
    | st.booleans()
    | st.text(max_size=20)
    | st.sampled_from(["llama", "gpt2", "t5", "gemma4", "a\nb", "x" * 5000])
    | st.lists(st.integers(-5, 300), min_size=1, max_size=5)
    | st.lists(st.text(max_size=6), min_size=1, max_size=5)
    | st.lists(st.floats(width=32), min_size=1, max_size=5)
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=4))
@example({"tokenizer.ggml.tokens": ["", "a"], "tokenizer.ggml.merges": [" ", "a ", " a", ""]})
@example({"general.architecture": "a\nb", "tokenizer.ggml.model": "c\nd"})
@example({"llama.attention.head_count": 0, "llama.full_attention_interval": 0})
def test_the_values_of_a_gguf_file(values: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "b.gguf")
        architecture = values.pop("general.architecture", "llama")
        name = architecture if isinstance(architecture, str) else "llama"
        write_gguf(file, architecture=name, values=values)
        examine(file.read_bytes())
