"""A llama-server for tests: a small program (`program.py`) that behaves like the documented
endpoints of llama.cpp's server, with a script instead of a model."""

import json
import sys
from pathlib import Path
from typing import Any

import gguf

from tests.fake_llama import program
from tests.fake_llama.program import BYTE, END

__all__ = ["BYTE", "END", "HELP", "arguments", "received", "write_fake_server", "write_header"]

HELP = (
    "--host --api-key --api-key-file -np, --parallel --fit --no-context-shift --list-devices "
    "--no-ui --threads-http --chat-template --cache-ram"
)


def write_fake_server(folder: Path, **behaviour: Any) -> str:
    """An executable in `folder` that behaves as told; gives its path. `behaviour`:

    script         the ids of the answer (default: 10, 11 … 29, then `END`)
    seconds        between two tokens
    prefill        events about the prompt's progress before the first token
    devices        lines of ``--list-devices``
    version, help  what the program prints; ``signal``: it kills itself with this one instead
    load           lines of the log while it loads; ``load_code``: it then ends with this exit code,
                   or of the signal with the negative number
    never_ready    it loads for ever
    crash_after    it ends, with the line ``crash``, after so many tokens
    send           raw lines in place of the events; then the connection is closed
    refuse         the message of a 400
    shift          is added to every id that ``/tokenize`` gives
    space          ``/tokenize`` puts a space before every text, as SentencePiece's dummy prefix
    """
    path = folder / "llama-server"
    values = {"folder": str(folder), "help": HELP} | behaviour
    path.write_text(
        f"#!{sys.executable}\n"
        "import runpy\n"
        f"runpy.run_path({program.__file__!r}, {{'BEHAVIOUR': {values!r}}}, '__main__')\n"
    )
    path.chmod(0o755)
    return str(path)


def write_header(file: Path, **values: int | float | str | list[int]) -> str:
    """A GGUF file with metadata and no weights; gives its path. `values` replace or add keys of the
    architecture."""
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    known: dict[str, int | float | str | list[int]] = {
        "context_length": 8192,
        "block_count": 4,
        "embedding_length": 64,
        "attention.head_count": 8,
        "attention.head_count_kv": 2,
    }
    for key, value in (known | values).items():
        if isinstance(value, list):
            writer.add_array(f"llama.{key}", value)
        elif isinstance(value, str):
            writer.add_string(f"llama.{key}", value)
        elif isinstance(value, float):
            writer.add_float32(f"llama.{key}", value)
        else:
            writer.add_uint32(f"llama.{key}", value)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return str(file)


def received(folder: Path) -> list[dict[str, Any]]:
    """The completions that the fake in `folder` was asked for, in order."""
    log = folder / "received.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def arguments(folder: Path) -> list[str]:
    """The arguments with which it was started last."""
    found: list[str] = json.loads((folder / "arguments.json").read_text())
    return found
