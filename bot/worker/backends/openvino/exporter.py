"""Exports architectures that Parley's own converter does not know, once, with optimum-intel.

optimum-intel runs in an environment of its own (`parley backend install export`), in a process that
ends with this one. The result is kept among the converted models.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bot.worker.backends.openvino.joined import join
from bot.worker.backends.openvino.library import (
    LANGUAGE_FILE,
    MODEL_FILE,
    PART_NAMES,
    exported_file,
)
from bot.worker.conversion.convert import low_bit_for
from bot.worker.conversion.model_cache import converted_name, get_or_convert
from bot.worker.memory import available_memory
from bot.worker.protocol import LoadError, Progress

SCRIPT = Path(__file__).with_name("export_script.py")

HOW = "parley backend install export, then parley model prepare"


def kind_of(low_bit: str) -> str:
    """Names exports with this quantization in the cache of converted models."""
    return f"export_{low_bit}"


def resolve_export_low_bit(source: Path, low_bit: str) -> str:
    """The quantization for ``[model] low_bit``, as for what is converted: "auto" by the size of the
    model in `source`, whose weights have 16 bits as a rule. Raises LoadError for an unknown
    name."""
    return low_bit_for(low_bit, _weights(source) // 2)


def find_exported(source: Path, cache_dir: str, low_bit: str) -> Path | None:
    """The export of the model in `source` with this quantization, if it is in the cache. Raises
    LoadError where `source` holds no weights."""
    if not cache_dir:
        return None
    folder = Path(cache_dir) / converted_name(source, kind_of(low_bit))
    return folder if (folder / MODEL_FILE).is_file() else None


def exported(source: Path, cache_dir: str, low_bit: str, python: str, report: Progress) -> Path:
    """The folder with the model in `source` exported by the interpreter `python`, which has
    optimum-intel; exported now if it is not cached. Raises LoadError where it cannot be exported or
    where memory or disk are too small, and as `get_or_convert` does."""
    if not cache_dir:
        raise LoadError("[model] cache_dir is missing: it holds the exported models")

    def make(folder: Path) -> None:
        _require_room(source, folder)
        _export(source, folder, low_bit, python, report)

    return get_or_convert(source, Path(cache_dir), kind_of(low_bit), MODEL_FILE, make, report)


def _export(source: Path, target: Path, low_bit: str, python: str, report: Progress) -> None:
    report("Looking up how to export the model", 0, 0)
    (found,) = list(_run(python, "", "which", str(source)))[-1:] or [{}]
    for said in _run(python, found.get("folder", ""), "export", str(source), str(target), low_bit):
        report(said.get("progress", ""), 0, 0)
    if exported_file(target) is None:  # or the parts of one
        raise LoadError(f"{source} cannot be exported: optimum-intel wrote no model; see the log")
    if (target / LANGUAGE_FILE).is_file():
        report("Joining the parts of the model", 0, 0)
        join(target, target)
        for name in PART_NAMES:
            for part in target.glob(f"{name}.*"):
                part.unlink()
    for config in source.glob("*.json"):
        if "index" not in config.name and not (target / config.name).exists():
            shutil.copyfile(config, target / config.name)


def _run(python: str, folder: str, *arguments: str) -> Iterator[dict[str, str]]:
    """What the script says. Raises LoadError where it fails, with its reason. The process is ended
    where the caller stops reading."""
    environment = _environment(folder)
    try:
        process = subprocess.Popen(  # noqa: S603
            [python, str(SCRIPT), *arguments],
            stdin=subprocess.PIPE,  # its end ends the process
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
    except OSError as exc:
        raise LoadError(f"{python} cannot be started ({exc.strerror}): run {HOW}") from exc
    with process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said = _parsed(line)
                if "error" in said:
                    raise LoadError(_refusal(Path(arguments[1]), said["error"]))
                if said:
                    yield said
            process.wait()
        finally:
            process.kill()
    if process.returncode:
        raise LoadError(
            f"{arguments[1]} cannot be exported: the process of optimum-intel ended with code "
            f"{process.returncode}, perhaps because memory ran out"
        )


def _refusal(source: Path, reason: str) -> str:
    return (
        f"{source} cannot be exported ({reason}): use a GGUF file of the model, which llama.cpp "
        'runs, or [model] backend = "torch"'
    )


def _parsed(line: str) -> dict[str, str]:
    """One line of the script; {} for what a library printed."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _environment(folder: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | ({"PYTHONPATH": folder} if folder else {})


def _weights(source: Path) -> int:
    """Bytes of the original's weights."""
    files = [*source.glob("*.safetensors"), *source.glob("pytorch_model*.bin")]
    return sum(file.stat().st_size for file in files)


def _require_room(source: Path, target: Path) -> None:
    """Raises LoadError where memory or disk are too small: optimum-intel holds the original and the
    exported model, and writes the latter before it is quantized."""
    needed = 2 * _weights(source)
    free, memory = shutil.disk_usage(target).free, available_memory()
    if memory is not None and memory < needed:
        raise LoadError(
            f"the export of {source.name} needs about {needed / 1e9:.1f} GB of main memory, and "
            f"only {memory / 1e9:.1f} GB are free: end other programs, export it on a larger "
            "machine, or use a GGUF file of the model"
        )
    if free < needed:
        raise LoadError(
            f"the export of {source.name} needs {needed / 1e9:.1f} GB in {target.parent} and only "
            f"{free / 1e9:.1f} GB are free: make room, or set [model] cache_dir to another disk"
        )
