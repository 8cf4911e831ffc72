"""Imports OpenVINO, quietly."""

import importlib
import sys
from typing import Any

from bot.worker.protocol import LoadError


def import_openvino() -> Any:
    """The ``openvino`` module, with its usage reports left out. Raises LoadError."""
    # ``import openvino`` brings Intel's reporting package with it, which tells a server about
    # conversions unless it is told not to. Parley tells nobody anything: without the package,
    # OpenVINO uses a stand-in of its own that does nothing.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    return _import("openvino")


def import_genai() -> Any:
    """The ``openvino_genai`` module. Raises LoadError."""
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
