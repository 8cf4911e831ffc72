"""What kind of model a folder or a repository of the Hub holds, and what would run it here.

`kind_of` needs no more than `bot.models.repository.Repository`: config.json and two more small
files, and the names and sizes of the others. So it answers before anything large is downloaded or
converted. Why a model does not run, and what to use instead, is in `bot.models.unsuited`.

Sources of the layouts:

- Hugging Face: https://huggingface.co/docs/transformers/main_classes/configuration
- OpenVINO exports, as optimum-intel writes them (``OV_XML_FILE_NAME`` and others in
  https://github.com/huggingface/optimum-intel/blob/main/optimum/intel/openvino/utils.py)
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bot.errors import ModelError
from bot.models.gguf_files import gguf_models
from bot.models.repository import Repository, read_repository
from bot.models.unsuited import TEXT_EXPORT, VISION_EXPORT, Unsuited, why_unsuited
from bot.worker.conversion.architectures import MODEL_TYPES

_PRECISION = re.compile(
    r"(?<![a-z0-9])(int4|int8|nf4|fp16|fp32|bf16|mxfp4)(?![a-z0-9])", re.IGNORECASE
)
_TRANSFORMERS = (".safetensors", ".bin")
"""Endings of weights that transformers reads."""
_LLAMA2_VOCABULARY = 33_000
"""Llama 2 was published without a chat template; `bot.prompting` knows its format."""


class Kind(StrEnum):
    """The layout of a model's files."""

    OPENVINO = "openvino"
    """A text model that was exported for OpenVINO."""
    OPENVINO_VISION = "openvino-vision"
    """A vision-language model that was exported for OpenVINO; its language part answers texts."""
    HUGGING_FACE = "hugging-face"
    """config.json and weights as safetensors."""
    GGUF = "gguf"
    """llama.cpp's format: weights, tokenizer and chat template in one file."""
    UNSUITED = "unsuited"
    """Nothing here runs it: see `ModelKind.refusal`."""


@dataclass(frozen=True, slots=True)
class Route:
    """A way to run a model."""

    backend: str
    """The value of ``[model] backend``."""
    how: str = ""
    """What that takes, in a few words for people; "" where it runs as it is."""

    def __str__(self) -> str:
        return f"{self.backend} ({self.how})" if self.how else self.backend


CONVERTED = Route("openvino", "converted at the first start")
EXPORTED = Route(
    "openvino", "after “parley backend install export” and “parley model prepare” have exported it"
)
TORCH = Route("torch", "unquantized unless [model] low_bit says otherwise")
GGUF_WITHOUT_SERVER = Route("openvino", "without llama-server: architectures that OpenVINO knows")


@dataclass(frozen=True, slots=True)
class ModelKind:
    """What a model is, and what would run it."""

    kind: Kind
    title: str
    """For people: "an OpenVINO export, INT4"."""
    routes: tuple[Route, ...] = ()
    """The ways to run it here, the best first; empty where nothing does."""
    weights: tuple[str, ...] = ()
    """The files that these ways read its weights from. Of a repository with several GGUF
    quantizations, all of them: `bot.models.gguf_files` chooses one."""
    refusal: str = ""
    """Why nothing runs it, and the way that works, in one line; "" where something does."""
    note: str = ""
    """A word about a model that runs; mostly ""."""

    @property
    def backends(self) -> tuple[str, ...]:
        """The backends of the routes, without repetition, the best first."""
        return tuple(dict.fromkeys(route.backend for route in self.routes))


def kind_of(model: Repository) -> ModelKind:
    """What kind of model these files are. Never raises: what is not recognised is UNSUITED."""
    if found := why_unsuited(model):
        return _refused(found)
    if _has(model, TEXT_EXPORT):
        title = f"an OpenVINO export{_precision(model.name)}"
        return ModelKind(
            Kind.OPENVINO, title, (Route("openvino"),), TEXT_EXPORT, note=_template_note(model)
        )
    if _has(model, VISION_EXPORT):
        return _vision_export(model)
    if weights := _safetensors(model):
        return _hugging_face(model, weights)
    # why_unsuited has refused everything that has none of these
    return _gguf(model)


def require_suited(path: Path, backend: str) -> None:
    """Raise ModelError, with the way that works, where nothing runs the model at `path`. With a
    `backend` of transformers' (torch, ipex), named in the settings, that is left to transformers,
    which knows more formats of its own, but neither GGUF nor OpenVINO's. Blocks."""
    if not path.exists():
        return
    model = read_repository(path)
    kind = kind_of(model)
    if backend not in ("torch", "ipex"):
        if kind.refusal:
            raise ModelError(kind.refusal)
        return
    own = [file for file in model.at_top(*_TRANSFORMERS) if not file.startswith("openvino_")]
    if kind.kind in (Kind.GGUF, Kind.OPENVINO, Kind.OPENVINO_VISION) and not own:
        raise ModelError(
            f'{path} is {kind.title}, which backend = "{backend}" does not run: set [model] '
            'backend = "auto", or name the folder of the original model.'
        )


def _refused(found: Unsuited) -> ModelKind:
    return ModelKind(Kind.UNSUITED, found.title, refusal=found.line)


def _vision_export(model: Repository) -> ModelKind:
    return ModelKind(
        Kind.OPENVINO_VISION,
        f"an OpenVINO export of a vision-language model{_precision(model.name)}",
        (Route("openvino", "texts only"),),
        tuple(model.at_top(".xml", ".bin")),
        note=_template_note(model),
    )


def _hugging_face(model: Repository, weights: list[str]) -> ModelKind:
    model_type = _text(model.config.get("model_type"))
    own_type = f"a Hugging Face model of type {model_type}" if model_type else "a model"
    routes = (CONVERTED, TORCH) if model_type in MODEL_TYPES else (EXPORTED, TORCH)
    return ModelKind(
        Kind.HUGGING_FACE,
        own_type,
        routes,
        tuple(weights),
        note=_template_note(model) or _code_note(model, model_type),
    )


def _gguf(model: Repository) -> ModelKind:
    models = gguf_models(model.gguf)
    quantizations = sorted({found.quantization for found in models if found.quantization})
    title = "a GGUF model"
    if len(quantizations) == 1:
        title += f", {quantizations[0]}"
    elif quantizations:
        title += f" in {len(quantizations)} quantizations"
    return ModelKind(Kind.GGUF, title, (Route("llamacpp"), GGUF_WITHOUT_SERVER), tuple(model.gguf))


def _safetensors(model: Repository) -> list[str]:
    # Mistral's repositories hold the weights a second time, as consolidated*.safetensors.
    return [
        path
        for path in model.at_top(".safetensors")
        if not path.startswith(("consolidated", "adapter_"))
    ]


def _has(model: Repository, paths: Iterable[str]) -> bool:
    return all(path in model.sizes for path in paths)


def _precision(name: str) -> str:
    """The precision that a name states, as ", INT4"; "" where it states none."""
    found = _PRECISION.findall(name)
    return f", {found[-1].upper()}" if found else ""


def _template_note(model: Repository) -> str:
    """A word about a model without a chat template; "" where it has one, or that is not known."""
    tokenizer = model.documents.get("tokenizer_config.json")
    if tokenizer is None or tokenizer.get("chat_template"):
        return ""
    beside = ("chat_template", "additional_chat_templates/")
    if any(path.startswith(beside) for path in model.sizes) or _is_llama2(model):
        return ""
    return (
        "It has no chat template, so it is a base model that only completes texts (parley complete)"
    )


def _is_llama2(model: Repository) -> bool:
    vocabulary = model.config.get("vocab_size")
    small = isinstance(vocabulary, int) and 0 < vocabulary <= _LLAMA2_VOCABULARY
    return model.config.get("model_type") == "llama" and small


def _code_note(model: Repository, model_type: str) -> str:
    if "auto_map" in model.config and model_type not in MODEL_TYPES:
        return "It brings program code of its own, which is never run"
    return ""


def _text(value: object) -> str:
    """`value` if it is a short printable text; else ""."""
    return value if isinstance(value, str) and value.isprintable() and len(value) < 60 else ""
