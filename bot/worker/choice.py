"""Says which back end ``backend = "auto"`` means, without loading anything.

    python …/bot/worker/__main__.py choose '{"model": …, "device": …, "low_bit": …}'

in the model's interpreter. The fields are those of `bot.worker.protocol.LoadOptions`. The last
line on stdout is one JSON object: ``backend``, ``reason`` and ``error``.
"""

import json
import sys

from bot.worker.backends.choose import choose_backend
from bot.worker.protocol import LoadOptions


def run() -> int:
    """Choose as a start would, and print it."""
    facts = {"backend": "", "reason": "", "error": ""}
    try:
        choice = choose_backend(LoadOptions("auto", **json.loads(sys.argv[2])))
        facts |= {"backend": choice.backend, "reason": choice.reason}
    except Exception as exc:
        # Whatever a broken installation raises is the finding.
        facts["error"] = f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"
    sys.stdout.write("\n" + json.dumps(facts) + "\n")
    return 0
