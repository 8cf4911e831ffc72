"""Recognizes OpenVINO's format, and imports OpenVINO without its telemetry."""

import importlib
import sys
from pathlib import Path
from typing import Any

from bot.worker.protocol import LoadError

MODEL_FILE = "openvino_model.xml"
"""The file that marks a folder as a model in OpenVINO's format."""

LANGUAGE_FILE = "openvino_language_model.xml"
"""The file that marks a folder as a vision-language model in OpenVINO's format: its language model,
which reads embeddings instead of token ids."""

EMBEDDINGS_FILE = "openvino_text_embeddings_model.xml"
"""The part of a vision-language model that turns token ids into embeddings."""

PART_NAMES = (
    "openvino_language_model",
    "openvino_text_embeddings_model",
    "openvino_text_embeddings_per_layer_model",
)
"""The names, without suffix, of the parts of a vision-language model that are for text."""


def exported_file(folder: Path) -> Path | None:
    """The main file of the model that `folder` holds in OpenVINO's format; None where it holds
    none."""
    for name in (MODEL_FILE, LANGUAGE_FILE):
        if (folder / name).is_file():
            return folder / name
    return None


def import_openvino() -> Any:
    """The ``openvino`` module, without telemetry. Raises LoadError where it is not installed."""
    # ``import openvino`` imports Intel's openvino_telemetry, which by default reports conversions
    # to a server. Parley sends no usage data: where that import fails, OpenVINO uses its own
    # stand-in, which does nothing.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    return _import("openvino")


def import_genai() -> Any:
    """The ``openvino_genai`` module. Raises LoadError where it is not installed."""
    import_openvino()
    return _import("openvino_genai")


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise LoadError(
            f'backend "openvino" needs openvino-genai, which {sys.executable} does not have or '
            f"cannot load ({exc}): run {sys.executable} -m pip install openvino-genai"
        ) from exc
