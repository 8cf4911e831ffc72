"""A script in place of a Python interpreter: it says what "auto" means, and which device it has."""

import json
from pathlib import Path


def interpreter_that_chooses(folder: Path, *, advice: str, device: str = "CPU") -> str:
    """An executable in `folder` that chooses OpenVINO with `advice` and finds one
    `device`, whatever machine it is."""
    choice = {"backend": "openvino", "reason": "it was asked", "advice": advice, "error": ""}
    found = {"name": device, "title": "Some Device", "memory": None, "driver": "", "shared": False}
    probe = {"python": "3.12.1", "packages": {}, "devices": [found], "error": ""}
    for name, facts in (("choice", choice), ("probe", probe)):
        (folder / f"{name}.json").write_text(json.dumps(facts) + "\n")
    python = folder / "python"
    python.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *choose*) cat "{folder}/choice.json";; *) cat "{folder}/probe.json";; esac\n'
    )
    python.chmod(0o755)
    return str(python)
