"""The small chat model that comes with Parley: its folder, and verifying its files.

No module here loads a model. The weights are made by `tools/demo_model`; docs/demo-model.md
describes how, and what the model can do.
"""

import hashlib
from pathlib import Path

from bot.errors import ModelError

SUMS = "SHA256SUMS"
"""A line for each file: SHA-256, size in bytes and name, separated by spaces."""
_REMEDY = "install Parley again, or run 'git checkout -- bot/demo_model' in a clone"


def directory() -> Path:
    """The model's folder, in Hugging Face's layout."""
    return Path(__file__).parent


def verify(folder: Path | None = None) -> None:
    """Raise ModelError, with one line, unless every file has its size and checksum of SHA256SUMS.

    Blocks: reads each file once (23 MB in all). The size is compared first, so that a file that an
    interrupted copy truncated is reported as such.
    """
    folder = directory() if folder is None else folder
    for checksum, size, name in _expected(folder):
        _verify_file(folder / name, checksum, size)


def _expected(folder: Path) -> list[tuple[str, int, str]]:
    path = folder / SUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"The demo model's {path} cannot be read: {_REMEDY}.") from error
    try:
        entries = [(c, int(s), n) for c, s, n in (line.split() for line in lines)]
    except ValueError as error:
        raise ModelError(f"The demo model's {path} is damaged: {_REMEDY}.") from error
    if not any(name == "model.safetensors" for _, _, name in entries):
        raise ModelError(f"The demo model's {path} does not list the weights: {_REMEDY}.")
    return entries


def _verify_file(path: Path, checksum: str, size: int) -> None:
    try:
        found = path.stat().st_size
        if found < size:
            raise ModelError(
                f"The demo model's {path} is truncated ({found} of {size} bytes): {_REMEDY}."
            )
        with path.open("rb") as file:
            matches = found == size and hashlib.file_digest(file, "sha256").hexdigest() == checksum
    except FileNotFoundError as error:
        raise ModelError(f"The demo model's {path} is missing: {_REMEDY}.") from error
    except OSError as error:
        raise ModelError(f"The demo model's {path} cannot be read: {_REMEDY}.") from error
    if not matches:
        raise ModelError(f"The demo model's {path} was altered (wrong checksum): {_REMEDY}.")
