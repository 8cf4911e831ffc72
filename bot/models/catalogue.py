"""The catalogue: some models that people run, with what is needed to choose among them.

The facts are in ``catalogue.toml`` beside this module, each row with its sources. They are checked
when they are read, so that a wrong row is an error of the tests and never of a user.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("catalogue.toml")

CONTEXT = 8192
"""Tokens of the context window for which memory is estimated: a long conversation."""

OVERHEAD = 1.05
"""Memory of a loaded model by the size of its weights: what the libraries take beside them."""

SMALL = 1.0
"""Billions of parameters below which the converter keeps 8 bits a weight."""


class Route(StrEnum):
    """How a model of the catalogue is run."""

    OPENVINO = "openvino"
    """A ready export for OpenVINO."""
    GGUF = "gguf"
    """A GGUF file, by llama-server."""
    CONVERTER = "converter"
    """Hugging Face's weights, converted and quantized at the first start."""


class Thinking(StrEnum):
    """Whether a model thinks before it answers."""

    ALWAYS = "always"
    SWITCH = "switch"
    """It does, and can be told not to."""
    NO = "no"


@dataclass(frozen=True, slots=True)
class Source:
    """Where facts of a row were found."""

    url: str
    says: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A model of the catalogue."""

    name: str
    """Its value for ``[model] name`` and for ``parley model pull``."""
    base: str
    """The model without its packaging."""
    family: str
    licence: str
    gated: bool
    """Its terms have to be accepted at the Hub first."""
    parameters: float
    """Billions."""
    active: float
    """Billions that one token passes through."""
    download: int
    """Bytes."""
    context: int
    """Tokens."""
    cache: int
    """Bytes of KV cache per token, at 16 bits."""
    route: Route
    thinking: Thinking
    sources: tuple[Source, ...]

    @property
    def weights(self) -> int:
        """Bytes of the weights as they are loaded."""
        if self.route is not Route.CONVERTER:
            return self.download
        bits = 8.5 if self.parameters < SMALL else 4.5
        return int(self.parameters * 1e9 * bits / 8)

    @property
    def memory(self) -> int:
        """Bytes that it needs with one conversation of `CONTEXT` tokens."""
        return int(self.weights * OVERHEAD) + min(CONTEXT, self.context) * self.cache


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All rows, in the order of the file, and when their sources were read."""

    seen: date
    models: tuple[Listing, ...]


@cache
def load_catalogue() -> Catalogue:
    """The catalogue that comes with Parley. Blocks at the first call."""
    with FILE.open("rb") as file:
        return parse(tomllib.load(file))


def parse(content: dict[str, Any]) -> Catalogue:
    """The catalogue in `content`. Raises ValueError, which names the row, where it is wrong."""
    models = []
    for row in content["models"]:
        try:
            models.append(_listing(row))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{row.get('name', '?')}: {error}") from error
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise ValueError("a name stands twice")
    return Catalogue(content["seen"], tuple(models))


def _listing(row: dict[str, Any]) -> Listing:
    sources = tuple(Source(**source) for source in row["sources"])
    if not sources or not all(source.url.startswith("https://") for source in sources):
        raise ValueError("it needs a source")
    if not 0 < row["active"] <= row["parameters"]:
        raise ValueError("active parameters are more than there are")
    if min(row["download"], row["context"], row["cache"]) <= 0:
        raise ValueError("a size is not positive")
    typed = {"route": Route(row["route"]), "thinking": Thinking(row["thinking"])}
    return Listing(**{**row, **typed, "sources": sources})
