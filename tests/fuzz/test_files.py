"""Whatever a file or a variable holds, reading it ends with a value or with one clear line."""

import json
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.config import Settings, load
from bot.errors import ConfigError, ModelError, ParleyError
from bot.models.find import missing_weights
from bot.models.folder import ModelFolder
from bot.prompting.formats import format_for
from bot.prompting.jinja_template import ChatTemplate, Message
from bot.prompting.spans import Span
from bot.prompting.tokenizer import TextTokenizer
from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.safetensors_file import Checkpoint
from bot.worker.protocol import LoadError
from tests.chat_templates import CHATML, LLAMA3, MISTRAL
from tests.fuzz.mutations import JSON, damaged_bytes, damaged_json
from tests.tiny_tokenizer import tokenizer_json, write_model_folder

SETTINGS = (Path(__file__).parents[2] / "config.example.toml").read_bytes()
CONFIG = {
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 2048,
    "rope_scaling": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
    "bos_token_id": 1,
    "eos_token_id": [2],
    "text_config": {"model_type": "llama"},
}
TOKENIZER_CONFIG = {
    "bos_token": "<s>",
    "eos_token": {"content": "</s>"},
    "model_max_length": 2048,
    "added_tokens_decoder": {"2": {"content": "</s>"}},
    "chat_template": [{"name": "default", "template": "{{ messages[0].content }}"}],
}
SPECIAL_TOKENS_MAP = {
    "bos_token": {"content": "<s>", "lstrip": False},
    "additional_special_tokens": ["<|im_start|>", {"content": "<|im_end|>"}],
}
GENERATION_CONFIG = {"bos_token_id": 1, "eos_token_id": [2, 3]}
HEADER = {
    "__metadata__": {"format": "pt"},
    "model.embed_tokens.weight": {"dtype": "F16", "shape": [4, 2], "data_offsets": [0, 16]},
    "lm_head.weight": {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]},
}
INDEX = {"metadata": {"total_size": 1}, "weight_map": {"lm_head.weight": "model.safetensors"}}


def ends_in_one_line(
    read: Callable[[], object], expected: type[Exception] = ParleyError
) -> object | None:
    """What `read` returns, or None after an `expected` error of one line. Others fail the test."""
    raised: Exception
    try:
        return read()
    except expected as error:
        raised = error
    said = str(raised)
    assert said.strip()
    assert len(said.splitlines()) == 1, said
    assert len(said) < 1500, said
    return None


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


# ---------------------------------------------------------------- settings


def settings_end_in_lines(file: Path | None, environment: dict[str, str]) -> None:
    lines, settings = [], Settings()
    try:
        settings = load(file, environment)
    except ConfigError as error:
        lines = str(error).split("\n")
    for line in lines:
        assert line.startswith((str(file), "PARLEY_")), line
        assert len(line) < 2500, line
        assert line.isprintable(), line
    for read in (lambda: settings.database_url, lambda: settings.cache_folder):
        ends_in_one_line(read, ConfigError)


@given(damaged_bytes(SETTINGS) | st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"a = " + b"[" * 100_000)
@example(b'"a\\nb" = 1\n')
@example(b'[model]\n"a\\nb" = 1\n["c\\u0007"]\n')
@example(b"[limits]\nqueue = " + b"9" * 5000)
@example(b'[model]\nname = "a\\u0000b"')
@example(SETTINGS.decode().encode("utf-16"))
def test_a_settings_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "config.toml")
        file.write_bytes(data)
        settings_end_in_lines(file, {})


KEYS = [f"{a}__{b}" for a in ("MODEL", "DISCORD", "SLACK", "LIMITS") for b in ("NAME", "QUEUE")]
VARIABLES = st.dictionaries(
    st.builds(
        "PARLEY_{}".format,
        st.sampled_from(
            [
                *KEYS,
                "MODEL__OPENAI__BASE_URLS",
                "MODEL__ENVIRONMENT",
                "SLACK__ALLOWED_PEOPLE",
                "STORAGE__URL",
                "MODEL__CACHE_DIR",
                "MODEL",
                "__",
                "MODEL____NAME",
            ]
        )
        | st.text(st.characters(exclude_characters="\0="), max_size=20),
    ),
    # What a process can have in its environment: no NUL, and stray bytes as surrogates.
    st.text(st.characters(exclude_characters="\0"), max_size=60)
    | st.sampled_from(["[" * 50_000, "[1", '["a", 2]', "\udcff", "~nobody/x", "1e999", "nan"]),
    max_size=4,
)


@given(VARIABLES)
def test_the_environment(environment: dict[str, str]) -> None:
    settings_end_in_lines(None, environment)


# ---------------------------------------------------------------- a model's folder


def examine(folder: Path) -> None:
    """Read the folder as the bot does, then as the worker does."""
    read = ends_in_one_line(lambda: ModelFolder.read(folder), ModelError)
    if isinstance(read, ModelFolder) and read.chat_template is None:
        ends_in_one_line(lambda: format_for(read, chat=False), ModelError)
    ends_in_one_line(lambda: read_config(folder), LoadError)


def damaged(name: str, content: dict[str, Any]) -> st.SearchStrategy[tuple[str, bytes]]:
    texts = damaged_json(content).map(as_json) | damaged_bytes(as_json(content)) | JSON.map(as_json)
    return st.tuples(st.just(name), texts)


@given(
    damaged("config.json", CONFIG)
    | damaged("tokenizer_config.json", TOKENIZER_CONFIG)
    | damaged("generation_config.json", GENERATION_CONFIG)
    | damaged("special_tokens_map.json", SPECIAL_TOKENS_MAP)
    | damaged("added_tokens.json", {"<|im_start|>": 512, "<|im_end|>": 513})
    | damaged("chat_template.json", {"chat_template": 1})
)
@example(("config.json", as_json(CONFIG | {"model_type": "a\nb"})))
@example(("config.json", as_json(CONFIG | {"hidden_act": "a\nb" * 3000})))
@example(("config.json", as_json(CONFIG | {"vocab_size": 10**300, "hidden_size": 10**300})))
@example(("config.json", as_json(CONFIG | {"rope_scaling": [1]})))
@example(("config.json", b"[" * 100_000))
@example(("config.json", as_json(CONFIG).decode().encode("utf-8-sig")))
def test_a_models_json_files(file: tuple[str, bytes]) -> None:
    name, data = file
    with tempfile.TemporaryDirectory() as place:
        folder = write_model_folder(Path(place), chat_template=None)
        if name == "tokenizer_config.json":
            (folder / "config.json").write_bytes(as_json(CONFIG))
        (folder / name).write_bytes(data)
        examine(folder)


@given(
    damaged_json(json.loads(tokenizer_json())).map(as_json)
    | damaged_bytes(tokenizer_json().encode())
    | JSON.map(as_json)
)
def test_a_tokenizer(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tokenizer.json").write_bytes(data)
        read = ends_in_one_line(lambda: TextTokenizer.load(Path(folder)), ModelError)
    if isinstance(read, TextTokenizer):
        ids = read.encode_text("Hello <s> there", start=True)
        read.decode([*ids, 0, 5, 600], show_control=True)
        read.split_control("<s>Hello</s>")


SNIPPETS = st.sampled_from(
    [
        "{{ messages }}",
        "{% for m in messages %}{{ m.content }}{% endfor %}",
        "{{ 'x' * 10**10 }}",
        "{{ 10**10**5 }}",
        "{{ messages | map('center', 10**9) | join }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{% set x = messages * 10**8 %}",
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ " + "[" * 3000 + "]" * 3000 + " }}",
        "{% if 1 %}" * 500,
        "{{ strftime_now('%c' * 10**6) }}",
        "{{ raise_exception('a\nb' * 10**6) }}",
        "{{ range(99999) | list | tojson(indent=9999) }}",
        "{{ messages[0].content.split(messages[0].content) }}",
        "{{ messages[0].content.replace('', 'x' * 10**8) }}",
        "{{ messages[0].content % messages }}",
        "{{ '{:>10}'.format(messages[0].content) | join(messages[0].content) }}",
        "{{ messages[0].content.encode().decode('x') }}",
        "{{ messages[0].content[::3] ~ messages[0] ~ messages[0].content.translate({}) }}",
        "{{ ''.__class__ }}",
        "{% include 'x' %}",
        "{{ loop }}",
        "\ud800",
        "\0",
    ]
)


@pytest.mark.process
@given(
    damaged_bytes(CHATML.encode()).map(lambda data: data.decode("utf-8", "replace"))
    | damaged_bytes(LLAMA3.encode()).map(lambda data: data.decode("utf-8", "replace"))
    | damaged_bytes(MISTRAL.encode()).map(lambda data: data.decode("utf-8", "replace"))
    | st.lists(SNIPPETS | st.text(max_size=20), max_size=4).map("".join)
)
def test_a_chat_template(source: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = write_model_folder(Path(place), chat_template="x")
        read = ModelFolder.read(folder)
    facts = {name: getattr(read, name) for name in ModelFolder.__slots__}
    hostile = ModelFolder(**facts | {"chat_template": source})
    template = ends_in_one_line(lambda: ChatTemplate(hostile), ModelError)
    if isinstance(template, ChatTemplate):
        for roles in (["system", "user"], ["user"], ["user", "assistant", "user"]):
            sent = [Message(role, (Span("</think> Hi <s>"),), thought="So") for role in roles]
            ends_in_one_line(lambda m=sent: template.render(m, answer_next=True), ModelError)  # type: ignore[misc]


# ---------------------------------------------------------------- weights


def safetensors(header: bytes, length: int | None = None, data: bytes = bytes(24)) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


HEADERS = (
    st.binary(max_size=100)
    | damaged_json(HEADER).map(as_json).map(safetensors)
    | damaged_bytes(as_json(HEADER)).map(safetensors)
    | damaged_bytes(safetensors(as_json(HEADER)))
    | st.integers(0, 2**64 - 1).map(lambda length: safetensors(as_json(HEADER), length))
)


@given(HEADERS)
def test_the_header_of_weights(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "model.safetensors").write_bytes(data)
        checkpoint = ends_in_one_line(lambda: Checkpoint(Path(folder)), LoadError)
        if isinstance(checkpoint, Checkpoint):
            for name in ("lm_head.weight", "nothing"):
                ends_in_one_line(lambda n=name: checkpoint.rows(n, 0, 1), LoadError)  # type: ignore[misc]


@given(damaged_json(INDEX).map(as_json) | damaged_bytes(as_json(INDEX)) | JSON.map(as_json))
@example(as_json({"weight_map": {"a": 1, "b": "x"}}))
@example(as_json({"weight_map": {"a": "\0"}}))
@example(as_json({"weight_map": {"a": "x" * 5000}}))
@example(as_json({"weight_map": [1]}))
def test_the_index_of_weights(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "model.safetensors.index.json").write_bytes(data)
        assert len(missing_weights(Path(folder)).splitlines()) <= 1
        ends_in_one_line(lambda: Checkpoint(Path(folder)), LoadError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_folder_in_place_of_a_file(tmp_path: Path, name: str) -> None:
    folder = write_model_folder(tmp_path, chat_template=None)
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    examine(folder)
